import type { Size } from '../../events/geometry.js'
import { leanOf, type View } from './view.js'

/** What a set of views must have before a lens can be told from it, and what to say while it does not. */
export const WANTED = {
  views: 20,
  /** Fields of a 4 × 4 grid that corners were seen in. */
  fields: 13,
  /** Views turned by at least so many degrees, to each of four sides. */
  leans: 2,
  leanDegrees: 12,
  /** Views that fill at least, and at most, this share of the picture. */
  near: { views: 3, fill: 0.7 },
  far: { views: 3, fill: 0.55 },
} as const

const GRID = 4
/** Views beyond this are not kept: nothing new would be learned. */
const MOST_VIEWS = 60
/** Two views are different when middle (0..1), fill (0..1) and lean (in 60°) differ by this much in sum. */
const DIFFERENT = 0.15
const LEAN_UNIT = 60
/** Of the width of the picture: a lens of 4.8 mm, assumed until views tell. */
const TYPICAL_FOCAL = 0.75

const ACROSS = ['left', 'left of the middle', 'right of the middle', 'right'] as const
const DOWN = ['top', 'middle', 'middle', 'bottom'] as const
const SIDES = ['right', 'left', 'bottom', 'top'] as const

export interface Coverage {
  /** Fields of the grid with corners, row by row. */
  readonly fields: readonly boolean[]
  readonly covered: number
  /** Views whose right, left, lower and upper side is nearer. */
  readonly leans: readonly [number, number, number, number]
  readonly near: number
  readonly far: number
}

/** Chooses the views that are worth keeping, and knows which are missing. */
export class ViewCollection {
  readonly views: View[] = []
  /** Views that were like one that is kept, or not needed any more. */
  alike = 0
  /** Pixels, as well as it is known: turns what the views show into degrees. */
  focal: number
  readonly #size: Size

  constructor(size: Size) {
    this.#size = size
    this.focal = TYPICAL_FOCAL * size.width
  }

  /** True when the view was kept. Drop policy: a view like another, or one that fills no gap once there are enough. */
  offer(view: View): boolean {
    const enough = this.views.length >= WANTED.views
    const kept =
      this.views.length < MOST_VIEWS && this.#isNew(view) && (!enough || this.#fillsGap(view))
    if (kept) this.views.push(view)
    else this.alike++
    return kept
  }

  coverage(): Coverage {
    return coverageOf(this.views, this.#size, this.focal)
  }

  get complete(): boolean {
    return this.views.length >= WANTED.views && hintOf(this.coverage()) === undefined
  }

  /** What to do next, in plain words. */
  hint(): string {
    const hint = hintOf(this.coverage())
    if (hint !== undefined) return hint
    return this.complete ? 'enough views' : 'move the board on, in small turns'
  }

  #isNew(view: View): boolean {
    const size = this.#size
    const { focal } = this
    const lean = leanOf(view, size, focal)
    return this.views.every((other) => {
      const otherLean = leanOf(other, size, focal)
      const difference =
        Math.abs(view.middle[0] - other.middle[0]) +
        Math.abs(view.middle[1] - other.middle[1]) +
        Math.abs(view.fill - other.fill) +
        (Math.abs(lean[0] - otherLean[0]) + Math.abs(lean[1] - otherLean[1])) / LEAN_UNIT
      return difference >= DIFFERENT
    })
  }

  #fillsGap(view: View): boolean {
    const before = this.coverage()
    const after = coverageOf([...this.views, view], this.#size, this.focal)
    return lacking(after) < lacking(before)
  }
}

export function coverageOf(views: readonly View[], size: Size, focal: number): Coverage {
  const fields = new Array<boolean>(GRID * GRID).fill(false)
  const leans: [number, number, number, number] = [0, 0, 0, 0]
  let near = 0
  let far = 0
  for (const view of views) {
    for (const [x, y] of view.corners.points) {
      const column = Math.min(GRID - 1, Math.max(0, Math.floor((GRID * (x + 0.5)) / size.width)))
      const row = Math.min(GRID - 1, Math.max(0, Math.floor((GRID * (y + 0.5)) / size.height)))
      fields[row * GRID + column] = true
    }
    const [across, down] = leanOf(view, size, focal)
    ;[across, -across, down, -down].forEach((lean, side) => {
      if (lean >= WANTED.leanDegrees) leans[side]!++
    })
    if (view.fill >= WANTED.near.fill) near++
    if (view.fill <= WANTED.far.fill) far++
  }
  return { fields, covered: fields.filter(Boolean).length, leans, near, far }
}

/** How much is missing, in views and fields. */
function lacking({ covered, leans, near, far }: Coverage): number {
  const short = (have: number, want: number) => Math.max(0, want - have)
  return (
    short(covered, WANTED.fields) +
    leans.reduce((sum, have) => sum + short(have, WANTED.leans), 0) +
    short(near, WANTED.near.views) +
    short(far, WANTED.far.views)
  )
}

/** The next thing that is missing, places first: they are what a person forgets. */
export function hintOf({ fields, covered, leans, near, far }: Coverage): string | undefined {
  if (covered < WANTED.fields) {
    // The corners of the picture tell most about a lens.
    const order = [0, 3, 15, 12, 1, 2, 7, 11, 14, 13, 8, 4, 5, 6, 9, 10]
    const field = order.find((each) => !fields[each])!
    return `hold the board so that it reaches the ${placeName(field)} of the picture`
  }
  const side = leans.findIndex((have) => have < WANTED.leans)
  if (side >= 0) return `turn the board so that its ${SIDES[side]} side is nearer to the camera`
  if (near < WANTED.near.views) return 'bring the board nearer, until it almost fills the picture'
  if (far < WANTED.far.views) return 'take the board further away, to half of the picture'
  return undefined
}

function placeName(field: number): string {
  const [row, column] = [Math.floor(field / GRID), field % GRID]
  return `${DOWN[row]} ${ACROSS[column]}`
}
