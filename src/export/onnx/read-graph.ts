/**
 * Reads ONNX files as far as an interpreter of a few operators needs: nodes with their whole-number attributes, constants
 * of float32, inputs and outputs. Field numbers as in graph.ts.
 */
export interface ReadNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, readonly number[]>
}

export interface ReadTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface ReadGraph {
  readonly nodes: readonly ReadNode[]
  readonly constants: ReadonlyMap<string, ReadTensor>
  readonly inputs: ReadonlyMap<string, readonly number[]>
  readonly outputs: readonly string[]
}

interface Field {
  readonly number: number
  readonly value: number
  readonly bytes: Uint8Array
}

const FLOAT = 1
const NONE = new Uint8Array()

/** @throws RangeError where the bytes are no ONNX file, or hold other constants than float32. */
export function readOnnxGraph(model: Uint8Array): ReadGraph {
  const graph = one(fieldsOf(model), 7)
  if (graph === undefined) throw new RangeError('the file holds no graph')
  const fields = fieldsOf(graph.bytes)
  const each = (number: number) => fields.filter((field) => field.number === number)
  return {
    nodes: each(1).map(({ bytes }) => readNode(bytes)),
    constants: new Map(each(5).map(({ bytes }) => readTensor(bytes))),
    inputs: new Map(each(11).map(({ bytes }) => readValue(bytes))),
    outputs: each(12).map(({ bytes }) => readValue(bytes)[0]),
  }
}

function readNode(bytes: Uint8Array): ReadNode {
  const fields = fieldsOf(bytes)
  const names = (number: number) =>
    fields.filter((field) => field.number === number).map((field) => text(field.bytes))
  const attributes = fields
    .filter((field) => field.number === 5)
    .map((field) => {
      const own = fieldsOf(field.bytes)
      const numbers = own.filter(({ number }) => number === 3 || number === 8)
      return [text(one(own, 1)?.bytes ?? NONE), numbers.map(({ value }) => value)] as const
    })
  const op = text(one(fields, 4)?.bytes ?? NONE)
  return { op, inputs: names(1), outputs: names(2), attributes: new Map(attributes) }
}

function readTensor(bytes: Uint8Array): readonly [string, ReadTensor] {
  const fields = fieldsOf(bytes)
  const name = text(one(fields, 8)?.bytes ?? NONE)
  const raw = one(fields, 9)?.bytes
  if (one(fields, 2)?.value !== FLOAT || raw === undefined || raw.length % 4 !== 0) {
    throw new RangeError(`constant ${name} is no raw float32`)
  }
  const shape = fields.filter(({ number }) => number === 1).map(({ value }) => value)
  const data = new Float32Array(new Uint8Array(raw).buffer)
  if (shape.reduce((a, b) => a * b, 1) !== data.length) {
    throw new RangeError(`constant ${name} has ${data.length} values, not ${shape.join('x')}`)
  }
  return [name, { shape, data }]
}

function readValue(bytes: Uint8Array): readonly [string, readonly number[]] {
  const fields = fieldsOf(bytes)
  const tensor = one(fieldsOf(one(fields, 2)?.bytes ?? NONE), 1)
  const shape = one(fieldsOf(tensor?.bytes ?? NONE), 2)
  const sides = fieldsOf(shape?.bytes ?? NONE).map((dim) => one(fieldsOf(dim.bytes), 1)?.value ?? 0)
  return [text(one(fields, 1)?.bytes ?? NONE), sides]
}

const one = (fields: readonly Field[], wanted: number) =>
  fields.find(({ number }) => number === wanted)

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

/** Every field of a message: numbers by value, everything else by its bytes. */
function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined || shift > 63n) throw new RangeError('the file is cut short')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return Number(BigInt.asIntN(64, value))
    }
  }
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > message.length) throw new RangeError('the file is cut short')
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = varint()
    const number = tag >> 3
    switch (tag & 7) {
      case 0:
        fields.push({ number, value: varint(), bytes: NONE })
        break
      case 1:
        fields.push({ number, value: Number.NaN, bytes: take(8) })
        break
      case 2:
        fields.push({ number, value: Number.NaN, bytes: take(varint()) })
        break
      case 5:
        fields.push({ number, value: Number.NaN, bytes: take(4) })
        break
      default:
        throw new RangeError(`the file has a field of unknown kind ${tag & 7}`)
    }
  }
  return fields
}
