import type { Size } from '../../events/geometry.js'
import type { GroundPlane } from '../ground/ground.js'
import type { GroundOptions } from '../ground/ground-schema.js'
import type { Place } from '../ground/homography.js'
import type { Depiction } from './depiction.js'
import { niceStep } from './scale.js'
import type { SensorOutline } from './sensor-view.js'
import { COLORS } from './svg.js'
import type { Tones } from './tones.js'

/** Pieces of a line, which the lens may bend. */
const PIECES = 24
const LINES = 8

interface Surveyed {
  readonly points: GroundOptions['points']
  readonly size: Size
  readonly tones: Tones | undefined
}

/** Lines of the ground in the picture, and the points as surveyed and as fitted. */
export function groundMap(plane: GroundPlane, { points, size, tones }: Surveyed): Depiction {
  const { lines, step } = gridOf(plane, { points, size })
  return {
    form: 'sensor',
    view: {
      title: 'The ground in the picture',
      finding: { text: `lines are ${step} m apart` },
      size,
      ...(tones !== undefined && { tones }),
      outlines: [
        ...lines,
        ...points.map(({ pixel, name }, i) => ({
          points: [[pixel[0], pixel[1] - 12] as const],
          color: COLORS.warm,
          label: name ?? String(i + 1),
        })),
      ],
      rings: points.flatMap(({ pixel: [x, y], metres }) => {
        const fitted = plane.seen({ x: metres[0], y: metres[1] })
        return [
          { x: x - 0.5, y: y - 0.5, color: COLORS.warm },
          ...(fitted === undefined
            ? []
            : [{ x: fitted.x - 0.5, y: fitted.y - 0.5, color: COLORS.good }]),
        ]
      }),
      legend: [
        { label: 'surveyed', color: COLORS.warm },
        { label: 'where the fit has it', color: COLORS.good },
        { label: 'lines of the ground', color: COLORS.cool },
      ],
    },
  }
}

/** Lines of whole metres over the surveyed area and half as much again around it, where the sensor sees them. */
function gridOf(plane: GroundPlane, of: { points: GroundOptions['points']; size: Size }) {
  const xs = of.points.map(({ metres }) => metres[0])
  const ys = of.points.map(({ metres }) => metres[1])
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const [near, far] = [Math.min(...ys), Math.max(...ys)]
  const step = niceStep(Math.max(right - left, far - near) / LINES)
  const [x0, x1] = [left - (right - left) / 2, right + (right - left) / 2]
  const [y0, y1] = [near - (far - near) / 2, far + (far - near) / 2]
  const pairs: (readonly [Place, Place])[] = []
  for (let x = Math.ceil(x0 / step) * step; x <= x1; x += step)
    pairs.push([
      { x, y: y0 },
      { x, y: y1 },
    ])
  for (let y = Math.ceil(y0 / step) * step; y <= y1; y += step)
    pairs.push([
      { x: x0, y },
      { x: x1, y },
    ])
  return { lines: pairs.flatMap(([a, b]) => lineOf(plane, { a, b, size: of.size })), step }
}

function lineOf(plane: GroundPlane, of: { a: Place; b: Place; size: Size }): SensorOutline[] {
  const { a, b, size } = of
  const at = (t: number) => plane.seen({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t })
  return Array.from({ length: PIECES }, (_, i) => i).flatMap((i) => {
    const [from, to] = [at(i / PIECES), at((i + 1) / PIECES)]
    if (from === undefined || to === undefined) return []
    if (!inside(from, size) && !inside(to, size)) return []
    const points = [
      [from.x, from.y],
      [to.x, to.y],
    ] as const
    return [{ points, color: COLORS.cool, thin: true }]
  })
}

function inside({ x, y }: Place, { width, height }: Size): boolean {
  return x >= 0 && y >= 0 && x <= width && y <= height
}
