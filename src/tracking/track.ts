import type { Box } from '../events/geometry.js'

/**
 * A target's life: tentative (found, not yet confirmed, never published) → tracking → still (its region is silent; an
 * event camera sees nothing that does not move, so silence is not loss) → lost → reacquired (tracking again) or ended.
 */
export type TrackState = 'tentative' | 'tracking' | 'still' | 'lost'

export interface Track {
  /** Unique over boots; never reused. */
  readonly id: string
  readonly state: TrackState
  /** 0..1 */
  readonly score: number
  /** Sensor pixels, clamped to the sensor. */
  readonly box: Box
  /** Pixels per second. */
  readonly velocity: { readonly x: number; readonly y: number }
  readonly ageUs: number
  /** Device time the box belongs to. */
  readonly tUs: number
  readonly label?: string
}

export type TrackEventKind = 'new' | 'update' | 'lost' | 'reacquired' | 'end'

export interface TrackSummary {
  readonly startUs: number
  readonly endUs: number
  readonly windows: number
  readonly meanScore: number
  readonly pathPixels: number
  readonly firstBox: Box
  readonly lastBox: Box
  readonly endReason: 'stopped' | 'lost' | 'left' | 'merged' | 'shutdown'
}

/** A lifecycle event; `before` is absent for 'new', `summary` present for 'end'. */
export interface TrackEvent {
  readonly kind: TrackEventKind
  readonly after: Track
  readonly before?: Track
  readonly summary?: TrackSummary
}

/** What tracking made of one window. */
export interface StepResult {
  readonly seq: number
  readonly tStartUs: number
  readonly tEndUs: number
  /** Confirmed tracks only (state is never 'tentative'). */
  readonly tracks: readonly Track[]
  readonly events: readonly TrackEvent[]
  /** Search inferences run (batch members). */
  readonly inferences: number
  readonly inferenceMs: number
}
