import type { StepResult, Track, TrackEvent } from '../../src/tracking/track.js'

export const SENSOR = { width: 346, height: 260 }

export function aTrack(over: Partial<Track> = {}): Track {
  return {
    id: 'b1-1',
    state: 'tracking',
    score: 0.87654,
    box: { x: 10, y: 20, w: 30, h: 40 },
    velocity: { x: 12.345, y: -6.789 },
    ageUs: 1_234_567,
    tUs: 5_000_000,
    ...over,
  }
}

export function aStep(
  seq: number,
  tracks: readonly Track[],
  events: TrackEvent[] = [],
): StepResult {
  const tEndUs = 5_000_000 + seq * 10_000
  return {
    seq,
    tStartUs: tEndUs - 20_000,
    tEndUs,
    tracks,
    events,
    inferences: tracks.length,
    inferenceMs: 4,
  }
}

export function aNew(id: string): TrackEvent {
  return { kind: 'new', after: aTrack({ id }) }
}

export function anEnd(id: string): TrackEvent {
  return {
    kind: 'end',
    before: aTrack({ id }),
    after: aTrack({ id, state: 'lost' }),
    summary: {
      startUs: 4_000_000,
      endUs: 5_000_000,
      windows: 100,
      meanScore: 0.8123456,
      pathPixels: 123.456,
      firstBox: { x: 0, y: 0, w: 30, h: 40 },
      lastBox: { x: 330, y: 240, w: 30, h: 40 },
      endReason: 'left',
    },
  }
}
