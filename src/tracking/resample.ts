/**
 * One-dimensional resampling of `side` source pixels to `size` output pixels, as tables of integer taps. The sums of
 * two passes stay below 2^31, so every machine computes the same bytes: the network's answer may depend on one bit.
 *
 * - side <= 2 * size: bilinear with half-pixel centres, source position (2i + 1) * side / (2 * size) - 1/2, rounded
 *   down to 1/2048 pixel; positions beyond the first or last pixel centre repeat that pixel.
 * - side > 2 * size: the mean over the output pixel's footprint. Bilinear would skip source pixels here, and an edge
 *   one pixel thin would come and go with the crop's position. At side = 2 * size both rules are the same mean of two.
 */
export const WEIGHT_BITS = 11
const ONE = 1 << WEIGHT_BITS

export interface Taps {
  /** Taps of each output pixel. */
  readonly perPixel: number
  /** size * perPixel positions in the source, clamped into `0 .. limit - 1`. */
  readonly index: Int32Array
  /** Weights of these positions; those of one output pixel sum to 2048, less what lay outside `0 .. limit - 1`. */
  readonly weight: Int32Array
}

/** Room for taps that grows when a side larger than all before is asked for, and is reused otherwise. */
export class TapTable implements Taps {
  readonly size: number
  perPixel = 2
  index: Int32Array
  weight: Int32Array

  constructor(size: number) {
    this.size = size
    this.index = new Int32Array(size * 2)
    this.weight = new Int32Array(size * 2)
  }

  /**
   * Fills the table for `side` pixels that begin at `origin` of a line of `limit` pixels. What lies outside of the
   * line counts as 0.
   */
  fill(origin: number, side: number, limit: number): void {
    const perPixel = side <= 2 * this.size ? 2 : Math.ceil(side / this.size) + 1
    if (perPixel * this.size > this.index.length) {
      this.index = new Int32Array(perPixel * this.size)
      this.weight = new Int32Array(perPixel * this.size)
    }
    this.perPixel = perPixel
    if (perPixel === 2) fillBilinear(this, side)
    else fillMean(this, side)
    clip(this, { origin, limit })
  }
}

// hot
function fillBilinear(table: TapTable, side: number): void {
  const { size, index, weight } = table
  const last = (side - 1) * ONE
  for (let i = 0; i < size; i++) {
    const exact = Math.floor(((2 * i + 1) * side * ONE) / (2 * size)) - ONE / 2
    const at = Math.max(0, Math.min(exact, last))
    const first = at >> WEIGHT_BITS
    const fraction = at & (ONE - 1)
    index[2 * i] = first
    weight[2 * i] = ONE - fraction
    index[2 * i + 1] = first + 1
    weight[2 * i + 1] = fraction
  }
}

// hot
function fillMean(table: TapTable, side: number): void {
  const { size, perPixel, index, weight } = table
  for (let i = 0; i < size; i++) {
    // Footprint [from, to) in units of 1/size source pixel: integers, so no rounding can differ.
    const from = i * side
    const to = from + side
    const first = Math.floor(from / size)
    let before = 0
    for (let k = 0; k < perPixel; k++) {
      const covered = Math.min((first + k + 1) * size, to) - from
      const upTo = Math.floor((2 * covered * ONE + side) / (2 * side))
      index[i * perPixel + k] = first + k
      weight[i * perPixel + k] = upTo - before
      before = upTo
    }
  }
}

// hot
function clip(table: TapTable, line: { origin: number; limit: number }): void {
  const { index, weight } = table
  const { origin, limit } = line
  const length = table.size * table.perPixel
  for (let k = 0; k < length; k++) {
    const at = index[k]! + origin
    if (at >= 0 && at < limit) {
      index[k] = at
    } else {
      index[k] = at < 0 ? 0 : limit - 1
      weight[k] = 0
    }
  }
}
