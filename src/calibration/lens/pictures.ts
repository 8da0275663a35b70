import type { Size } from '../../events/geometry.js'
import { encodePng, newCanvas, setPixel } from '../../pipeline/picture.js'
import { type Board, cornerPlace } from '../board/board.js'
import { COLORS, chartPng } from '../chart.js'
import type { Picture } from '../kind.js'
import { sensorMapPng } from '../sensor-map.js'
import type { LensAnalysis } from './analyse.js'
import type { ViewCollection } from './guidance.js'
import { type LensModel, redistort } from './model.js'
import type { Corners } from './refine.js'
import { seenAt } from './solve.js'

const GRID = 4
const SCALE = 2

/** Where corners were seen, and the fields of the grid in which there were none. */
export function coveragePicture(collection: ViewCollection, size: Size): Picture {
  const { views } = collection
  const { fields } = collection.coverage()
  const empty = fields.flatMap((covered, field) => (covered ? [] : [fieldOutline(field, size)]))
  return {
    name: 'lens-coverage',
    title: 'Boards and corners that were used; red: fields of the picture without any',
    png: sensorMapPng({
      size,
      outlines: [
        ...views.map(({ outline }) => ({ points: outline, color: COLORS.grid })),
        ...empty.map((points) => ({ points, color: COLORS.bad })),
      ],
      rings: views.flatMap(({ corners }) =>
        corners.points.map(([x, y]) => ({ x, y, color: COLORS.good })),
      ),
    }),
  }
}

function fieldOutline(field: number, { width, height }: Size) {
  const [w, h] = [width / GRID, height / GRID]
  const left = (field % GRID) * w + 2
  const top = Math.floor(field / GRID) * h + 2
  const [right, bottom] = [left + w - 4, top + h - 4]
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ] as const
}

/** One picture as the camera saw it, with the corners that were found in it. `gray`: [height, width]. */
export function seenPicture(gray: Uint8Array, corners: Corners, { width, height }: Size): Picture {
  const canvas = newCanvas(width * SCALE, height * SCALE, COLORS.background)
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const v = gray[Math.floor(y / SCALE) * width + Math.floor(x / SCALE)]!
      setPixel(canvas, { x, y }, [v, v, v])
    }
  }
  for (const [x, y] of corners.points) {
    const [px, py] = [Math.round((x + 0.5) * SCALE), Math.round((y + 0.5) * SCALE)]
    for (let k = -6; k <= 6; k++) {
      for (const side of [0, 1]) {
        setPixel(canvas, { x: px + k, y: py + side }, COLORS.good)
        setPixel(canvas, { x: px + side, y: py + k }, COLORS.good)
      }
    }
  }
  return {
    name: 'lens-board',
    title: 'A picture of the board, and the corners that were found',
    png: encodePng(canvas),
  }
}

export function fitPictures(analysis: LensAnalysis, board: Board): Picture[] {
  const { fit, views, heldOut } = analysis
  const { lens } = fit
  const errors = views.flatMap(({ ids, points }, i) =>
    ids.map((id, k) => {
      const seen = seenAt(lens, fit.poses[i]!, cornerPlace(board, id))
      return [points[k]![0] - seen.x, points[k]![1] - seen.y] as const
    }),
  )
  const reach = Math.max(0.5, ...errors.flat().map(Math.abs))
  return [
    {
      name: 'lens-residuals',
      title: 'How far each corner is from where the lens model has it: a round cloud is good',
      png: chartPng({
        x: { label: 'pixels right', scale: 'linear', min: -1.8 * reach, max: 1.8 * reach },
        y: { label: 'pixels down', scale: 'linear', min: -reach, max: reach },
        series: [{ label: 'corners', color: COLORS.warm, style: 'points', points: errors }],
      }),
    },
    {
      name: 'lens-views',
      title: 'Error of each view, in the fit and when the lens was fitted without it',
      png: chartPng({
        x: { label: 'view', scale: 'linear', min: 0 },
        y: { label: 'pixels rms', scale: 'linear', min: 0 },
        series: [
          {
            label: 'in the fit',
            color: COLORS.cool,
            style: 'bars',
            points: fit.viewRms.map((rms, i) => [i + 1, rms]),
          },
          {
            label: 'left out',
            color: COLORS.warm,
            style: 'points',
            points: heldOut.map((rms, i) => [i + 1, rms]),
          },
        ],
      }),
    },
    {
      name: 'lens-distortion',
      title: 'What the lens does to straight lines',
      png: sensorMapPng({
        size: lens,
        outlines: gridLines(lens).map((points) => ({
          // An outline is closed: back the way it came.
          points: [...points, ...[...points].reverse()],
          color: COLORS.cool,
        })),
      }),
    },
  ]
}

/** Straight lines of an undistorted picture, as this lens shows them; a little beyond the edges. */
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
