import { elements, type Network, type PartName } from '../../inference/exact/network.js'
import type { LayerOf, NetworkLayer, NetworkTensor } from '../../inference/exact/network-schema.js'
import { OnnxGraphWriter } from '../onnx/graph.js'

/** Opset that the compiler is known to take, and the first file version that has it. */
export const OPSET = 11
const IR_VERSION = 6
const FLOAT = 1

export interface StaticGraph {
  readonly bytes: Uint8Array
  readonly operators: readonly string[]
  readonly constantBytes: number
}

/**
 * One part of the network as ONNX of fixed shapes, batch 1, in float32 alone. Values are real ones (integer * 2^-exponent),
 * scales are powers of two: every sum is exact in float32. A neuron counts the thresholds k + 1/2 that its membrane
 * exceeds (Greater, Cast, Add); no sum can meet a threshold, so "greater" and "not less" are the same. The rounding of an
 * increment is Floor(x + 1/2) within its bounds.
 */
export function staticGraph({ description, numbers }: Network, part: PartName): StaticGraph {
  const { inputs, layers, outputs } = description.parts[part]
  const tensors = new Map<string, NetworkTensor>(inputs.map((input) => [input.name, input]))
  const writer = new OnnxGraphWriter()
  const array = (name: string) => numbers.get(name)!
  for (const layer of layers) {
    const read = layer.inputs.map((name) => tensors.get(name)!)
    new Lowering(writer, { array, depth: description.depth }).layer(layer, read)
    tensors.set(layer.name, layer.output)
  }
  const bytes = writer.model({
    name: part,
    opset: OPSET,
    irVersion: IR_VERSION,
    doc: 'Exact in float32: every sum is an integer below 2^24 times a power of two.',
    inputs: inputs.map(({ name, shape }) => ({ name, shape: [1, ...shape] })),
    outputs: outputs.map(({ name, layer }) => {
      const { shape } = tensors.get(layer)!
      if (name !== layer) writer.node({ op: 'Identity', inputs: [layer], outputs: [name] })
      return { name, shape: [1, ...shape] }
    }),
  })
  return { bytes, operators: writer.operators, constantBytes: writer.constantBytes }
}

interface Source {
  readonly array: (name: string) => {
    readonly shape: readonly number[]
    readonly data: ArrayLike<number>
  }
  readonly depth: number
}

class Lowering {
  readonly #writer: OnnxGraphWriter
  readonly #source: Source

  constructor(writer: OnnxGraphWriter, source: Source) {
    this.#writer = writer
    this.#source = source
  }

  layer(layer: NetworkLayer, read: readonly NetworkTensor[]): void {
    const { name, output } = layer
    const [a, b] = layer.inputs as [string, string]
    switch (layer.kind) {
      case 'conv':
        this.#conv(layer)
        return
      case 'spike':
        this.#levels(a, name)
        return
      case 'add':
        this.#add(layer, read)
        return
      case 'minimum':
        this.#node('Min', [a, b], name)
        return
      case 'matmul':
        this.#matmul(layer, read)
        return
      case 'slice': {
        const bound = (end: string, value: number) =>
          this.#writer.constant(`${name}.${end}`, BigInt64Array.of(BigInt(value)), [1])
        const to = layer.first + output.shape[0]!
        this.#node(
          'Slice',
          [a, bound('from', layer.first), bound('to', to), bound('axis', 1)],
          name,
        )
        return
      }
      case 'transpose': {
        const [cells, channels] = output.shape as [number, number]
        const flat = this.#reshape(a, [channels, cells], `${name}.flat`)
        this.#node('Transpose', [flat], name, { perm: [0, 2, 1] })
      }
    }
  }

  #conv(layer: LayerOf<'conv'>): void {
    const { name, output } = layer
    const weight = this.#source.array(layer.weight)
    const bias = this.#source.array(layer.bias).data
    const exponents = this.#source.array(layer.exponents).data
    const each = weight.data.length / bias.length
    // An increment is made in its own units and with its half step, so that it only has to be rounded down.
    const increment = output.type === 'increment'
    const unit = increment ? output.exponent! : 0
    const scaled = Float32Array.from(
      weight.data,
      (w, i) => w * 2 ** (unit - exponents[Math.floor(i / each)]!),
    )
    const offset = Float32Array.from(
      bias,
      (value, o) => value * 2 ** (unit - exponents[o]!) + (increment ? 0.5 : 0),
    )
    const inputs = [
      layer.inputs[0],
      this.#writer.constant(`${name}.weight`, scaled, weight.shape),
      this.#writer.constant(`${name}.bias`, offset, [offset.length]),
    ]
    const sum = output.type === 'logit' ? name : `${name}.sum`
    const kernel = weight.shape.slice(2)
    const { stride, pads, groups } = layer
    const attributes = {
      kernel_shape: kernel,
      strides: stride,
      pads,
      dilations: [1, 1],
      group: groups,
    }
    this.#node('Conv', inputs, sum, attributes)
    if (output.type === 'spikes') this.#levels(sum, name)
    if (!increment) return
    const floor = this.#node('Floor', [sum], `${name}.floor`)
    const bounds = [
      this.#scalar(`${name}.low`, output.low!),
      this.#scalar(`${name}.high`, output.high!),
    ]
    const clipped = this.#node('Clip', [floor, ...bounds], `${name}.clipped`)
    this.#node('Mul', [clipped, this.#scalar(`${name}.unit`, 2 ** -unit)], name)
  }

  /** The sum over k of [membrane > k + 1/2]. */
  #levels(membrane: string, name: string): void {
    let total: string | undefined
    for (let k = 0; k < this.#source.depth; k++) {
      const threshold = this.#scalar(`${name}.threshold${k}`, k + 0.5)
      const above = this.#node('Greater', [membrane, threshold], `${name}.above${k}`)
      const last = k === this.#source.depth - 1
      const single = total === undefined && last ? name : `${name}.spike${k}`
      const spike = this.#node('Cast', [above], single, { to: FLOAT })
      total =
        total === undefined
          ? spike
          : this.#node('Add', [total, spike], last ? name : `${name}.upto${k}`)
    }
  }

  #add({ name, inputs, output, constant }: LayerOf<'add'>, read: readonly NetworkTensor[]): void {
    const terms = inputs.map((input, i) =>
      read[i]!.shape.join() === output.shape.join()
        ? input
        : this.#reshape(input, output.shape, `${name}.in${i}`),
    )
    if (constant !== undefined) {
      const { shape, data } = this.#source.array(constant)
      const values = Float32Array.from(data, (value) => value * 2 ** -output.exponent!)
      terms.push(this.#writer.constant(`${name}.constant`, values, [1, ...shape]))
    }
    if (terms.length === 1) this.#node('Identity', terms, name)
    terms.slice(1).reduce((sum, term, i) => {
      return this.#node('Add', [sum, term], i === terms.length - 2 ? name : `${name}.sum${i}`)
    }, terms[0]!)
  }

  #matmul(layer: LayerOf<'matmul'>, read: readonly NetworkTensor[]): void {
    const { name, groups, rows, inner, columns, transposeB, output } = layer
    const a = this.#reshape(layer.inputs[0], [groups, rows, inner], `${name}.a`)
    const stored = transposeB ? [groups, columns, inner] : [groups, inner, columns]
    let b = this.#reshape(layer.inputs[1], stored, `${name}.b`)
    if (transposeB) b = this.#node('Transpose', [b], `${name}.b2`, { perm: [0, 1, 3, 2] })
    const shift = read[0]!.exponent! + read[1]!.exponent! - output.exponent!
    const product = this.#node('MatMul', [a, b], shift === 0 ? name : `${name}.product`)
    if (shift !== 0) this.#node('Mul', [product, this.#scalar(`${name}.scale`, 2 ** shift)], name)
  }

  #reshape(input: string, shape: readonly number[], name: string): string {
    const sides = BigInt64Array.from([1, ...shape], BigInt)
    const to = this.#writer.constant(`${name}.shape`, sides, [sides.length])
    return this.#node('Reshape', [input, to], name)
  }

  #scalar(name: string, value: number): string {
    return this.#writer.constant(name, Float32Array.of(value))
  }

  #node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    return this.#writer.node({ op, inputs, outputs: [output], attributes })
  }
}

/** Largest set of float32 activations that live at once: what one layer reads and writes, over all layers. */
export function activationBytes({ description }: Network, part: PartName): number {
  const { inputs, layers } = description.parts[part]
  const sizes = new Map<string, number>(inputs.map(({ name, shape }) => [name, elements(shape)]))
  let largest = 0
  for (const layer of layers) {
    sizes.set(layer.name, elements(layer.output.shape))
    const together = [layer.name, ...layer.inputs].reduce((sum, name) => sum + sizes.get(name)!, 0)
    largest = Math.max(largest, together * 4)
  }
  return largest
}
