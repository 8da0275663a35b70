import { type NirNode, sizeOf } from './read-graph.js'

/** A convolution as scatter: for every input channel and tap, the output channels whose weight is not zero. */
export class Taps {
  readonly #node: Extract<NirNode, { readonly type: 'Conv2d' }>
  readonly #from: Int32Array
  readonly #to: Int32Array
  readonly #weight: Float32Array
  /** [places, channels], so that what one spike reaches at a tap lies side by side. */
  readonly #sums: Float32Array

  constructor(node: Extract<NirNode, { readonly type: 'Conv2d' }>) {
    this.#node = node
    const [outputs] = node.shape
    const [channels] = node.input
    const taps = node.kernel[0] * node.kernel[1]
    let nonZero = 0
    for (const weight of node.weight) if (weight !== 0) nonZero++
    this.#from = new Int32Array(channels * taps + 1)
    this.#to = new Int32Array(nonZero)
    this.#weight = new Float32Array(nonZero)
    let at = 0
    for (let tap = 0; tap < channels * taps; tap++) {
      this.#from[tap] = at
      for (let o = 0; o < outputs; o++) {
        const weight = node.weight[o * channels * taps + tap]!
        if (weight === 0) continue
        this.#to[at] = o
        this.#weight[at++] = weight
      }
    }
    this.#from[channels * taps] = at
    this.#sums = new Float32Array(sizeOf(node.shape))
  }

  spikes(places: Int32Array, count: number): number {
    let operations = 0
    for (let i = 0; i < count; i++) operations += this.#scatter(places[i]!, 1)
    return operations
  }

  values(values: Float32Array): number {
    let operations = 0
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== 0) operations += this.#scatter(i, values[i]!)
    }
    return operations
  }

  // hot
  #scatter(place: number, value: number): number {
    const { input, shape, kernel, stride, padding } = this.#node
    const width = input[2]
    const size = input[1] * width
    const channel = (place / size) | 0
    const y = ((place % size) / width) | 0
    const x = place % width
    const outputs = shape[0]
    const from = this.#from
    const to = this.#to
    const weight = this.#weight
    const sums = this.#sums
    let operations = 0
    for (let ky = 0; ky < kernel[0]; ky++) {
      const down = y + padding[0] - ky
      if (down < 0 || down % stride[0] !== 0 || down / stride[0] >= shape[1]) continue
      for (let kx = 0; kx < kernel[1]; kx++) {
        const across = x + padding[1] - kx
        if (across < 0 || across % stride[1] !== 0 || across / stride[1] >= shape[2]) continue
        const cell = ((down / stride[0]) * shape[2] + across / stride[1]) * outputs
        const tap = (channel * kernel[0] + ky) * kernel[1] + kx
        const end = from[tap + 1]!
        for (let i = from[tap]!; i < end; i++) sums[cell + to[i]!]! += weight[i]! * value
        operations += end - from[tap]!
      }
    }
    return operations
  }

  /** Adds the sums to [channels, places] and clears them. */
  writeTo(values: Float32Array): void {
    const [outputs] = this.#node.shape
    const cells = values.length / outputs
    const sums = this.#sums
    for (let cell = 0; cell < cells; cell++) {
      for (let o = 0; o < outputs; o++) values[o * cells + cell]! += sums[cell * outputs + o]!
    }
    sums.fill(0)
  }
}
