import type { Row } from '../kind.js'
import { judged, LIMITS, told } from '../limits.js'
import type { LensAnalysis } from './analyse.js'
import { hintOf, type ViewCollection, WANTED } from './guidance.js'
import { type LensModel, sight, undistort } from './model.js'

const GRID_FIELDS = 16

export const TOO_BRIGHT_NOTE =
  'The paper is saturated, so the board cannot be seen: shorten the exposure, or run `evtrackd calibrate exposure` first.'

/** What was collected, and what was missing. */
export function collectionRows(collection: ViewCollection): Row[] {
  const { views } = collection
  const coverage = collection.coverage()
  const missing = hintOf(coverage)
  const again = `Run again with more time, and ${missing ?? 'turn the board more'}.`
  return [
    judged('views', views.length, {
      limit: LIMITS.lens.views,
      note: `Run again with more time (--duration 180) and more poses; ${WANTED.views} are wanted.`,
    }),
    judged('fields of the picture with corners', (100 * coverage.covered) / GRID_FIELDS, {
      limit: LIMITS.lens.coverage,
      note: again,
    }),
    judged('sides the board was turned to', coverage.leans.filter((n) => n > 0).length, {
      limit: LIMITS.lens.leans,
      note: 'Views from the front alone do not tell the focal length: turn the board to all four sides.',
    }),
  ]
}

export function lightRow({ seen, bright }: { seen: number; bright: number }): Row {
  return judged('pictures that were too bright', (100 * bright) / Math.max(1, seen), {
    limit: LIMITS.lens.bright,
    note: TOO_BRIGHT_NOTE,
  })
}

/** What the fit is worth. */
export function fitRows(analysis: LensAnalysis): Row[] {
  const { fit, heldOutRms, dropped, views } = analysis
  const { lens, sigma } = fit
  const limits = LIMITS.lens
  const flat = 'Is the board flat, in focus, and held still? Fix the paper to something stiff.'
  return [
    judged('corners off the fit, rms', fit.rms, { limit: limits.rms, note: flat }),
    judged('views left out, against the fit', heldOutRms / fit.rms, {
      limit: limits.heldOut,
      note: 'The lens model fits only the views it was made of: add views, above all at the edges.',
    }),
    judged('focal length known to', 200 * Math.max(sigma.fx / lens.fx, sigma.fy / lens.fy), {
      limit: limits.focal,
      note: 'Turn the board more, and bring it nearer.',
    }),
    judged('principal point known to', 2 * Math.max(sigma.cx, sigma.cy), {
      limit: limits.principal,
      note: 'Turn the board more, to all four sides.',
    }),
    judged('pixels wider than high', 100 * Math.abs(lens.fx / lens.fy - 1), {
      limit: limits.square,
      note: "The sensor's pixels are square: was the board printed without scaling, is it flat?",
    }),
    told('views that contradicted the others', dropped, `of ${views.length + dropped}`),
    told('focal length across', lens.fx, 'px'),
    told('focal length down', lens.fy, 'px'),
    told('principal point x', lens.cx, 'px'),
    told('principal point y', lens.cy, 'px'),
    told('field of view across', fieldOfView(lens), '°'),
    told('largest distortion', largestDistortion(lens), 'px'),
  ]
}

function fieldOfView(lens: LensModel): number {
  const left = sight(lens, { x: -0.5, y: lens.cy })
  const right = sight(lens, { x: lens.width - 0.5, y: lens.cy })
  if (left === undefined || right === undefined) return Number.NaN
  return ((Math.atan(right.x) - Math.atan(left.x)) * 180) / Math.PI
}

/** How far the corners of the picture are moved. NaN where the model ends before them. */
function largestDistortion(lens: LensModel): number {
  const corners = [0, 1, 2, 3].map((i) => ({
    x: (i & 1) * (lens.width - 1),
    y: (i >> 1) * (lens.height - 1),
  }))
  return Math.max(
    ...corners.map((corner) => {
      const straight = undistort(lens, corner)
      return straight === undefined
        ? Number.NaN
        : Math.hypot(straight.x - corner.x, straight.y - corner.y)
    }),
  )
}
