import { gatherConv } from '../chips/gather.js'
import type { ReadGraph, ReadNode } from '../onnx/read-graph.js'

interface Tensor {
  /** Without the batch. */
  readonly shape: readonly number[]
  readonly data: Float64Array
}

type Triple = readonly [number, number, number]

/**
 * Runs a graph of Conv, Add, Clip and Identity and rounds what `units` names, half up, as a quantiser with these units
 * would: value = whole number * unit. Returns every tensor that a node writes.
 * @throws RangeError for other operators, or tensors that are missing or do not belong together.
 */
export function runQuantised(
  graph: ReadGraph,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
  units: ReadonlyMap<string, number>,
): Map<string, Float64Array> {
  const tensors = new Map<string, Tensor>()
  for (const [name, { shape, data }] of graph.constants) {
    tensors.set(name, { shape, data: Float64Array.from(data) })
  }
  for (const [name, shape] of graph.inputs) {
    const given = inputs.get(name)
    if (given === undefined) throw new RangeError(`input ${name} is missing`)
    tensors.set(name, { shape: shape.slice(1), data: Float64Array.from(given) })
  }
  const written = new Map<string, Float64Array>()
  for (const node of graph.nodes) {
    const read = node.inputs.map((name) => {
      const tensor = tensors.get(name)
      if (tensor === undefined) throw new RangeError(`${node.op} reads ${name}, which is missing`)
      return tensor
    })
    const [name] = node.outputs as [string]
    const result = run(node, read)
    const unit = units.get(name)
    const data =
      unit === undefined ? result.data : result.data.map((v) => Math.floor(v / unit + 0.5) * unit)
    tensors.set(name, { shape: result.shape, data })
    written.set(name, data)
  }
  return written
}

function run(node: ReadNode, read: readonly Tensor[]): Tensor {
  const [a, b, c] = read as [Tensor, Tensor, Tensor]
  switch (node.op) {
    case 'Conv':
      return conv(node, read)
    case 'Add':
      return { shape: a.shape, data: add(a, b) }
    case 'Clip': {
      const [low, high] = [b.data[0]!, c.data[0]!]
      return { shape: a.shape, data: a.data.map((v) => Math.min(Math.max(v, low), high)) }
    }
    case 'Identity':
      return a
    default:
      throw new RangeError(`operator ${node.op} is none of Conv, Add, Clip, Identity`)
  }
}

function conv({ attributes }: ReadNode, [input, weight, bias]: readonly Tensor[]): Tensor {
  if (input === undefined || weight === undefined || bias === undefined) {
    throw new RangeError('a convolution without weights or bias')
  }
  const [, height, width] = input.shape as Triple
  const [outputs, , rows, columns] = weight.shape as readonly [number, number, number, number]
  const [down, across] = attributes.get('strides') as [number, number]
  const [top, left, bottom, right] = attributes.get('pads') as [number, number, number, number]
  const shape: Triple = [
    outputs,
    Math.floor((height + top + bottom - rows) / down) + 1,
    Math.floor((width + left + right - columns) / across) + 1,
  ]
  const sums = gatherConv(
    {
      input: input.shape as Triple,
      output: shape,
      weight,
      stride: [down, across],
      padding: [top, left],
      groups: attributes.get('group')?.[0] ?? 1,
    },
    input.data,
  )
  const cells = shape[1] * shape[2]
  return { shape, data: sums.map((sum, i) => sum + bias.data[Math.floor(i / cells)]!) }
}

/** The second may be a constant of one value, of one a channel, or a whole map. */
function add(a: Tensor, b: Tensor): Float64Array {
  const each = a.data.length / b.data.length
  if (!Number.isInteger(each)) throw new RangeError('tensors that are added do not belong together')
  return a.data.map((value, i) => value + b.data[Math.floor(i / each)]!)
}
