/** As much of the protocol buffer encoding as ONNX files need: numbers, text, messages and packed arrays. */
const VARINT = 0
const BYTES = 2
const FIXED32 = 5

const encoder = new TextEncoder()

/** One field holding a whole number, negative ones in ten bytes as the encoding wants them. */
export function intField(number: number, value: number): Buffer {
  return Buffer.concat([varint((number << 3) | VARINT), varint(value)])
}

export function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([varint((number << 3) | FIXED32), bytes])
}

/** One field holding text, raw bytes or a message. */
export function bytesField(number: number, content: string | Uint8Array): Buffer {
  const bytes = typeof content === 'string' ? encoder.encode(content) : content
  return Buffer.concat([varint((number << 3) | BYTES), varint(bytes.length), bytes])
}

export function message(...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(fields)
}

function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number`)
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}
