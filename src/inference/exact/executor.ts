import { convolve } from './convolve.js'
import { elements, type Network, type NumberArray, type PartName, type Read } from './network.js'
import type { LayerOf, NetworkLayer, NetworkTensor } from './network-schema.js'

/** Integers of every tensor of a part by name; value = integer * 2^-exponent. */
export type Tensors = ReadonlyMap<string, Int32Array>

export interface Run {
  /** Inputs and layers. */
  readonly tensors: Tensors
  /** Outputs by their own name: the template's state, the search's logits. */
  readonly outputs: Readonly<Record<string, Int32Array>>
  /**
   * Operations of every convolution and product as they happened: one for each unit of a spike that reached an
   * accumulator (or, where bytes come in, for each byte and weight that meet, zeros included).
   */
  readonly operations: ReadonlyMap<string, number>
}

/**
 * Runs the network with integers alone: no runtime, no floats, no rounding but the one named rule (half up, which no sum
 * can meet; see docs/exactness.md). Meant to be read and to be right, not fast: about a hundred times slower than
 * ONNX Runtime. Sums cannot overflow 32 bits: prove.ts bounds each of them by its weights and inputs, below 2^24.
 */
export function execute(
  { description, numbers }: Network,
  part: PartName,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
): Run {
  const { inputs: expected, layers, outputs } = description.parts[part]
  const tensors = new Map<string, Int32Array>()
  const shapes = new Map<string, NetworkTensor>()
  const operations = new Map<string, number>()
  for (const input of expected) {
    const { name, shape } = input
    const given = inputs[name]
    if (given === undefined || given.length !== elements(shape)) {
      throw new RangeError(
        `${name} holds ${given?.length ?? 'no'} integers, expected ${elements(shape)}`,
      )
    }
    tensors.set(name, Int32Array.from(given))
    shapes.set(name, input)
  }
  for (const layer of layers) {
    const read = layer.inputs.map((name) => ({
      ...shapes.get(name)!,
      integers: tensors.get(name)!,
    }))
    const out = new Int32Array(elements(layer.output.shape))
    const count = runLayer(layer, { read, out, array: (name) => numbers.get(name)! })
    if (count !== undefined) operations.set(layer.name, count)
    tensors.set(layer.name, out)
    shapes.set(layer.name, layer.output)
  }
  return {
    tensors,
    outputs: Object.fromEntries(outputs.map(({ name, layer }) => [name, tensors.get(layer)!])),
    operations,
  }
}

interface LayerRun {
  readonly read: readonly Read[]
  readonly out: Int32Array
  readonly array: (name: string) => NumberArray
}

/** Writes `out`; returns the operations of a layer that has any. */
function runLayer(layer: NetworkLayer, { read, out, array }: LayerRun): number | undefined {
  const [a, b] = read
  switch (layer.kind) {
    case 'conv':
      return convolve(layer, a!, { out, array })
    case 'matmul':
      return multiply(layer, { a: a!.integers, b: b!.integers, out })
    case 'spike':
      fire(layer, a!, out)
      return undefined
    case 'add':
      add(layer, read, { out, constant: layer.constant && array(layer.constant) })
      return undefined
    case 'slice': {
      const first = layer.first * elements(a!.shape.slice(1))
      out.set(a!.integers.subarray(first, first + out.length))
      return undefined
    }
    case 'minimum': {
      const [x, y] = [a!.integers, b!.integers]
      for (let i = 0; i < out.length; i++) out[i] = Math.min(x[i]!, y[i % y.length]!)
      return undefined
    }
    case 'transpose': {
      const [cells, channels] = layer.output.shape as [number, number]
      for (let i = 0; i < out.length; i++) {
        out[i] = a!.integers[(i % channels) * cells + Math.floor(i / channels)]!
      }
      return undefined
    }
  }
}

/** I-LIF without memory: the membrane rounded, half up, within 0 and the depth. */
function fire({ output }: LayerOf<'spike'>, { integers, exponent }: Read, out: Int32Array): void {
  const half = (1 << exponent!) >> 1
  for (let i = 0; i < out.length; i++) {
    const rounded = (integers[i]! + half) >> exponent!
    out[i] = Math.min(Math.max(rounded, output.low ?? 0), output.high!)
  }
}

/** Inputs are brought to the output's finer grid, which is exact. A constant may be one number, a column or a map. */
function add(
  { output }: LayerOf<'add'>,
  read: readonly Read[],
  { out, constant }: { out: Int32Array; constant: NumberArray | undefined | '' },
): void {
  for (const { integers, exponent } of read) {
    const shift = output.exponent! - exponent!
    for (let i = 0; i < out.length; i++) out[i]! += integers[i]! << shift
  }
  if (!constant) return
  const each = out.length / constant.data.length
  for (let i = 0; i < out.length; i++) out[i]! += constant.data[Math.floor(i / each)]!
}

/** Products of small matrices, one for each group. Each unit of a spike of `b` adds a column of `a`. */
function multiply(
  { groups, rows, inner, columns, transposeB }: LayerOf<'matmul'>,
  { a, b, out }: { readonly a: Int32Array; readonly b: Int32Array; readonly out: Int32Array },
): number {
  let operations = 0
  for (let g = 0; g < groups; g++) {
    for (let k = 0; k < inner; k++) {
      for (let n = 0; n < columns; n++) {
        const spikes = b[g * inner * columns + (transposeB ? n * inner + k : k * columns + n)]!
        if (spikes === 0) continue
        operations += spikes * rows
        for (let m = 0; m < rows; m++) {
          out[(g * rows + m) * columns + n]! += a[(g * rows + m) * inner + k]! * spikes
        }
      }
    }
  }
  return operations
}
