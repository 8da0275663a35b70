/** NumPy's array files, as much as golden vectors need: little-endian, C order, version 1.0. */
export type NpyData = Uint8Array | Float32Array | Int32Array

export interface NpyArray {
  readonly shape: readonly number[]
  readonly data: NpyData
}

const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1')

export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const type = data instanceof Float32Array ? '<f4' : data instanceof Int32Array ? '<i4' : '|u1'
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sides}), }`
  // The data start at a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`
  const length = Buffer.alloc(2)
  length.writeUInt16LE(padded.length)
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return new Uint8Array(Buffer.concat([MAGIC, length, Buffer.from(padded, 'latin1'), bytes]))
}

/** @throws RangeError where the bytes are no such array. */
export function decodeNpy(file: Uint8Array): NpyArray {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  if (buffer.length < 10 || !buffer.subarray(0, 8).equals(MAGIC)) {
    throw new RangeError('no NumPy array of version 1.0')
  }
  const start = 10 + buffer.readUInt16LE(8)
  const header = buffer.toString('latin1', 10, start)
  const found = /'descr': '([^']+)', 'fortran_order': False, 'shape': \(([\d, ]*)\)/.exec(header)
  const Type = { '|u1': Uint8Array, '<f4': Float32Array, '<i4': Int32Array }[found?.[1] ?? '']
  if (found === null || Type === undefined) throw new RangeError(`header ${header.trim()}`)
  const shape = found[2]!
    .split(',')
    .filter((side) => side.trim() !== '')
    .map(Number)
  const count = shape.reduce((a, b) => a * b, 1)
  const bytes = buffer.subarray(start)
  if (bytes.length !== count * Type.BYTES_PER_ELEMENT) {
    throw new RangeError(
      `${bytes.length} bytes of data, expected ${count * Type.BYTES_PER_ELEMENT}`,
    )
  }
  const copy = new Uint8Array(bytes)
  return { shape, data: new Type(copy.buffer) }
}
