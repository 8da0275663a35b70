import type { Box, Size } from '../events/geometry.js'
import type { SearchMaps } from '../inference/tracker-session.js'
import type { CropRegion } from './crop.js'

/** What the maps of one crop say. */
export interface Peak {
  /** Score of the chosen cell, 0..1, without the window. */
  readonly score: number
  /** Highest score at least `apartCells` cells away from the chosen one: near `score`, a look-alike is in sight. */
  readonly second: number
  /** Sensor pixels, not clipped. */
  readonly box: Box
}

export interface DecodeOptions {
  /** Which crop of the batch. */
  readonly index: number
  readonly region: CropRegion
  /** Weight of each cell in the choice of the peak, row-major (see `positionWindow`); absent: the raw maximum. */
  readonly window?: Float64Array
  /** Distance (larger of dx, dy) from which on another cell counts as another peak. */
  readonly apartCells?: number
  /** Cells around the best one that have a say in the box: 1 for the compact network, 0 for the best cell alone. */
  readonly aroundCells?: number
}

/** Smallest side of a box, as a share of the crop. */
const MIN_SHARE = 1e-4

/**
 * The box around the best cell. Each cell says centre (ix + offset x, iy + offset y) / mapSize and a size, as shares of
 * the crop; the answer is the mean over the best cell and its neighbours, weighted by their squared scores: the best cell
 * is often the true one's neighbour, and cannot point out of itself. The first of equal cells wins, so the answer does
 * not depend on anything else.
 */
export function decodePeak(maps: SearchMaps, options: DecodeOptions): Peak {
  const { index, region, window, apartCells = 3, aroundCells = 1 } = options
  const s = maps.mapSize
  const cells = s * s
  const base = index * cells
  let best = 0
  let bestValue = -1
  for (let i = 0; i < cells; i++) {
    const value = maps.score[base + i]! * (window === undefined ? 1 : window[i]!)
    if (value > bestValue) {
      bestValue = value
      best = i
    }
  }
  const ix = best % s
  const iy = (best - ix) / s
  let second = 0
  for (let i = 0; i < cells; i++) {
    const x = i % s
    const y = (i - x) / s
    const apart = Math.max(Math.abs(x - ix), Math.abs(y - iy)) >= apartCells
    if (apart) second = Math.max(second, maps.score[base + i]!)
  }
  let weight = 0
  let cx = 0
  let cy = 0
  let logW = 0
  let logH = 0
  for (let y = Math.max(0, iy - aroundCells); y <= Math.min(s - 1, iy + aroundCells); y++) {
    for (let x = Math.max(0, ix - aroundCells); x <= Math.min(s - 1, ix + aroundCells); x++) {
      const cell = y * s + x
      const pair = 2 * base + cell
      // Where every score is 0, the best cell alone.
      const share = maps.score[base + cell]! ** 2 || (cell === best ? 1 : 0)
      weight += share
      cx += share * (x + maps.offset[pair]!)
      cy += share * (y + maps.offset[pair + cells]!)
      logW += share * Math.log(Math.max(MIN_SHARE, maps.size[pair]!))
      logH += share * Math.log(Math.max(MIN_SHARE, maps.size[pair + cells]!))
    }
  }
  const w = Math.exp(logW / weight) * region.side
  const h = Math.exp(logH / weight) * region.side
  const centerX = region.x + (cx / weight / s) * region.side
  const centerY = region.y + (cy / weight / s) * region.side
  return {
    score: maps.score[base + best]!,
    second,
    box: { x: centerX - w / 2, y: centerY - h / 2, w, h },
  }
}

/**
 * A position prior for the choice of the peak: 1 - strength + strength * Hann(distance from the map's centre), where the
 * search crop expects its target. `strength` 0 leaves the score as it is, 1 forbids the border.
 */
export function positionWindow(mapSize: number, strength: number): Float64Array {
  const hann = Float64Array.from(
    { length: mapSize },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (Math.min(i, mapSize - 1 - i) + 0.5)) / mapSize),
  )
  return Float64Array.from(
    { length: mapSize * mapSize },
    (_, i) => 1 - strength + strength * hann[i % mapSize]! * hann[Math.floor(i / mapSize)]!,
  )
}

/** Keeps a box on the sensor, at least `margin` pixels wide and high, as SDTrack clips its answers. */
export function clipBox(box: Box, size: Size, margin = 10): Box {
  const x = Math.min(Math.max(box.x, 0), size.width - margin)
  const y = Math.min(Math.max(box.y, 0), size.height - margin)
  const right = Math.min(Math.max(box.x + box.w, margin), size.width)
  const bottom = Math.min(Math.max(box.y + box.h, margin), size.height)
  return { x, y, w: Math.max(margin, right - x), h: Math.max(margin, bottom - y) }
}
