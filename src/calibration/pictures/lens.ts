import type { Size } from '../../events/geometry.js'
import { type Board, cornerPlace } from '../board/board.js'
import type { Picture, Row } from '../kind.js'
import type { LensAnalysis } from '../lens/analyse.js'
import type { ViewCollection } from '../lens/guidance.js'
import { type LensModel, redistort } from '../lens/model.js'
import type { Corners } from '../lens/refine.js'
import { seenAt } from '../lens/solve.js'
import { type Depiction, pictureOf } from './depiction.js'
import type { SensorOutline } from './sensor-view.js'
import { COLORS } from './svg.js'
import { grayOf } from './tones.js'

const GRID = 4
/** Room between the outlines of two fields, pixels. */
const INSET = 2

interface Seen {
  readonly views: ViewCollection
  readonly size: Size
  /** What the camera sees now, [height, width], 0..255. */
  readonly gray: Uint8Array
  readonly corners: Corners
  readonly text: string
}

/** While it runs: the board now, where it was already, and the fields that it still has to reach. */
export function boardNow({ views, size, gray, corners, text }: Seen): Depiction {
  return {
    form: 'sensor',
    view: {
      title: 'The board now, and where it still has to go',
      finding: { text },
      size,
      tones: grayOf(gray, 255),
      outlines: emptyFields(views, size),
      rings: corners.points.map(([x, y]) => ({ x, y, color: COLORS.good })),
      legend: [
        { label: 'corners found now', color: COLORS.good },
        { label: 'the board was not here yet', color: COLORS.bad },
      ],
    },
  }
}

/** Where corners were seen, and the fields of the grid in which there were none. */
export function coverage(collection: ViewCollection, size: Size): Depiction {
  const { views } = collection
  return {
    form: 'sensor',
    view: {
      title: 'Where the board was',
      size,
      legend: [
        { label: 'corners that were used', color: COLORS.good },
        { label: 'edges of the board', color: COLORS.soft },
        { label: 'no corner here', color: COLORS.bad },
      ],
      outlines: [
        ...views.map(({ outline }) => ({
          points: outline,
          color: COLORS.soft,
          closed: true,
          thin: true,
        })),
        ...emptyFields(collection, size),
      ],
      rings: views.flatMap(({ corners }) =>
        corners.points.map(([x, y]) => ({ x, y, color: COLORS.good })),
      ),
    },
  }
}

function emptyFields(collection: ViewCollection, { width, height }: Size): SensorOutline[] {
  const [w, h] = [width / GRID, height / GRID]
  return collection.coverage().fields.flatMap((covered, field) => {
    if (covered) return []
    const [left, top] = [(field % GRID) * w + INSET, Math.floor(field / GRID) * h + INSET]
    const [right, bottom] = [left + w - 2 * INSET, top + h - 2 * INSET]
    const points = [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ] as const
    return [{ points, color: COLORS.bad, closed: true, filled: true }]
  })
}

/** One picture as the camera saw it, with the corners that were found in it. `gray`: [height, width]. */
export function seenBoard(gray: Uint8Array, corners: Corners, size: Size): Depiction {
  return {
    form: 'sensor',
    view: {
      title: 'A picture of the board',
      finding: { text: `${corners.ids.length} corners found` },
      size,
      tones: grayOf(gray, 255),
      rings: corners.points.map(([x, y]) => ({ x, y, color: COLORS.good })),
      legend: [{ label: 'corner', color: COLORS.good }],
    },
  }
}

/** `rowOf`: the row that a picture explains. */
export function fitPictures(
  analysis: LensAnalysis,
  board: Board,
  rowOf: (name: string) => Row | undefined,
): Picture[] {
  return [
    pictureOf('lens-residuals', residuals(analysis, board), rowOf('corners off the fit, rms')),
    pictureOf('lens-views', viewErrors(analysis), rowOf('views left out, against the fit')),
    pictureOf('lens-distortion', distortion(analysis.fit.lens)),
  ]
}

function residuals({ fit, views }: LensAnalysis, board: Board): Depiction {
  const errors = views.flatMap(({ ids, points }, i) =>
    ids.map((id, k) => {
      const seen = seenAt(fit.lens, fit.poses[i]!, cornerPlace(board, id))
      return [points[k]![0] - seen.x, points[k]![1] - seen.y] as const
    }),
  )
  const reach = Math.max(0.5, ...errors.flat().map(Math.abs))
  const axis = { scale: 'linear', min: -reach, max: reach } as const
  const circle = Array.from({ length: 73 }, (_, i) => {
    const angle = (i * Math.PI) / 36
    return [fit.rms * Math.cos(angle), fit.rms * Math.sin(angle)] as const
  })
  return {
    form: 'chart',
    chart: {
      title: 'How far each corner is from where the lens model has it',
      square: true,
      x: { label: 'to the right, pixels', ...axis },
      y: { label: 'down, pixels', ...axis },
      series: [
        {
          label: 'corners: a round cloud is good',
          color: COLORS.warm,
          style: 'points',
          points: errors,
        },
        { label: 'rms', color: COLORS.ink, style: 'line', points: circle },
      ],
    },
  }
}

function viewErrors({ fit, heldOut }: LensAnalysis): Depiction {
  return {
    form: 'chart',
    chart: {
      title: 'Error of each view',
      x: { label: 'view', scale: 'linear', min: 0, max: fit.viewRms.length + 1 },
      y: { label: 'corners off the model, pixels rms', scale: 'linear', min: 0 },
      series: [
        {
          label: 'in the fit',
          color: COLORS.cool,
          style: 'bars',
          points: fit.viewRms.map((rms, i) => [i + 1, rms] as const),
        },
        {
          label: 'when the lens was fitted without it',
          color: COLORS.warm,
          style: 'points',
          points: heldOut.map((rms, i) => [i + 1, rms] as const),
        },
      ],
    },
  }
}

function distortion(lens: LensModel): Depiction {
  return {
    form: 'sensor',
    view: {
      title: 'What the lens does to straight lines',
      finding: { text: `focal length ${lens.fx.toFixed(1)} × ${lens.fy.toFixed(1)} px` },
      size: lens,
      legend: [
        { label: 'straight lines as the camera sees them', color: COLORS.cool },
        { label: 'principal point', color: COLORS.warm },
      ],
      outlines: gridLines(lens).map((points) => ({ points, color: COLORS.cool, thin: true })),
      rings: [{ x: lens.cx, y: lens.cy, color: COLORS.warm }],
    },
  }
}

/** Straight lines of an undistorted picture, as this lens shows them. */
function gridLines(lens: LensModel): [number, number][][] {
  const [cells, pieces] = [8, 32]
  const lines: [number, number][][] = []
  const at = (x: number, y: number): [number, number] => {
    const seen = redistort(lens, { x: x * lens.width, y: y * lens.height })
    return [seen.x, seen.y]
  }
  for (let i = 0; i <= cells; i++) {
    const along = Array.from({ length: pieces + 1 }, (_, k) => k / pieces)
    lines.push(along.map((t) => at(t, i / cells)))
    lines.push(along.map((t) => at(i / cells, t)))
  }
  return lines
}
