import type { Frame } from '../pipeline/frame.js'

/**
 * The event image as it travels to a page: one byte a pixel, row-major, `on << 5 | off << 2 | trail`, and runs of empty
 * pixels shortened to a zero and their number less one. Most of a window is empty, so it is small, and a page turns the
 * byte into a colour by a table of 256.
 */
export const PIXEL_BITS = { on: 5, off: 2, trail: 0 } as const

/** Plane value that is drawn at full strength: five events of the default amount. */
const FULL_EVENTS = 150
const EVENT_LEVELS = 7
const TRAIL_LEVELS = 3
const LONGEST_RUN = 256

/** Level of a plane value; anything but 0 is at least 1, so that single events stay visible. */
function levels(full: number, steps: number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, value) =>
    value === 0 ? 0 : Math.max(1, Math.min(steps, Math.round((value * steps) / full))),
  )
}

const EVENT_LEVEL = levels(FULL_EVENTS, EVENT_LEVELS)
const TRAIL_LEVEL = levels(255, TRAIL_LEVELS)

/** Bytes that any image of this many pixels fits into. */
export function packedBytesMax(pixels: number): number {
  // Worst: every other pixel empty, two bytes for it and one for the other.
  return 2 * pixels
}

/** Packs the image of `frame` into `out` (packedBytesMax); returns the bytes used. */
// hot
export function packPixels(frame: Frame, out: Uint8Array): number {
  const { planes } = frame
  const area = frame.width * frame.height
  const eventLevel = EVENT_LEVEL
  const trailLevel = TRAIL_LEVEL
  let used = 0
  let run = 0
  for (let i = 0; i < area; i++) {
    const off = eventLevel[planes[area + i]!]!
    const on = eventLevel[planes[2 * area + i]!]!
    const byte = (on << 5) | (off << 2) | trailLevel[planes[i]!]!
    if (byte === 0) {
      run++
      if (run === LONGEST_RUN) {
        out[used++] = 0
        out[used++] = LONGEST_RUN - 1
        run = 0
      }
      continue
    }
    if (run > 0) {
      out[used++] = 0
      out[used++] = run - 1
      run = 0
    }
    out[used++] = byte
  }
  if (run > 0) {
    out[used++] = 0
    out[used++] = run - 1
  }
  return used
}
