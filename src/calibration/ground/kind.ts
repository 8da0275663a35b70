import type { CalibrationKind, MeasurementContext, Outcome, Row } from '../kind.js'
import type { LensModel } from '../lens/model.js'
import { failed, judged, LIMITS, told } from '../limits.js'
import { Background } from '../pictures/background.js'
import { pictureOf } from '../pictures/depiction.js'
import { groundMap } from '../pictures/ground.js'
import type { Tones } from '../pictures/tones.js'
import { fullView } from '../prepare.js'
import { checkPoints, nameOf } from './check-points.js'
import { GroundPlane } from './ground.js'
import type { GroundOptions } from './ground-schema.js'
import { matrixOf } from './homography.js'

const FIT = 'points off the fit, rms'

/** The surveyed points are judged, drawn and put to use; with a duration, over what the camera sees meanwhile. */
export const groundKind: CalibrationKind<GroundOptions> = {
  name: 'ground',
  title: 'Ground',
  ask: 'Give at least four points whose place on the ground is known: --input points.json.',
  needs: [],
  seconds: 0,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'moving',
  prepare: (preset) => fullView(preset, { images: true }),
  create(context) {
    const { options, size, others } = context
    const { points } = options
    checkPoints(points)
    const background = new Background(size)
    const plane = GroundPlane.from(options, lensOf(others))
    return {
      events: (batch) => background.events(batch),
      image: (image) => background.image(image),
      progress: () => ({ text: `${points.length} points`, figures: { points: points.length } }),
      depict: () => plane && groundMap(plane, { points, size, tones: background.tones() }),
      finish: () => outcomeOf(context, background.tones()),
    }
  },
}

function lensOf(others: MeasurementContext<GroundOptions>['others']): LensModel | undefined {
  return others.find((each) => each.lens !== undefined)?.lens
}

function outcomeOf(
  { options, size, others }: MeasurementContext<GroundOptions>,
  tones: Tones | undefined,
): Outcome {
  const { points } = options
  const lens = lensOf(others)
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
  const rows = rowsOf(plane, { options, left, lens })
  const fitRow = rows.find(({ name }) => name === FIT)
  return {
    rows,
    data: { ...options, groundToPicture: matrix, rms: plane.fit.rms, lens: lens !== undefined },
    settings: { ground: options },
    pictures: [pictureOf('ground', groundMap(plane, { points, size, tones }), fitRow)],
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
    judged(FIT, plane.fit.rms, {
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

const rowsOf3 = (m: readonly number[]) => [m.slice(0, 3), m.slice(3, 6), m.slice(6, 9)]
