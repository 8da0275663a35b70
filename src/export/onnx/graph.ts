import { bytesField, floatField, intField, message } from './protobuf.js'

/**
 * A small writer of ONNX graphs. Field numbers from onnx.proto: ModelProto ir_version 1, producer_name 2,
 * producer_version 3, graph 7, opset_import 8; GraphProto node 1, name 2, initializer 5, doc_string 10, input 11,
 * output 12; NodeProto input 1, output 2, name 3, op_type 4, attribute 5; AttributeProto name 1, f 2, i 3, s 4, ints 8,
 * type 20; TensorProto dims 1, data_type 2, name 8, raw_data 9; ValueInfoProto name 1, type 2.
 */
const FLOAT = 1
const UINT8 = 2
const INT8 = 3
const INT32 = 6
const INT64 = 7
const ATTRIBUTE = { f: 1, i: 2, s: 3, ints: 7 } as const

export type OnnxArray = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array
export type OnnxType = 'float32' | 'uint8'
/** Whole numbers are written as ints: give floats as `{ float: 1 }`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number }

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxValue {
  readonly name: string
  readonly shape: readonly number[]
  readonly type?: OnnxType
}

/** Collects nodes and constants in the order in which they are run. Every name is written once. */
export class OnnxGraphWriter {
  readonly #nodes: Buffer[] = []
  readonly #constants = new Map<string, Buffer>()
  readonly #written = new Set<string>()
  readonly #operators = new Set<string>()
  #constantBytes = 0

  /** Adds a node and returns the name of its first output. */
  node({ op, inputs, outputs, attributes = {} }: OnnxNode): string {
    for (const output of outputs) this.#claim(output)
    this.#operators.add(op)
    this.#nodes.push(
      message(
        ...inputs.map((name) => bytesField(1, name)),
        ...outputs.map((name) => bytesField(2, name)),
        bytesField(3, `${op}:${outputs[0]}`),
        bytesField(4, op),
        ...Object.entries(attributes).map(([name, value]) => bytesField(5, attribute(name, value))),
      ),
    )
    return outputs[0]!
  }

  /** Adds a constant tensor and returns its name. No shape: a scalar. */
  constant(name: string, data: OnnxArray, shape: readonly number[] = []): string {
    this.#claim(name)
    const count = shape.reduce((a, b) => a * b, 1)
    if (count !== data.length) {
      throw new RangeError(`constant ${name} has ${data.length} values, expected ${count}`)
    }
    this.#constantBytes += data.byteLength
    this.#constants.set(
      name,
      message(
        ...shape.map((side) => intField(1, side)),
        intField(2, dataType(data)),
        bytesField(8, name),
        bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      ),
    )
    return name
  }

  get operators(): readonly string[] {
    return [...this.#operators].sort()
  }

  get constantBytes(): number {
    return this.#constantBytes
  }

  /** The file's bytes. `opset` of the default domain. */
  model(of: {
    readonly name: string
    readonly opset: number
    readonly irVersion: number
    readonly inputs: readonly OnnxValue[]
    readonly outputs: readonly OnnxValue[]
    readonly doc: string
  }): Uint8Array {
    const graph = message(
      ...this.#nodes.map((node) => bytesField(1, node)),
      bytesField(2, of.name),
      ...[...this.#constants.values()].map((constant) => bytesField(5, constant)),
      bytesField(10, of.doc),
      ...of.inputs.map((value) => bytesField(11, valueInfo(value))),
      ...of.outputs.map((value) => bytesField(12, valueInfo(value))),
    )
    return new Uint8Array(
      message(
        intField(1, of.irVersion),
        bytesField(2, 'evtrackd'),
        bytesField(7, graph),
        bytesField(8, message(bytesField(1, ''), intField(2, of.opset))),
      ),
    )
  }

  #claim(name: string): void {
    if (this.#written.has(name)) throw new RangeError(`tensor ${name} is written twice`)
    this.#written.add(name)
  }
}

function dataType(data: OnnxArray): number {
  if (data instanceof Float32Array) return FLOAT
  if (data instanceof Int32Array) return INT32
  if (data instanceof BigInt64Array) return INT64
  return data instanceof Int8Array ? INT8 : UINT8
}

function attribute(name: string, value: OnnxAttribute): Buffer {
  const named = bytesField(1, name)
  if (typeof value === 'number')
    return message(named, intField(3, value), intField(20, ATTRIBUTE.i))
  if (typeof value === 'string') {
    return message(named, bytesField(4, value), intField(20, ATTRIBUTE.s))
  }
  if ('float' in value) {
    return message(named, floatField(2, value.float), intField(20, ATTRIBUTE.f))
  }
  return message(named, ...value.map((each) => intField(8, each)), intField(20, ATTRIBUTE.ints))
}

/** TypeProto.tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 } } } */
function valueInfo({ name, shape, type = 'float32' }: OnnxValue): Buffer {
  const dims = message(...shape.map((side) => bytesField(1, intField(1, side))))
  const tensor = message(intField(1, type === 'float32' ? FLOAT : UINT8), bytesField(2, dims))
  return message(bytesField(1, name), bytesField(2, bytesField(1, tensor)))
}
