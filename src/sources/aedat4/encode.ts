import type { EventBatch } from '../../events/batch.js'
import type { ApsImage } from '../../events/signals.js'
import { putInt64 } from './flatbuffer.js'

/**
 * Packets as bytes. A FlatBuffer of a fixed schema has a fixed layout, so each is written directly: the offsets below
 * are what the official builder makes of the schemas, with every int64 aligned to 8 from the size prefix.
 */

/** Bytes of an EVTS packet before its first event. */
export const EVENTS_HEADER_BYTES = 32

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function putWords(view: DataView, at: number, words: readonly number[]): void {
  for (const [i, word] of words.entries()) view.setUint16(at + 2 * i, word, true)
}

function putIdentifier(bytes: Uint8Array, identifier: string): void {
  for (let i = 0; i < 4; i++) bytes[8 + i] = identifier.charCodeAt(i)
}

/** Prefix, root table and list head that EVTS, IMUS, TRIG and FTAB share: one field, a list of `count` at byte 28. */
function putListRoot(bytes: Uint8Array, identifier: string, count: number): void {
  const view = viewOf(bytes)
  view.setUint32(0, bytes.byteLength - 4, true)
  view.setUint32(4, 16, true)
  putIdentifier(bytes, identifier)
  view.setUint16(12, 0, true)
  putWords(view, 14, [6, 8, 4])
  view.setInt32(20, 6, true)
  view.setUint32(24, 4, true)
  view.setUint32(28, count, true)
}

/** An EVTS packet that is being filled: `words` and `bytes` are views of the same memory. */
export interface EventPacket {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly capacity: number
  count: number
  firstUs: number
  lastUs: number
}

export function createEventPacket(capacity: number): EventPacket {
  const buffer = new ArrayBuffer(EVENTS_HEADER_BYTES + 16 * capacity)
  return {
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
    capacity,
    count: 0,
    firstUs: 0,
    lastUs: 0,
  }
}

/** What stays true from batch to batch while events are put into packets. */
export interface EventPut {
  /** Index in the batch of the next event to put. */
  next: number
  /** Added to device time. */
  offsetUs: number
  /** File time of the newest event; times never go back in a stream. */
  lastUs: number
  /** Longest time from a packet's first event to its last. */
  readonly spanUs: number
  readonly width: number
  readonly height: number
  offSensor: number
  backward: number
}

/** Puts events of the batch from `put.next` on, until the batch ends or the packet is full or spans long enough. */
// hot
export function appendEvents(put: EventPut, packet: EventPacket, batch: EventBatch): void {
  const { words, capacity } = packet
  const { dtUs, x: xs, y: ys, on, length } = batch
  const { width, height, spanUs } = put
  const startUs = batch.t0Us + put.offsetUs
  let { next, lastUs } = put
  let { count, firstUs } = packet
  for (; next < length && count < capacity; next++) {
    const x = xs[next]!
    const y = ys[next]!
    if (x >= width || y >= height) {
      put.offSensor++
      continue
    }
    let t = startUs + dtUs[next]!
    if (t < lastUs) {
      t = lastUs
      put.backward++
    }
    if (count === 0) firstUs = t
    else if (t - firstUs >= spanUs) break
    const at = (EVENTS_HEADER_BYTES >> 2) + (count << 2)
    const low = t >>> 0
    words[at] = low
    words[at + 1] = (t - low) / 4294967296
    words[at + 2] = x | (y << 16)
    words[at + 3] = on[next]!
    lastUs = t
    count++
  }
  put.next = next
  put.lastUs = lastUs
  packet.count = count
  packet.firstUs = firstUs
  if (count > 0) packet.lastUs = lastUs
}

/** Completes an EVTS packet whose `count` events were already put behind the header; `bytes` is the packet exactly. */
export function finishEvents(bytes: Uint8Array, count: number): void {
  putListRoot(bytes, 'EVTS', count)
}

interface TableLayout {
  readonly identifier: string
  readonly vtable: readonly number[]
  readonly stride: number
}

/** A list of `count` equal tables behind one shared vtable; `fill` writes the fields of table i at its position. */
function encodeTables(
  layout: TableLayout,
  count: number,
  fill: (view: DataView, table: number, i: number) => void,
): Buffer {
  const vtableBytes = 2 * layout.vtable.length
  const least = 32 + 4 * count + vtableBytes
  const first = least + ((4 - (least % 8) + 8) % 8)
  const end = first + layout.stride * (count - 1) + layout.vtable[1]!
  const bytes = Buffer.alloc(Math.ceil(end / 8) * 8)
  putListRoot(bytes, layout.identifier, count)
  const view = viewOf(bytes)
  const vtable = first - vtableBytes
  putWords(view, vtable, layout.vtable)
  for (let i = 0; i < count; i++) {
    const table = first + layout.stride * i
    view.setUint32(32 + 4 * i, table - (32 + 4 * i), true)
    view.setInt32(table, table - vtable, true)
    fill(view, table, i)
  }
  return bytes
}

/** Numbers in one row of `encodeImu`: time, temperature, acceleration x y z, rotation x y z. */
export const IMU_ROW = 8

const IMU: TableLayout = {
  identifier: 'IMUS',
  vtable: [26, 52, 4, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48],
  stride: 56,
}

/** An IMUS packet of `count` rows of IMU_ROW numbers (µs, °C, g, °/s); the magnetometer reads 0, there is none. */
export function encodeImu(rows: Float64Array, count: number): Buffer {
  return encodeTables(IMU, count, (view, table, i) => {
    putInt64(view, table + 4, rows[i * IMU_ROW]!)
    for (let k = 1; k < IMU_ROW; k++) {
      view.setFloat32(table + 8 + 4 * k, rows[i * IMU_ROW + k]!, true)
    }
  })
}

/** Numbers in one row of `encodeTriggers`: time and type. */
export const TRIGGER_ROW = 2

const TRIGGER: TableLayout = { identifier: 'TRIG', vtable: [8, 16, 4, 12], stride: 16 }

/** A TRIG packet of `count` rows of TRIGGER_ROW numbers. */
export function encodeTriggers(rows: Float64Array, count: number): Buffer {
  return encodeTables(TRIGGER, count, (view, table, i) => {
    putInt64(view, table + 4, rows[i * TRIGGER_ROW]!)
    view.setInt8(table + 12, rows[i * TRIGGER_ROW + 1]!)
  })
}

/** Numbers in one row of `encodeTable`: body offset, stream id, body bytes, elements, first and last time. */
export const TABLE_ROW = 6

const TABLE: TableLayout = {
  identifier: 'FTAB',
  vtable: [14, 44, 4, 36, 12, 20, 28],
  stride: 48,
}

/** The file's data table, of `count` rows of TABLE_ROW numbers. */
export function encodeTable(rows: Float64Array, count: number): Buffer {
  return encodeTables(TABLE, count, (view, table, i) => {
    const row = i * TABLE_ROW
    putInt64(view, table + 4, rows[row]!)
    putInt64(view, table + 12, rows[row + 3]!)
    putInt64(view, table + 20, rows[row + 4]!)
    putInt64(view, table + 28, rows[row + 5]!)
    view.setInt32(table + 36, rows[row + 1]!, true)
    view.setInt32(table + 40, rows[row + 2]!, true)
  })
}

/** Format code (OpenCV's) of 8-bit pixels by channels. */
const FORMATS = { 1: 0, 3: 16, 4: 24 } as const
const SOURCE_SENSOR = 1
const FRAME_VTABLE = [30, 68, 4, 12, 20, 28, 36, 60, 52, 54, 56, 58, 64, 44, 61]

/** An FRME packet with 8-bit pixels: 16-bit ones lose their low byte, as in dv. `offsetUs` is added to every time. */
export function encodeImage(image: ApsImage, offsetUs: number): Buffer {
  const { pixels } = image
  const bytes = Buffer.alloc(Math.ceil((116 + pixels.length) / 8) * 8)
  const view = viewOf(bytes)
  view.setUint32(0, bytes.byteLength - 4, true)
  view.setUint32(4, 40, true)
  putIdentifier(bytes, 'FRME')
  putWords(view, 14, FRAME_VTABLE)
  view.setInt32(44, 30, true)
  const times = [
    image.tUs,
    image.startOfFrameUs,
    image.endOfFrameUs,
    image.startOfExposureUs,
    image.endOfExposureUs,
  ]
  for (const [i, t] of times.entries()) putInt64(view, 48 + 8 * i, t + offsetUs)
  putInt64(view, 88, image.endOfExposureUs - image.startOfExposureUs)
  view.setInt16(96, image.width, true)
  view.setInt16(98, image.height, true)
  view.setInt16(100, image.x, true)
  view.setInt16(102, image.y, true)
  view.setInt8(104, FORMATS[image.channels])
  view.setInt8(105, SOURCE_SENSOR)
  view.setUint32(108, 4, true)
  view.setUint32(112, pixels.length, true)
  if (pixels instanceof Uint8Array) bytes.set(pixels, 116)
  else for (let i = 0; i < pixels.length; i++) bytes[116 + i] = pixels[i]! >> 8
  return bytes
}
