import type { StepResult, Track } from '../../tracking/track.js'
import { type LensModel, undistortBox, undistortVelocity } from '../lens/model.js'
import type { Settings } from '../settings.js'
import { GroundPlane } from './ground.js'

/** Adds to tracks what calibrations know about places: without distortion, and on the ground. */
export class TrackPlacer {
  readonly #lens: LensModel | undefined
  readonly #plane: GroundPlane | undefined

  /** The last lens and the last survey of these count. A survey that no plane fits is left out. */
  constructor(settings: readonly Settings[] = []) {
    this.#lens = settings.findLast(({ lens }) => lens !== undefined)?.lens
    const survey = settings.findLast(({ ground }) => ground !== undefined)?.ground
    this.#plane = survey && GroundPlane.from(survey, this.#lens)
  }

  step(result: StepResult): StepResult {
    if (this.#lens === undefined && this.#plane === undefined) return result
    return {
      ...result,
      tracks: result.tracks.map((track) => this.#placed(track)),
      events: result.events.map(({ after, before, ...event }) => ({
        ...event,
        after: this.#placed(after),
        ...(before !== undefined && { before: this.#placed(before) }),
      })),
    }
  }

  #placed(track: Track): Track {
    const { box, velocity } = track
    const middle = { x: box.x + box.w / 2, y: box.y + box.h / 2 }
    const lens = this.#lens
    const flatBox = lens && undistortBox(lens, box)
    const flatVelocity = lens && undistortVelocity(lens, middle, velocity)
    const ground = this.#plane?.track(box, velocity)
    return {
      ...track,
      ...(flatBox && flatVelocity && { undistorted: { box: flatBox, velocity: flatVelocity } }),
      ...(ground && { ground }),
    }
  }
}
