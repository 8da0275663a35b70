import type { Box, Size } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'

/**
 * Most of the pixels that noise may be thought to light, as a share. Where more are lit everywhere, a dense background
 * moves, and a target before it must not count as silent.
 */
const MAX_NOISE = 0.06

/**
 * Where events are, in a coarse grid: how many pixels of each cell had events in this window (either polarity), and
 * the sums of their coordinates. Pixels, not events: it does not depend on the aggregation's amount.
 */
export class ActivityGrid {
  readonly cellPx: number
  readonly columns: number
  readonly rows: number
  readonly active: Int32Array
  readonly sumX: Int32Array
  readonly sumY: Int32Array
  /** 1 where a target accounts for the events. */
  readonly explained: Uint8Array
  /** Pixels with events per pixel and window where nothing moves, smoothed over windows. */
  noisePerPixel = 0
  readonly #histogram: Int32Array
  #windows = 0

  constructor(size: Size, cellPx: number) {
    this.cellPx = cellPx
    this.columns = Math.ceil(size.width / cellPx)
    this.rows = Math.ceil(size.height / cellPx)
    const cells = this.columns * this.rows
    this.active = new Int32Array(cells)
    this.sumX = new Int32Array(cells)
    this.sumY = new Int32Array(cells)
    this.explained = new Uint8Array(cells)
    this.#histogram = new Int32Array(cellPx * cellPx + 1)
  }

  // hot
  count(frame: Frame): void {
    const { active, sumX, sumY, columns, cellPx } = this
    const { planes, width, height } = frame
    active.fill(0)
    sumX.fill(0)
    sumY.fill(0)
    let negative = width * height
    let positive = 2 * negative
    for (let y = 0; y < height; y++) {
      const row = Math.floor(y / cellPx) * columns
      for (let x = 0; x < width; x++) {
        if ((planes[negative++]! | planes[positive++]!) === 0) continue
        const cell = row + Math.floor(x / cellPx)
        active[cell] = active[cell]! + 1
        sumX[cell] = sumX[cell]! + x
        sumY[cell] = sumY[cell]! + y
      }
    }
  }

  clearExplained(): void {
    this.explained.fill(0)
  }

  /** Marks every cell that the box touches. */
  explain(box: Box): void {
    const { cellPx, columns, rows } = this
    const left = Math.max(0, Math.floor(box.x / cellPx))
    const top = Math.max(0, Math.floor(box.y / cellPx))
    const right = Math.min(columns, Math.ceil((box.x + box.w) / cellPx))
    const bottom = Math.min(rows, Math.ceil((box.y + box.h) / cellPx))
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) this.explained[row * columns + column] = 1
    }
  }

  /**
   * Estimates the noise from unexplained cells: their median where it is not 0; otherwise, since noise is a Poisson
   * process, minus the logarithm of the share of empty cells. Both shrug off a few moving things. Smoothed over about ten windows.
   */
  updateNoise(): void {
    const { active, explained } = this
    const histogram = this.#histogram.fill(0)
    let cells = 0
    for (let i = 0; i < active.length; i++) {
      if (explained[i] !== 0) continue
      histogram[active[i]!] = histogram[active[i]!]! + 1
      cells++
    }
    if (cells === 0) return
    const empty = histogram[0]!
    let perCell = 0
    if (2 * empty > cells) {
      perCell = -Math.log(empty / cells)
    } else {
      let below = 0
      while (2 * (below + histogram[perCell]!) < cells) below += histogram[perCell++]!
    }
    const perPixel = Math.min(MAX_NOISE, perCell / (this.cellPx * this.cellPx))
    this.#windows = Math.min(this.#windows + 1, 10)
    this.noisePerPixel += (perPixel - this.noisePerPixel) / this.#windows
  }
}

/** Pixels with events inside a box. */
// hot
export function activePixels(frame: Frame, box: Box): number {
  const { planes, width, height } = frame
  const left = Math.max(0, Math.floor(box.x))
  const top = Math.max(0, Math.floor(box.y))
  const right = Math.min(width, Math.ceil(box.x + box.w))
  const bottom = Math.min(height, Math.ceil(box.y + box.h))
  const pixels = width * height
  let count = 0
  for (let y = top; y < bottom; y++) {
    const row = pixels + y * width
    for (let i = row + left; i < row + right; i++) {
      if ((planes[i]! | planes[i + pixels]!) !== 0) count++
    }
  }
  return count
}

/**
 * Pixels with events below which a region counts as silent: what noise alone would light in it, three standard
 * deviations more, and a fixed number for noise that is not random (flicker, a warm pixel).
 */
export function silenceFloor(
  box: Box,
  { noisePerPixel, silentPixels }: { noisePerPixel: number; silentPixels: number },
): number {
  const expected = noisePerPixel * box.w * box.h
  return expected + 3 * Math.sqrt(expected) + silentPixels
}
