import type { Size } from '../../events/geometry.js'
import { COLORS } from '../chart.js'
import type { CalibrationKind, MeasurementContext, Outcome, Row } from '../kind.js'
import type { LensModel } from '../lens/model.js'
import { failed, judged, LIMITS, told } from '../limits.js'
import { sensorMapPng } from '../sensor-map.js'
import { checkPoints, nameOf } from './check-points.js'
import { GroundPlane } from './ground.js'
import type { GroundOptions } from './ground-schema.js'
import { matrixOf, type Place } from './homography.js'

/** Nothing is measured: the surveyed points are judged, drawn and put to use. */
export const groundKind: CalibrationKind<GroundOptions> = {
  name: 'ground',
  title: 'Ground',
  ask: 'Give at least four points whose place on the ground is known: --input points.json.',
  needs: [],
  seconds: 0,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'still',
  create(context) {
    const { points } = context.options
    checkPoints(points)
    return {
      progress: () => ({ text: `${points.length} points`, figures: { points: points.length } }),
      finish: () => outcomeOf(context),
    }
  },
}

function outcomeOf({ options, size, others }: MeasurementContext<GroundOptions>): Outcome {
  const { points } = options
  const lens = others.find((each) => each.lens !== undefined)?.lens
  const outside = points.flatMap(({ pixel: [x, y] }, i) =>
    x < 0 || y < 0 || x > size.width || y > size.height
      ? [
          failed(
            `${nameOf(points, i)} is not on the sensor`,
            `Pixels lie within 0..${size.width} and 0..${size.height}; were pixels and metres, or x and y, swapped?`,
          ),
        ]
      : [],
  )
  const plane = GroundPlane.from(options, lens)
  if (plane === undefined || outside.length > 0) {
    const torn = failed(
      'plane',
      'No plane fits these points: two of them are swapped, or one lies behind the camera.',
    )
    const rows = outside.length > 0 ? outside : [torn]
    return { rows, data: { points }, pictures: [], exports: [] }
  }
  const left = leftOut(options, lens)
  const matrix = matrixOf(plane.fit)
  return {
    rows: rowsOf(plane, { options, left, lens }),
    data: { ...options, groundToPicture: matrix, rms: plane.fit.rms, lens: lens !== undefined },
    settings: { ground: options },
    pictures: [
      {
        name: 'ground',
        title: 'Lines of the ground in the picture; rings: the points as surveyed, and as fitted',
        png: sensorMapPng({
          size,
          outlines: gridOf(plane, { points: options.points, size }),
          rings: points.flatMap(({ pixel: [x, y], metres }) => {
            const fitted = plane.seen({ x: metres[0], y: metres[1] })
            return [
              { x, y, color: COLORS.warm },
              ...(fitted === undefined ? [] : [{ ...fitted, color: COLORS.good }]),
            ]
          }),
        }),
      },
    ],
    exports: [
      {
        name: 'ground.json',
        content: `${JSON.stringify({ ground_to_picture: rowsOf3(matrix), undistorted: lens !== undefined, rms_px: plane.fit.rms, points }, null, 2)}\n`,
      },
    ],
  }
}

function rowsOf(
  plane: GroundPlane,
  of: { options: GroundOptions; left: readonly LeftOut[]; lens: LensModel | undefined },
): Row[] {
  const { options, left, lens } = of
  const { points } = options
  const limits = LIMITS.ground
  const worst = left.reduce<LeftOut | undefined>(
    (a, b) => (a === undefined || b.sigmas > a.sigmas ? b : a),
    undefined,
  )
  const residuals = plane.fit.residuals.map(({ x, y }) => Math.hypot(x, y))
  const furthest = residuals.indexOf(Math.max(...residuals))
  const known = points.flatMap(({ pixel: [x, y] }) => {
    const sigma = plane.sigmaAt({ x, y }, options.trackSigma)
    return sigma === undefined ? [] : [Math.hypot(sigma.x, sigma.y)]
  })
  return [
    judged('points', points.length, {
      limit: limits.points,
      note: 'Four points fit any plane, so nothing tells whether one is wrong: survey two more.',
    }),
    judged('points off the fit, rms', plane.fit.rms, {
      limit: limits.reprojection,
      note: `${nameOf(points, furthest)} is the furthest off: check its pixel and its metres.`,
    }),
    ...(worst === undefined
      ? []
      : [
          judged('worst point against the fit of the others', worst.sigmas, {
            limit: limits.leftOut,
            note: `${nameOf(points, worst.index)} does not fit the others: they put it ${worst.metres.toFixed(2)} m from where it was surveyed.`,
          }),
        ]),
    told('a track at the best point is known to', Math.min(...known), 'm'),
    told('a track at the worst point is known to', Math.max(...known), 'm'),
    told('lens calibrations used', lens === undefined ? 0 : 1, ''),
  ]
}

interface LeftOut {
  readonly index: number
  readonly metres: number
  /** The distance in its own standard deviations. */
  readonly sigmas: number
}

/** Each point against the plane of all others; those without which nothing can be said are left out. */
function leftOut(options: GroundOptions, lens: LensModel | undefined): LeftOut[] {
  const { points, pixelSigma, metreSigma } = options
  if (points.length < 5) return []
  return points.flatMap(({ pixel, metres }, index) => {
    const rest = points.filter((_, i) => i !== index)
    try {
      checkPoints(rest)
    } catch {
      return []
    }
    const plane = GroundPlane.from({ ...options, points: rest }, lens)
    const at = { x: pixel[0], y: pixel[1] }
    const place = plane?.place(at)
    const sigma = plane?.sigmaAt(at, pixelSigma)
    if (place === undefined || sigma === undefined) return []
    const [dx, dy] = [place.x - metres[0], place.y - metres[1]]
    const sigmas = Math.hypot(
      dx / Math.hypot(sigma.x, metreSigma),
      dy / Math.hypot(sigma.y, metreSigma),
    )
    return [{ index, metres: Math.hypot(dx, dy), sigmas }]
  })
}

/** Lines of whole metres over the surveyed area and as much again around it, where the sensor sees them. */
function gridOf(plane: GroundPlane, of: { points: GroundOptions['points']; size: Size }) {
  const xs = of.points.map(({ metres }) => metres[0])
  const ys = of.points.map(({ metres }) => metres[1])
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const [near, far] = [Math.min(...ys), Math.max(...ys)]
  const step = gridStep(Math.max(right - left, far - near))
  const lines: (readonly [Place, Place])[] = []
  const span = { x: right - left, y: far - near }
  const [x0, x1] = [left - span.x / 2, right + span.x / 2]
  const [y0, y1] = [near - span.y / 2, far + span.y / 2]
  for (let x = Math.ceil(x0 / step) * step; x <= x1; x += step)
    lines.push([
      { x, y: y0 },
      { x, y: y1 },
    ])
  for (let y = Math.ceil(y0 / step) * step; y <= y1; y += step)
    lines.push([
      { x: x0, y },
      { x: x1, y },
    ])
  return lines.flatMap(([a, b]) => {
    const pieces = 24
    return Array.from({ length: pieces }, (_, i) => {
      const at = (t: number) => plane.seen({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t })
      return [at(i / pieces), at((i + 1) / pieces)] as const
    }).flatMap(([from, to]) => {
      if (from === undefined || to === undefined) return []
      if (!inside(from, of.size) && !inside(to, of.size)) return []
      const points = [
        [from.x, from.y],
        [to.x, to.y],
      ] as const
      return [{ points, color: COLORS.cool }]
    })
  })
}

function inside({ x, y }: Place, { width, height }: Size): boolean {
  return x >= 0 && y >= 0 && x <= width && y <= height
}

/** Some ten lines, one, two or five metres apart, or ten times as much. */
function gridStep(span: number): number {
  const rough = span / 8
  const power = 10 ** Math.floor(Math.log10(rough))
  const share = rough / power
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10)
}

const rowsOf3 = (m: readonly number[]) => [m.slice(0, 3), m.slice(3, 6), m.slice(6, 9)]
