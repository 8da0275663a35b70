import { type Box, center } from '../../events/geometry.js'
import type { OnGround } from '../../tracking/track.js'
import { type LensModel, redistortPlace, undistortPlace } from '../lens/model.js'
import { fitPlane, type Place, type PlaneFit, toPicture, toPlane } from './homography.js'

/**
 * A survey of the ground, as it is kept: the points, not the matrix, so that it always goes with the lens calibration
 * that is active. Pixels count as boxes do.
 */
export interface GroundSurvey {
  readonly points: readonly {
    readonly pixel: readonly [number, number]
    readonly metres: readonly [number, number]
    readonly name?: string | undefined
  }[]
  readonly pixelSigma: number
  readonly metreSigma: number
  readonly trackSigma: number
  readonly speedSigma: number
  readonly anchor: 'bottom' | 'center'
}

/** So many standard deviations from a place to the horizon, or nothing can be said about it. */
const CLEAR_OF_HORIZON = 3
const HALF = 0.5
const STILL: Place = { x: 0, y: 0 }

/** Pixels ↔ metres on a plane. */
export class GroundPlane {
  readonly fit: PlaneFit
  readonly #survey: GroundSurvey
  readonly #lens: LensModel | undefined

  private constructor(fit: PlaneFit, survey: GroundSurvey, lens: LensModel | undefined) {
    this.fit = fit
    this.#survey = survey
    this.#lens = lens
  }

  /** Undefined when the points do not determine a plane. */
  static from(survey: GroundSurvey, lens?: LensModel): GroundPlane | undefined {
    const pairs = survey.points.map(({ pixel, metres }) => {
      const seen = straight(lens, { x: pixel[0], y: pixel[1] })
      return seen && { from: { x: metres[0], y: metres[1] }, to: seen }
    })
    const usable = pairs.filter((pair) => pair !== undefined)
    if (usable.length < pairs.length) return undefined
    const fit = fitPlane(usable, { from: survey.metreSigma, to: survey.pixelSigma })
    return fit && new GroundPlane(fit, survey, lens)
  }

  /** Pixel → metres. Undefined at and above the horizon, and where the lens model ends. */
  place(pixel: Place): Place | undefined {
    const seen = straight(this.#lens, pixel)
    return seen && toPlane(this.fit, seen)
  }

  /** Metres → pixel; undefined for what is not before the camera. */
  seen(place: Place): Place | undefined {
    const { x, y, ahead } = toPicture(this.fit, place)
    if (!ahead) return undefined
    return this.#lens === undefined ? { x, y } : redistortPlace(this.#lens, { x, y })
  }

  /** Standard deviations of `place` for a pixel that is known to `sigma` pixels. */
  sigmaAt(pixel: Place, sigma: number): Place | undefined {
    return this.#onGround({ pixel, velocity: STILL, sigma, speedSigma: 0 })?.positionSigma
  }

  /** A box and its velocity in pixels a second → metres, by the point of the box that touches the ground. */
  track(box: Box, velocity: Place): OnGround | undefined {
    const { anchor, trackSigma, speedSigma } = this.#survey
    const middle = center(box)
    const pixel = anchor === 'bottom' ? { x: middle.x, y: box.y + box.h } : middle
    return this.#onGround({ pixel, velocity, sigma: trackSigma, speedSigma })
  }

  /**
   * Error propagation to first order: the sum of what one standard deviation of each uncertain quantity changes: eight
   * directions of the fitted plane, the place in the picture, the velocity in the picture.
   */
  #onGround(of: {
    pixel: Place
    velocity: Place
    sigma: number
    speedSigma: number
  }): OnGround | undefined {
    const { velocity, sigma, speedSigma } = of
    const flat = straightened(this.#lens, of.pixel)
    if (flat === undefined) return undefined
    const { at, right, down } = flat
    const speed = plus(plus(STILL, right, velocity.x), down, velocity.y)
    const { parameters, spread } = this.fit
    const best = this.#motion(at, speed, parameters)
    if (best === undefined) return undefined
    for (const side of [-CLEAR_OF_HORIZON, CLEAR_OF_HORIZON]) {
      if (toPlane(this.fit, plus(at, right, side * sigma)) === undefined) return undefined
      if (toPlane(this.fit, plus(at, down, side * sigma)) === undefined) return undefined
    }
    const changed = [
      this.#motion(plus(at, right, sigma), speed, parameters),
      this.#motion(plus(at, down, sigma), speed, parameters),
      this.#motion(at, plus(speed, right, speedSigma), parameters),
      this.#motion(at, plus(speed, down, speedSigma), parameters),
      ...spread.map((column) => {
        const moved = parameters.map((p, i) => p + column[i]!)
        return this.#motion(at, speed, moved)
      }),
    ]
    const sums = [0, 0, 0, 0]
    for (const each of changed) {
      if (each === undefined) return undefined
      for (let i = 0; i < 4; i++) sums[i]! += (each[i]! - best[i]!) ** 2
    }
    const [sx, sy, svx, svy] = sums.map(Math.sqrt) as [number, number, number, number]
    return {
      position: { x: best[0], y: best[1] },
      positionSigma: { x: sx, y: sy },
      velocity: { x: best[2], y: best[3] },
      velocitySigma: { x: svx, y: svy },
    }
  }

  /** x, y, and their changes per second, from half a pixel before to half a pixel behind; without distortion. */
  #motion(
    at: Place,
    velocity: Place,
    parameters: readonly number[],
  ): readonly [number, number, number, number] | undefined {
    const here = toPlane(this.fit, at, parameters)
    if (here === undefined) return undefined
    const speed = Math.hypot(velocity.x, velocity.y)
    if (speed === 0) return [here.x, here.y, 0, 0]
    const before = toPlane(this.fit, plus(at, velocity, -HALF / speed), parameters)
    const after = toPlane(this.fit, plus(at, velocity, HALF / speed), parameters)
    if (before === undefined || after === undefined) return undefined
    return [here.x, here.y, (after.x - before.x) * speed, (after.y - before.y) * speed]
  }
}

/** The place without distortion, and what a step of one pixel to the right and down does there. */
function straightened(lens: LensModel | undefined, pixel: Place) {
  if (lens === undefined) return { at: pixel, right: { x: 1, y: 0 }, down: { x: 0, y: 1 } }
  const at = undistortPlace(lens, pixel)
  const [left, right, up, down] = [
    undistortPlace(lens, { x: pixel.x - HALF, y: pixel.y }),
    undistortPlace(lens, { x: pixel.x + HALF, y: pixel.y }),
    undistortPlace(lens, { x: pixel.x, y: pixel.y - HALF }),
    undistortPlace(lens, { x: pixel.x, y: pixel.y + HALF }),
  ]
  if (!(at && left && right && up && down)) return undefined
  return { at, right: plus(right, left, -1), down: plus(down, up, -1) }
}

function plus(a: Place, b: Place, times: number): Place {
  return { x: a.x + b.x * times, y: a.y + b.y * times }
}

function straight(lens: LensModel | undefined, pixel: Place): Place | undefined {
  return lens === undefined ? pixel : undistortPlace(lens, pixel)
}
