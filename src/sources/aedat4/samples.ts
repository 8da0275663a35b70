import type { ApsImage, ImuSample, Trigger } from '../../events/signals.js'
import { TRIGGER_KINDS } from '../../events/signals.js'
import { type Flat, fieldAt, int64Field, openFlat, tableAt, vectorAt } from './flatbuffer.js'

/**
 * Most samples taken from one IMU or trigger packet. dv writes 20; many list entries may point at one table, so the
 * packet's size alone does not bound the work.
 */
const MAX_SAMPLES = 65536

/** OpenCV's type codes: depth + 8 * (channels - 1), depth 0 for 8 and 2 for 16 bits. */
const IMAGE_FORMATS = new Map<number, { channels: 1 | 3 | 4; bytes: 1 | 2 }>([
  [0, { channels: 1, bytes: 1 }],
  [16, { channels: 3, bytes: 1 }],
  [24, { channels: 4, bytes: 1 }],
  [2, { channels: 1, bytes: 2 }],
  [18, { channels: 3, bytes: 2 }],
  [26, { channels: 4, bytes: 2 }],
])

function time(flat: Flat, table: number, id: number): number {
  return int64Field(flat, table, { id, fallback: 0 })
}

function int16(flat: Flat, table: number, id: number): number {
  const at = fieldAt(flat, table, id)
  return at === 0 ? 0 : flat.view.getInt16(at, true)
}

function int8(flat: Flat, table: number, id: number): number {
  const at = fieldAt(flat, table, id)
  return at === 0 ? 0 : flat.view.getInt8(at)
}

function float(flat: Flat, table: number, id: number): number {
  const at = fieldAt(flat, table, id)
  return at === 0 ? 0 : flat.view.getFloat32(at, true)
}

/** An FRME packet. Pixels are a view of `bytes` where alignment allows. Throws when size and pixels do not agree. */
export function decodeImage(bytes: Uint8Array): ApsImage {
  const flat = openFlat(bytes, 'FRME')
  const { root } = flat
  const code = int8(flat, root, 5)
  const format = IMAGE_FORMATS.get(code)
  if (format === undefined) throw new Error(`its pixel format ${code} is not supported`)
  const width = int16(flat, root, 6)
  const height = int16(flat, root, 7)
  const field = fieldAt(flat, root, 10)
  const { start, count } = field === 0 ? { start: 0, count: 0 } : vectorAt(flat, field, 1)
  const expected = width * height * format.channels * format.bytes
  if (width <= 0 || height <= 0 || count !== expected) {
    throw new Error(`its ${width} x ${height} image has ${count} bytes of pixels`)
  }
  const raw = flat.bytes.subarray(start, start + count)
  return {
    width,
    height,
    x: int16(flat, root, 8),
    y: int16(flat, root, 9),
    pixels: format.bytes === 1 ? raw : wide(raw),
    channels: format.channels,
    tUs: time(flat, root, 0),
    startOfFrameUs: time(flat, root, 1),
    endOfFrameUs: time(flat, root, 2),
    startOfExposureUs: time(flat, root, 3),
    endOfExposureUs: time(flat, root, 4),
  }
}

function wide(raw: Uint8Array): Uint16Array {
  const aligned = (raw.byteOffset & 1) === 0 ? raw : raw.slice()
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
}

/** Positions of the tables that the root's only field lists. */
function tablesOf(flat: Flat): number[] {
  const field = fieldAt(flat, flat.root, 0)
  if (field === 0) return []
  const { start, count } = vectorAt(flat, field, 4)
  if (count > MAX_SAMPLES) throw new Error(`it claims ${count} samples, more than ${MAX_SAMPLES}`)
  return Array.from({ length: count }, (_, i) => tableAt(flat, start + 4 * i))
}

/** An IMUS packet. */
export function decodeImu(bytes: Uint8Array): ImuSample[] {
  const flat = openFlat(bytes, 'IMUS')
  return tablesOf(flat).map((table) => ({
    tUs: time(flat, table, 0),
    temperatureC: float(flat, table, 1),
    accel: [float(flat, table, 2), float(flat, table, 3), float(flat, table, 4)],
    gyro: [float(flat, table, 5), float(flat, table, 6), float(flat, table, 7)],
  }))
}

/** A TRIG packet. Throws on a type that the format does not define. */
export function decodeTriggers(bytes: Uint8Array): Trigger[] {
  const flat = openFlat(bytes, 'TRIG')
  return tablesOf(flat).map((table) => {
    const code = int8(flat, table, 1)
    const kind = TRIGGER_KINDS[code]
    if (kind === undefined) throw new Error(`its trigger type ${code} is unknown`)
    return { tUs: time(flat, table, 0), kind }
  })
}
