import type { Size } from '../events/geometry.js'

/** When each pixel fired last, with a border so that every pixel has eight neighbours. */
export class NeighbourTimes {
  readonly #row: number
  readonly #times: Float64Array

  constructor(size: Size) {
    this.#row = size.width + 2
    this.#times = new Float64Array(this.#row * (size.height + 2)).fill(Number.NEGATIVE_INFINITY)
  }

  /** hot. When the latest of the eight neighbours fired; -Infinity when none ever did. */
  newest(x: number, y: number): number {
    const t = this.#times
    const row = this.#row
    const p = (y + 1) * row + x + 1
    let newest = t[p - 1]!
    if (t[p + 1]! > newest) newest = t[p + 1]!
    for (let q = p - row - 1; q <= p - row + 1; q++) if (t[q]! > newest) newest = t[q]!
    for (let q = p + row - 1; q <= p + row + 1; q++) if (t[q]! > newest) newest = t[q]!
    return newest
  }

  /** hot. Times of the eight neighbours into `into`, latest first, as many as it holds. */
  latest(x: number, y: number, into: Float64Array): void {
    const t = this.#times
    const row = this.#row
    const p = (y + 1) * row + x + 1
    const n = into.length
    into.fill(Number.NEGATIVE_INFINITY)
    for (let k = 0; k < 9; k++) {
      if (k === 4) continue
      const value = t[p + (Math.floor(k / 3) - 1) * row + (k % 3) - 1]!
      if (value <= into[n - 1]!) continue
      let i = n - 1
      for (; i > 0 && into[i - 1]! < value; i--) into[i] = into[i - 1]!
      into[i] = value
    }
  }

  fired(x: number, y: number, tUs: number): void {
    this.#times[(y + 1) * this.#row + x + 1] = tUs
  }

  reset(): void {
    this.#times.fill(Number.NEGATIVE_INFINITY)
  }
}
