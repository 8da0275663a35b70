import type { Size } from '../../events/geometry.js'
import type { Board } from '../board/board.js'
import { solve } from '../ground/linear.js'

/** Inner corners of a board that were seen in one picture. */
export interface Corners {
  /** Numbers of the corners, row by row from the upper left of the board. */
  readonly ids: readonly number[]
  /** x and y of each, pixels; the middle of the upper-left pixel is (0, 0). */
  readonly points: readonly (readonly [x: number, y: number])[]
}

/**
 * Standard deviation of the weights about a corner: this share of a square's edge, within bounds, pixels. Found on
 * rendered boards of known corners: wider takes in the markers, narrower more noise.
 */
const SPREAD = { share: 0.07, least: 1, most: 1.6 }
const RADIUS = 2
const STEPS = 10
/** A corner that moves further than this has found something else. */
const FAR = 1.5
const CLOSE = 1e-3

/**
 * Moves corners to the saddle points of the brightness around them. Where two black and two white squares meet, a
 * quadratic surface fits what a blurred picture shows; on rendered boards it is two to three times closer to the truth
 * than the library's search along edges, which the markers disturb. `gray`: [height, width]. Corners too near the edge of the
 * picture are left out.
 */
export function refineCorners(
  gray: Uint8Array,
  size: Size,
  { corners, board }: { corners: Corners; board: Pick<Board, 'columns'> },
): Corners {
  const square = squareEdge(corners, board)
  const spread = Math.min(SPREAD.most, Math.max(SPREAD.least, SPREAD.share * square))
  const ids: number[] = []
  const points: (readonly [number, number])[] = []
  corners.ids.forEach((id, i) => {
    const point = saddleNear(gray, size, { start: corners.points[i]!, spread })
    if (point === undefined) return
    ids.push(id)
    points.push(point)
  })
  return { ids, points }
}

/** Mean distance of corners that are neighbours on the board, pixels; 0 where there are none. */
export function squareEdge({ ids, points }: Corners, { columns }: Pick<Board, 'columns'>): number {
  const across = columns - 1
  const places = new Map(ids.map((id, i) => [id, points[i]!]))
  let sum = 0
  let count = 0
  for (const [id, [x, y]] of places) {
    const right = (id + 1) % across === 0 ? undefined : places.get(id + 1)
    for (const other of [right, places.get(id + across)]) {
      if (other === undefined) continue
      sum += Math.hypot(other[0] - x, other[1] - y)
      count++
    }
  }
  return count === 0 ? 0 : sum / count
}

function saddleNear(
  gray: Uint8Array,
  { width, height }: Size,
  { start, spread }: { start: readonly [number, number]; spread: number },
): readonly [number, number] | undefined {
  let [x, y] = start
  const reach = RADIUS * spread
  for (let step = 0; step < STEPS; step++) {
    if (!(x >= reach && y >= reach && x <= width - 1 - reach && y <= height - 1 - reach)) return
    const move = saddleOf(gray, { width, x, y, spread })
    if (move === undefined) return
    x += move.x
    y += move.y
    if (Math.hypot(x - start[0], y - start[1]) > FAR) return
    if (Math.hypot(move.x, move.y) < CLOSE) break
  }
  return [x, y]
}

/** From (x, y) to the saddle of the surface 1, x, y, x², xy, y² that fits best around it. */
function saddleOf(
  gray: Uint8Array,
  { width, x, y, spread }: { width: number; x: number; y: number; spread: number },
): { x: number; y: number } | undefined {
  const normal = Array.from({ length: 6 }, () => [0, 0, 0, 0, 0, 0])
  const right = [0, 0, 0, 0, 0, 0]
  const reach = RADIUS * spread
  for (let py = Math.ceil(y - reach); py <= y + reach; py++) {
    for (let px = Math.ceil(x - reach); px <= x + reach; px++) {
      const [dx, dy] = [px - x, py - y]
      const weight = Math.exp(-(dx * dx + dy * dy) / (2 * spread * spread))
      const row = [1, dx, dy, dx * dx, dx * dy, dy * dy]
      const value = weight * gray[py * width + px]!
      for (let i = 0; i < 6; i++) {
        right[i]! += row[i]! * value
        for (let j = 0; j < 6; j++) normal[i]![j]! += weight * row[i]! * row[j]!
      }
    }
  }
  const surface = solve(normal, right)
  if (surface === undefined) return undefined
  const [, gx, gy, xx, xy, yy] = surface as [number, number, number, number, number, number]
  const det = 4 * xx * yy - xy * xy
  // Not negative: a hill or a valley, no corner of a chessboard.
  if (!(det < 0)) return undefined
  return { x: (xy * gy - 2 * yy * gx) / det, y: (xy * gx - 2 * xx * gy) / det }
}
