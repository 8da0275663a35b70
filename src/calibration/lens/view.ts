import type { Size } from '../../events/geometry.js'
import { type Board, cornerPlace } from '../board/board.js'
import { fitPlane, matrixOf, type PlaneFit, toPicture } from '../ground/homography.js'
import type { Corners } from './refine.js'

/** How a board is held, as far as one picture tells; good enough to guide a person, not to calibrate. */
export interface View {
  readonly corners: Corners
  /** The four outer corners of the board in the picture, clockwise from its upper left. */
  readonly outline: readonly (readonly [number, number])[]
  /** Middle of the outline, 0..1 across and down the picture. */
  readonly middle: readonly [number, number]
  /** The larger of the shares of width and height that the outline takes. */
  readonly fill: number
  /** Board → picture, row-major. */
  readonly matrix: readonly number[]
}

/** Fewer corners say too little about a pose. */
export const LEAST_CORNERS = 8
/** Undefined for corners that are too few or in a line. */
export function viewOf(corners: Corners, board: Board, size: Size): View | undefined {
  if (corners.ids.length < LEAST_CORNERS) return undefined
  const pairs = corners.ids.map((id, i) => {
    const [x, y] = cornerPlace(board, id)
    const [u, v] = corners.points[i]!
    return { from: { x, y }, to: { x: u, y: v } }
  })
  const fit = fitPlane(pairs, { from: 0, to: 1 })
  if (fit === undefined) return undefined
  const outline = outlineOf(fit, board)
  if (outline === undefined) return undefined
  const across = outline.map(([x]) => x)
  const down = outline.map(([, y]) => y)
  const [left, right] = [Math.min(...across), Math.max(...across)]
  const [top, bottom] = [Math.min(...down), Math.max(...down)]
  return {
    corners,
    outline,
    middle: [(left + right) / 2 / size.width, (top + bottom) / 2 / size.height],
    fill: Math.max((right - left) / size.width, (bottom - top) / size.height),
    matrix: matrixOf(fit),
  }
}

function outlineOf(fit: PlaneFit, { columns, rows, squareMm }: Board) {
  const [w, h] = [columns * squareMm, rows * squareMm]
  const places = [
    [0, 0],
    [w, 0],
    [w, h],
    [0, h],
  ].map(([x, y]) => toPicture(fit, { x: x!, y: y! }))
  return places.every(({ ahead }) => ahead) ? places.map(({ x, y }) => [x, y] as const) : undefined
}

/** How far the board is turned from facing the camera, degrees: positive when its right, its lower side is nearer. */
export function leanOf(
  { matrix }: View,
  size: Size,
  focal: number,
): readonly [across: number, down: number] {
  const [a, b] = columnsOf(matrix, size).map(([x, y, z]) => [x / focal, y / focal, z] as const)
  const [ax, ay, az] = a!
  const [bx, by, bz] = b!
  const normal = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx] as const
  const degrees = (part: number) => (Math.atan2(part, Math.abs(normal[2])) * 180) / Math.PI
  const sign = Math.sign(normal[2])
  return [degrees(normal[0] * sign), degrees(normal[1] * sign)]
}

/** Where the board's x and y axes vanish, about the middle of the picture. */
function columnsOf(m: readonly number[], { width, height }: Size) {
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
  const column = (i: number) =>
    [m[i]! - cx * m[6 + i]!, m[3 + i]! - cy * m[6 + i]!, m[6 + i]!] as const
  return [column(0), column(1)] as const
}
