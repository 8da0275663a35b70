import type { ActivityGrid } from './activity.js'

/** Components beyond this number are not looked at; the caller counts them. */
export const MAX_COMPONENTS = 64

/** Cells this far apart (larger of dx, dy) belong together: only the moving edges of a plain object have events. */
const LINK_CELLS = 2

/** Groups of busy cells that no target explains, as columns of numbers; valid up to `count`. */
export interface Components {
  count: number
  /** Found beyond MAX_COMPONENTS. */
  dropped: number
  /** Component of each grid cell, -1 for none. */
  readonly label: Int16Array
  readonly cells: Int32Array
  /** Pixels with events. */
  readonly mass: Int32Array
  /** Centroid of these pixels. */
  readonly cx: Float64Array
  readonly cy: Float64Array
  /** Cell bounds, inclusive. */
  readonly left: Int32Array
  readonly top: Int32Array
  readonly right: Int32Array
  readonly bottom: Int32Array
}

export type FindComponents = (grid: ActivityGrid, threshold: number) => Components

/** Returns a finder with memory of its own; its result is valid until the next call. */
export function createComponentFinder(cells: number): FindComponents {
  const ints = () => new Int32Array(MAX_COMPONENTS)
  const found: Components = {
    count: 0,
    dropped: 0,
    label: new Int16Array(cells),
    cells: ints(),
    mass: ints(),
    cx: new Float64Array(MAX_COMPONENTS),
    cy: new Float64Array(MAX_COMPONENTS),
    left: ints(),
    top: ints(),
    right: ints(),
    bottom: ints(),
  }
  const stack = new Int32Array(cells)

  // hot
  return (grid, threshold) => {
    const { active, explained } = grid
    const { label } = found
    found.count = 0
    found.dropped = 0
    label.fill(-1)
    for (let cell = 0; cell < active.length; cell++) {
      if (active[cell]! < threshold || label[cell] !== -1 || explained[cell] !== 0) continue
      // Past the limit cells are still labelled, so that each group is counted once.
      const id = Math.min(found.count, MAX_COMPONENTS)
      grow(grid, cell, { id, threshold, found, stack })
      if (id < MAX_COMPONENTS) found.count++
      else found.dropped++
    }
    return found
  }
}

interface Growth {
  readonly id: number
  readonly threshold: number
  readonly found: Components
  readonly stack: Int32Array
}

/** Flood fill from one cell. */
// hot
function grow(grid: ActivityGrid, seed: number, growth: Growth): void {
  const { active, explained, sumX, sumY, columns, rows } = grid
  const { id, threshold, found, stack } = growth
  const { label } = found
  let depth = 0
  let cells = 0
  let mass = 0
  let xs = 0
  let ys = 0
  let left = columns
  let right = -1
  let top = rows
  let bottom = -1
  label[seed] = id
  stack[depth++] = seed
  while (depth > 0) {
    const cell = stack[--depth]!
    const column = cell % columns
    const row = (cell - column) / columns
    cells++
    mass += active[cell]!
    xs += sumX[cell]!
    ys += sumY[cell]!
    left = Math.min(left, column)
    right = Math.max(right, column)
    top = Math.min(top, row)
    bottom = Math.max(bottom, row)
    const endRow = Math.min(rows - 1, row + LINK_CELLS)
    const endColumn = Math.min(columns - 1, column + LINK_CELLS)
    for (let y = Math.max(0, row - LINK_CELLS); y <= endRow; y++) {
      for (let x = Math.max(0, column - LINK_CELLS); x <= endColumn; x++) {
        const next = y * columns + x
        if (label[next] !== -1 || explained[next] !== 0 || active[next]! < threshold) continue
        label[next] = id
        stack[depth++] = next
      }
    }
  }
  if (id >= MAX_COMPONENTS) return
  found.cells[id] = cells
  found.mass[id] = mass
  found.cx[id] = xs / mass
  found.cy[id] = ys / mass
  found.left[id] = left
  found.right[id] = right
  found.top[id] = top
  found.bottom[id] = bottom
}
