import type { Frame } from '../../src/pipeline/frame.js'
import type { Track } from '../../src/tracking/track.js'
import type { ViewState } from '../../src/view/answer.js'
import type { TrackedWindow } from '../../src/view/feed.js'

/** Windows and tracks made by hand, for what shows them. */

export const SIZE = { width: 346, height: 260 }

/** An empty window. */
export function emptyFrame(seq = 0, size = SIZE): Frame {
  const tEndUs = 30_000 + seq * 10_000
  return {
    header: {
      seq,
      tStartUs: tEndUs - 30_000,
      tEndUs,
      events: 0,
      eventsIn: 0,
      gapUs: 0,
      broken: false,
      hostUs: 0,
    },
    ...size,
    planes: new Uint8Array(3 * size.width * size.height),
  }
}

export function setPlanes(
  frame: Frame,
  at: { x: number; y: number },
  [trajectory, off, on]: readonly [number, number, number],
): void {
  const area = frame.width * frame.height
  const pixel = at.y * frame.width + at.x
  frame.planes[pixel] = trajectory
  frame.planes[area + pixel] = off
  frame.planes[2 * area + pixel] = on
}

export function aTrack(id: string, over: Partial<Track> = {}): Track {
  return {
    id,
    state: 'tracking',
    score: 0.5,
    box: { x: 100, y: 80, w: 40, h: 30 },
    velocity: { x: 30, y: 40 },
    ageUs: 1_000_000,
    tUs: 30_000,
    ...over,
  }
}

/** A square of ON events that moves to the right, and its target. */
export function movingWindow(seq: number, tracks: readonly Track[] = []): TrackedWindow {
  const frame = emptyFrame(seq)
  const left = 100 + (seq % 150)
  for (let y = 80; y < 110; y++) {
    for (let x = left; x < left + 40; x++) setPlanes(frame, { x, y }, [200, 0, 150])
  }
  return { frame: { ...frame, header: { ...frame.header, events: 1200 } }, tracks }
}

export const STATE: ViewState = {
  evtrackd: '0.0.0',
  device: 'mast-3',
  camera: 'north',
  state: 'ready',
  reason: null,
  source: 'camera',
  tracker: 'evt-compact',
  broker: 'connected',
  events_per_second: 1_250_000,
  latency_ms: { p50: 2.5, p99: 6.25, count: 100 },
  inference_ms: { p50: 0.75, p99: 1, count: 100 },
  temperature_c: 41.5,
  drops: { windows_skipped: 7, stalls: 0 },
  skipped_windows: 7,
}

/** Undoes packPixels, written from its description: one byte a pixel. */
export function unpackPixels(packed: Uint8Array, pixels: number): Uint8Array {
  const out: number[] = []
  for (let i = 0; i < packed.length; i++) {
    if (packed[i] === 0) {
      const run = packed[++i]! + 1
      for (let k = 0; k < run; k++) out.push(0)
    } else out.push(packed[i]!)
  }
  if (out.length !== pixels) throw new Error(`${out.length} pixels instead of ${pixels}`)
  return Uint8Array.from(out)
}
