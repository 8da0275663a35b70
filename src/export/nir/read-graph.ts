import type { Hdf5Read } from '../hdf5.js'

export type MapShape = readonly [number, number, number]

export const sizeOf = ([channels, height, width]: MapShape) => channels * height * width

export type NirNode = { readonly shape: MapShape; readonly inputs: readonly string[] } & (
  | { readonly type: 'Input' | 'Output' }
  | { readonly type: 'Scale'; readonly scale: Float32Array }
  | {
      readonly type: 'IF'
      readonly r: Float32Array
      readonly threshold: Float32Array
    }
  | {
      readonly type: 'Conv2d'
      readonly input: MapShape
      readonly weight: Float32Array
      readonly kernel: readonly [number, number]
      readonly stride: readonly [number, number]
      readonly padding: readonly [number, number]
      readonly bias: Float32Array
    }
)

/** What a file must hold for each type, and nothing else: readers refuse fields that they do not know. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Input: ['shape'],
  Output: ['shape'],
  Scale: ['scale'],
  IF: ['r', 'v_threshold'],
  Conv2d: ['bias', 'dilation', 'groups', 'input_shape', 'padding', 'stride', 'weight'],
}

/**
 * The nodes of a NIR file by name, each with the nodes whose outputs it adds up. Only what its exporter uses is read;
 * fields, value types and the shapes at both ends of every edge are checked as strictly as the format's own library does.
 * @throws RangeError in words that name the node.
 */
export function readNirGraph(file: ReadonlyMap<string, Hdf5Read>): Map<string, NirNode> {
  if (textOf(file, '/node/type') !== 'NIRGraph') throw new RangeError('/node is no NIRGraph')
  textOf(file, '/version')
  const fields = new Map<string, Map<string, Hdf5Read>>()
  for (const [path, value] of file) {
    const found = /^\/node\/nodes\/([^/]+)\/([^/]+)$/.exec(path)
    if (found === null) {
      if (['/version', '/node/type', '/node/edges'].includes(path)) continue
      throw new RangeError(`${path} is no part of a NIR graph`)
    }
    const [, node, field] = found as unknown as [string, string, string]
    if (!fields.has(node)) fields.set(node, new Map())
    fields.get(node)!.set(field, value)
  }
  const inputs = edgesOf(file, fields)
  const nodes = new Map<string, NirNode>()
  for (const [name, of] of fields) nodes.set(name, readNode(name, of, inputs.get(name) ?? []))
  for (const [name, node] of nodes) checkEdges(name, node, nodes)
  return nodes
}

function edgesOf(
  file: ReadonlyMap<string, Hdf5Read>,
  nodes: ReadonlyMap<string, unknown>,
): Map<string, string[]> {
  const edges = file.get('/node/edges')
  const names = edges?.values
  if (!Array.isArray(names) || edges?.shape.length !== 2 || edges.shape[1] !== 2) {
    throw new RangeError('/node/edges is no list of pairs')
  }
  const inputs = new Map<string, string[]>()
  for (let i = 0; i < names.length; i += 2) {
    const [from, to] = [names[i] as string, names[i + 1] as string]
    for (const end of [from, to]) {
      if (!nodes.has(end)) throw new RangeError(`an edge ends at ${end}, which is no node`)
    }
    inputs.set(to, [...(inputs.get(to) ?? []), from])
  }
  return inputs
}

function readNode(
  name: string,
  fields: ReadonlyMap<string, Hdf5Read>,
  inputs: readonly string[],
): NirNode {
  const type = textOf(fields, 'type')
  const expected = FIELDS[type]
  if (expected === undefined) throw new RangeError(`node ${name} has the unknown type ${type}`)
  const have = [...fields.keys()].filter((field) => field !== 'type').sort()
  if (have.join() !== expected.join()) {
    throw new RangeError(`node ${name} (${type}) has ${have.join()}, expected ${expected.join()}`)
  }
  const floats = (field: string) => floatsOf(name, field, fields.get(field)!)
  switch (type) {
    case 'Scale': {
      const { data, shape } = floats('scale')
      return { type, inputs, shape: mapShape(name, shape), scale: data }
    }
    case 'IF': {
      const { data, shape } = floats('v_threshold')
      const r = floats('r')
      if (r.shape.join() !== shape.join()) {
        throw new RangeError(`node ${name}: r and v_threshold have different shapes`)
      }
      const map = mapShape(name, shape)
      return { type, inputs, shape: map, r: r.data, threshold: data }
    }
    case 'Conv2d':
      return readConv(name, fields, inputs)
    default:
      return {
        type: type as 'Input' | 'Output',
        inputs,
        shape: mapShape(name, wholesOf(name, 'shape', fields)),
      }
  }
}

function readConv(
  name: string,
  fields: ReadonlyMap<string, Hdf5Read>,
  inputs: readonly string[],
): NirNode {
  const { data: weight, shape } = floatsOf(name, 'weight', fields.get('weight')!)
  const { data: bias } = floatsOf(name, 'bias', fields.get('bias')!)
  const pair = (field: string) => {
    const values = wholesOf(name, field, fields)
    if (values.length === 2) return values as unknown as readonly [number, number]
    throw new RangeError(`node ${name}: ${field} is no pair`)
  }
  const [outputs, channels, rows, columns] = shape as readonly [number, number, number, number]
  const [height, width] = pair('input_shape')
  const [stride, padding] = [pair('stride'), pair('padding')]
  if (shape.length !== 4 || rows !== columns || bias.length !== outputs) {
    throw new RangeError(`node ${name}: weight [${shape.join()}] with ${bias.length} biases`)
  }
  if (wholesOf(name, 'groups', fields)[0] !== 1 || pair('dilation').join() !== '1,1') {
    throw new RangeError(`node ${name} has groups or dilation, which type checks do not survive`)
  }
  const along = (side: number, axis: 0 | 1) =>
    Math.floor((side + 2 * padding[axis] - rows) / stride[axis]) + 1
  return {
    type: 'Conv2d',
    inputs,
    shape: [outputs, along(height, 0), along(width, 1)],
    input: [channels, height, width],
    weight,
    kernel: [rows, columns],
    stride,
    padding,
    bias,
  }
}

function checkEdges(name: string, node: NirNode, nodes: ReadonlyMap<string, NirNode>): void {
  const expected = node.type === 'Conv2d' ? node.input : node.shape
  for (const from of node.inputs) {
    const given = nodes.get(from)!.shape
    if (given.join() === expected.join()) continue
    throw new RangeError(`edge ${from} → ${name} joins [${given.join()}] to [${expected.join()}]`)
  }
  if (node.inputs.length === 0 && node.type !== 'Input') {
    throw new RangeError(`node ${name} is given nothing`)
  }
}

function textOf(fields: ReadonlyMap<string, Hdf5Read>, path: string): string {
  const value = fields.get(path)?.values
  if (Array.isArray(value) && value.length === 1) return value[0] as string
  throw new RangeError(`${path} is missing or no text`)
}

function floatsOf(
  node: string,
  field: string,
  { values, shape }: Hdf5Read,
): { readonly data: Float32Array; readonly shape: readonly number[] } {
  if (values instanceof Float32Array) return { data: values, shape }
  throw new RangeError(`node ${node}: ${field} holds no float32`)
}

function wholesOf(
  node: string,
  field: string,
  fields: ReadonlyMap<string, Hdf5Read>,
): readonly number[] {
  const values = fields.get(field)?.values
  if (values instanceof BigInt64Array) return Array.from(values, Number)
  throw new RangeError(`node ${node}: ${field} holds no int64`)
}

function mapShape(node: string, shape: readonly number[]): MapShape {
  if (shape.length === 3) return shape as unknown as MapShape
  throw new RangeError(`node ${node} has shape [${shape.join()}], expected a map`)
}
