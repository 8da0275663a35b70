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
}

/**
 * The box of the best cell: centre (ix + offset x, iy + offset y) / mapSize and the size map, times the crop's side,
 * plus the crop's origin. The first of equal cells wins, so the answer does not depend on anything else.
 */
export function decodePeak(maps: SearchMaps, options: DecodeOptions): Peak {
  const { index, region, window, apartCells = 3 } = options
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
  const pair = 2 * base + best
  const w = maps.size[pair]! * region.side
  const h = maps.size[pair + cells]! * region.side
  const cx = region.x + ((ix + maps.offset[pair]!) / s) * region.side
  const cy = region.y + ((iy + maps.offset[pair + cells]!) / s) * region.side
  return {
    score: maps.score[base + best]!,
    second,
    box: { x: cx - w / 2, y: cy - h / 2, w, h },
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
