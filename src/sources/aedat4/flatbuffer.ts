/**
 * Reading of size-prefixed FlatBuffers by their vtables, as far as AEDAT4 needs it. Positions count from the size
 * prefix's first byte. Everything a buffer says is a claim: DataView checks each read against the end that the prefix
 * gives and throws RangeError, vectors are measured before use, and the caller turns any throw into a reported packet.
 */
export interface Flat {
  readonly view: DataView
  readonly bytes: Uint8Array
  /** Position of the root table. */
  readonly root: number
}

/** Opens a buffer whose identifier must be `identifier` (4 ASCII characters). Throws when it cannot be one. */
export function openFlat(bytes: Uint8Array, identifier: string): Flat {
  if (bytes.byteLength < 16) throw new Error(`${bytes.byteLength} bytes are too few for a packet`)
  const outer = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = outer.getUint32(0, true) + 4
  if (end > bytes.byteLength) {
    throw new Error(`it claims ${end} bytes and holds ${bytes.byteLength}`)
  }
  for (let i = 0; i < 4; i++) {
    if (bytes[8 + i] !== identifier.charCodeAt(i)) {
      throw new Error(`its identifier is not ${identifier}`)
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, end)
  // Not a Buffer, whose slice() is a view where a Uint8Array's is a copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, end)
  return { view, bytes: plain, root: 4 + view.getUint32(4, true) }
}

/** Position of field `id` of the table at `table`, or 0 where it is absent and its default holds. */
export function fieldAt(flat: Flat, table: number, id: number): number {
  const vtable = table - flat.view.getInt32(table, true)
  const size = flat.view.getUint16(vtable, true)
  const entry = 4 + 2 * id
  if (entry + 2 > size) return 0
  const offset = flat.view.getUint16(vtable + entry, true)
  return offset === 0 ? 0 : table + offset
}

/** The vector that the word at `field` points to: position of its first element, and how many there are. */
export function vectorAt(
  flat: Flat,
  field: number,
  elementBytes: number,
): { start: number; count: number } {
  const at = field + flat.view.getUint32(field, true)
  const count = flat.view.getUint32(at, true)
  if (at + 4 + count * elementBytes > flat.view.byteLength) {
    throw new Error(`a list claims ${count} elements, more than the packet can hold`)
  }
  return { start: at + 4, count }
}

/** Position of the table that the word at `field` points to. */
export function tableAt(flat: Flat, field: number): number {
  return field + flat.view.getUint32(field, true)
}

/** A 64-bit signed integer as a Number, exact up to 2^53, read as two halves because no BigInt is wanted per sample. */
export function int64At(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 4294967296 + view.getUint32(at, true)
}

/** The int64 of field `id`, or `fallback` where it is absent. */
export function int64Field(flat: Flat, table: number, options: { id: number; fallback: number }) {
  const at = fieldAt(flat, table, options.id)
  return at === 0 ? options.fallback : int64At(flat.view, at)
}

/** Writes a Number as int64; what no integer can hold (NaN, infinities) becomes 0. */
export function putInt64(view: DataView, at: number, value: number): void {
  const whole = Number.isFinite(value) ? Math.round(value) : 0
  const low = whole >>> 0
  view.setUint32(at, low, true)
  view.setInt32(at + 4, (whole - low) / 4294967296, true)
}
