/** Pages in millimetres, origin at the upper left: written as PDF or as pixels from the same description. */

export type Corner = readonly [x: number, y: number]

/** 0 black … 1 white. */
export type Tone = readonly [red: number, green: number, blue: number]

export const INK: Tone = [0, 0, 0]
export const PAPER: Tone = [1, 1, 1]

export type Shape =
  /** Closed polygons, filled as one area so that no seam shows where they touch. */
  | {
      readonly kind: 'area'
      readonly polygons: readonly (readonly Corner[])[]
      readonly tone: Tone
    }
  | {
      readonly kind: 'text'
      readonly text: string
      /** Left end of the base line. */
      readonly at: Corner
      /** Height of a capital letter, mm. */
      readonly height: number
      readonly tone: Tone
    }

export interface Page {
  readonly width: number
  readonly height: number
  readonly shapes: readonly Shape[]
}

export function rectangle(x: number, y: number, w: number, h: number): readonly Corner[] {
  return [
    [x, y],
    [x + w, y],
    [x + w, y + h],
    [x, y + h],
  ]
}

/** A line of some width as a polygon. */
export function stroke([ax, ay]: Corner, [bx, by]: Corner, width: number): readonly Corner[] {
  const length = Math.hypot(bx - ax, by - ay) || 1
  const [nx, ny] = [((ay - by) / length) * (width / 2), ((bx - ax) / length) * (width / 2)]
  return [
    [ax + nx, ay + ny],
    [bx + nx, by + ny],
    [bx - nx, by - ny],
    [ax - nx, ay - ny],
  ]
}

/** A line of some width around a polygon. */
export function outline(corners: readonly Corner[], width: number): (readonly Corner[])[] {
  return corners.map((corner, i) => stroke(corner, corners[(i + 1) % corners.length]!, width))
}
