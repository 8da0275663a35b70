import type { Box } from '../events/geometry.js'
import type { ZoneCount } from './zones.js'

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
  /** Names of the zones it is in; absent where there are none. */
  readonly zones?: readonly string[]
  /** Box and velocity without the distortion of the lens; absent without a lens calibration. */
  readonly undistorted?: {
    readonly box: Box
    readonly velocity: { readonly x: number; readonly y: number }
  }
  /** Where it is on the ground, metres, with standard deviations; absent without a ground calibration. */
  readonly ground?: OnGround
}

/** A place on the ground and how it changes, metres and metres per second; sigmas are standard deviations. */
export interface OnGround {
  readonly position: { readonly x: number; readonly y: number }
  readonly positionSigma: { readonly x: number; readonly y: number }
  readonly velocity: { readonly x: number; readonly y: number }
  readonly velocitySigma: { readonly x: number; readonly y: number }
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
  /** What was counted in zones; absent where there are none. */
  readonly zones?: readonly ZoneCount[]
}
