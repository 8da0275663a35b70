import { EvtrackError } from '../../events/errors.js'
import type { SurveyedPoint } from './ground-schema.js'
import type { Place } from './homography.js'

const LEAST_POINTS = 4
/** Points lie in a line when they are off it by less than this share of its length. */
const FLAT = 0.02

/** Throws CALIBRATION_FAILED for points that cannot determine a plane, whatever their numbers. */
export function checkPoints(points: readonly SurveyedPoint[]): void {
  if (points.length === 0) {
    throw refusal('No surveyed points are given.', {
      next: 'Write them to a file, {"points": [{"pixel": [35, 210], "metres": [0, 0]}, …]}, and give it with --input.',
    })
  }
  if (points.length < LEAST_POINTS) {
    throw refusal(`${points.length} points do not determine a plane.`, {
      next: 'Survey at least four points, of which no three lie in a line; six are better.',
    })
  }
  const sides = [
    { name: 'in the picture', unit: 'pixels', places: points.map((p) => placeOf(p.pixel)) },
    { name: 'on the ground', unit: 'metres', places: points.map((p) => placeOf(p.metres)) },
  ]
  for (const { name, unit, places } of sides) {
    const twice = sameTwice(places)
    if (twice !== undefined) {
      const [a, b] = twice.map((i) => nameOf(points, i))
      throw refusal(`${a} and ${b} are the same place ${name}.`, {
        next: `Correct the ${unit} of one of them.`,
      })
    }
    if (inLine(places)) {
      throw refusal(`The points lie in a line ${name}: all of them, or all but one.`, {
        next: 'Add points to the side of that line, far from it; a plane needs two directions.',
      })
    }
  }
}

export function nameOf(points: readonly SurveyedPoint[], index: number): string {
  return points[index]?.name ?? `point ${index + 1}`
}

/** True when all points, or all but one, lie in one line: then no four of them are free of three in a line. */
export function inLine(places: readonly Place[]): boolean {
  const n = places.length
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const off = places.filter((p) => offLine(p, places[i]!, places[j]!)).length
      if (off <= 1) return true
    }
  }
  return false
}

/** Further from the line through a and b than a small share of the longest side of the three. */
function offLine(p: Place, a: Place, b: Place): boolean {
  const twiceArea = Math.abs((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x))
  const longest = Math.max(distance(a, b), distance(a, p), distance(b, p))
  return twiceArea > FLAT * longest * longest
}

function sameTwice(places: readonly Place[]): [number, number] | undefined {
  for (let i = 0; i < places.length; i++)
    for (let j = i + 1; j < places.length; j++)
      if (distance(places[i]!, places[j]!) < 1e-6) return [i, j]
  return undefined
}

const distance = (a: Place, b: Place) => Math.hypot(a.x - b.x, a.y - b.y)
const placeOf = ([x, y]: readonly [number, number]): Place => ({ x, y })

function refusal(message: string, { next }: { next: string }): EvtrackError {
  return new EvtrackError('CALIBRATION_FAILED', message, { next })
}
