import type { Box, Size } from '../../src/events/geometry.js'
import type { Frame, WindowHeader } from '../../src/pipeline/frame.js'

/** Seeded random numbers in [0, 1), for inputs of tests only. */
export function mulberry(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let z = Math.imul(state ^ (state >>> 15), 1 | state)
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296
  }
}

export const HOP_US = 10_000

/** An empty window: `seq` hops after 0. */
export function emptyFrame(size: Size, seq: number, header: Partial<WindowHeader> = {}): Frame {
  return {
    header: {
      seq,
      tStartUs: seq * HOP_US,
      tEndUs: (seq + 1) * HOP_US,
      events: 0,
      eventsIn: 0,
      gapUs: 0,
      broken: false,
      hostUs: 0,
      ...header,
    },
    width: size.width,
    height: size.height,
    planes: new Uint8Array(3 * size.width * size.height),
  }
}

/** One event at a pixel; the trajectory is left alone. */
export function addEvent(frame: Frame, at: { x: number; y: number; on?: boolean }): void {
  const x = Math.floor(at.x)
  const y = Math.floor(at.y)
  if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) return
  const pixels = frame.width * frame.height
  const index = (at.on === false ? 1 : 2) * pixels + y * frame.width + x
  frame.planes[index] = Math.min(255, frame.planes[index]! + 30)
}

/** A textured thing inside `box`: the same share of its pixels has events wherever it stands. */
export function addBlob(frame: Frame, box: Box, density = 0.4): void {
  const random = mulberry(7)
  for (let y = 0; y < Math.round(box.h); y++) {
    for (let x = 0; x < Math.round(box.w); x++) {
      const hit = random() < density
      const on = random() < 0.5
      if (hit) addEvent(frame, { x: box.x + x, y: box.y + y, on })
    }
  }
}

/** `count` events anywhere. */
export function addNoise(frame: Frame, count: number, seed: number): void {
  const random = mulberry(seed)
  for (let i = 0; i < count; i++) {
    addEvent(frame, { x: random() * frame.width, y: random() * frame.height, on: random() < 0.5 })
  }
}
