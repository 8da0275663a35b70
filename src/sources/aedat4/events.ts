import type { EventBatch } from '../../events/batch.js'
import { fieldAt, openFlat, vectorAt } from './flatbuffer.js'

/**
 * A step of event time backwards beyond this, or forwards beyond the other, is a restart of time, not jitter: the
 * stream is cut there. Smaller steps back are clamped. Without the forward limit one damaged timestamp would hold
 * every later event in the future.
 */
export const BACKWARD_RESTART_US = 1_000_000
export const FORWARD_RESTART_US = 60_000_000

/** Where reading of one event packet stands, and what was met. Carried from packet to packet for `lastUs`. */
export interface EventCursor {
  /** The packet as 32-bit words: 4 an event (time low, time high, y:x, polarity). */
  words: Int32Array
  next: number
  end: number
  readonly width: number
  readonly height: number
  /** Time of the newest event delivered; −1 before the first. */
  lastUs: number
  /** Set when the next event restarts time; the caller reports the gap and clears it with `restart`. */
  restartUs: number
  outside: number
  badTime: number
  backward: number
}

export function createEventCursor(width: number, height: number): EventCursor {
  return {
    words: new Int32Array(0),
    next: 0,
    end: 0,
    width,
    height,
    lastUs: -1,
    restartUs: -1,
    outside: 0,
    badTime: 0,
    backward: 0,
  }
}

/** Points the cursor at a decompressed EVTS packet. Throws when it is not one. */
export function openEvents(cursor: EventCursor, bytes: Uint8Array): void {
  cursor.next = 0
  cursor.end = 0
  const flat = openFlat(bytes, 'EVTS')
  const field = fieldAt(flat, flat.root, 0)
  if (field === 0) return
  const { start, count } = vectorAt(flat, field, 16)
  cursor.words = wordsAt(flat.bytes, start, 4 * count)
  cursor.end = count
}

/** `count` little-endian words from `start`; both platforms served are little endian. Copies only what is misaligned. */
function wordsAt(bytes: Uint8Array, start: number, count: number): Int32Array {
  const at = bytes.byteOffset + start
  if ((at & 3) === 0) return new Int32Array(bytes.buffer, at, count)
  return new Int32Array(bytes.slice(start, start + 4 * count).buffer, 0, count)
}

export function restart(cursor: EventCursor): void {
  cursor.lastUs = cursor.restartUs
  cursor.restartUs = -1
}

/** Fills the batch from the cursor until either ends, or time restarts. Events off the sensor are counted, not kept. */
// hot
export function fillBatch(cursor: EventCursor, batch: EventBatch): void {
  const { words, end, width, height } = cursor
  const { capacity, dtUs, x: xs, y: ys, on } = batch
  let { lastUs, next } = cursor
  let length = 0
  let t0Us = 0
  for (; next < end && length < capacity; next++) {
    const at = next << 2
    const high = words[at + 1]!
    const place = words[at + 2]!
    const x = place & 0xffff
    const y = place >>> 16
    if (x >= width || y >= height) {
      cursor.outside++
      continue
    }
    // Below 2^53 and not negative: all that a Number holds exactly.
    if (high < 0 || high > 0x1fffff) {
      cursor.badTime++
      continue
    }
    let t = high * 4294967296 + (words[at]! >>> 0)
    if (lastUs >= 0) {
      const step = t - lastUs
      if (step < -BACKWARD_RESTART_US || step > FORWARD_RESTART_US) {
        cursor.restartUs = t
        break
      }
      if (step < 0) {
        t = lastUs
        cursor.backward++
      }
    }
    if (length === 0) t0Us = t
    else if (t - t0Us > 0xffffffff) break
    dtUs[length] = t - t0Us
    xs[length] = x
    ys[length] = y
    on[length] = (words[at + 3]! & 0xff) === 0 ? 0 : 1
    lastUs = t
    length++
  }
  batch.t0Us = t0Us
  batch.length = length
  cursor.next = next
  cursor.lastUs = lastUs
}
