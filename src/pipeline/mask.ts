import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import type { FiltersConfig, Region } from './schema.js'
import { HOT, OUT_OF_REGION, PASS } from './wasm/filter-kernel.js'

/**
 * Regions and hot pixels merged into one map of the sensor, int8 [height, width]: PASS, HOT or OUT_OF_REGION. A pixel
 * belongs to a region when its centre does. Included regions add up; excluded ones are cut out of them.
 *
 * Throws CONFIG_INVALID for a hot pixel outside the sensor: the list was made for another camera.
 */
export function buildPassMap(
  config: Pick<FiltersConfig, 'hotPixels' | 'regions'>,
  size: Size,
): Int8Array {
  const { width, height } = size
  const including = config.regions.some((region) => region.mode === 'include')
  const map = new Int8Array(width * height).fill(including ? OUT_OF_REGION : PASS)
  for (const region of config.regions)
    if (region.mode === 'include') paint(map, size, { region, value: PASS })
  for (const region of config.regions)
    if (region.mode === 'exclude') paint(map, size, { region, value: OUT_OF_REGION })
  for (const [x, y] of config.hotPixels) {
    if (x >= width || y >= height)
      throw new EvtrackError(
        'CONFIG_INVALID',
        `The hot pixel [${x}, ${y}] lies outside the sensor of ${width} x ${height} pixels.`,
        { next: 'Calibrate the hot pixels of this camera again, or remove that pixel.' },
      )
    if (map[y * width + x] === PASS) map[y * width + x] = HOT
  }
  return map
}

function paint(map: Int8Array, size: Size, what: { region: Region; value: number }): void {
  const corners = cornersOf(what.region)
  for (let y = 0; y < size.height; y++) {
    const crossings = crossingsOf(corners, y + 0.5)
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      // Pixel x lies between two crossings when a <= x + 0.5 < b.
      const first = Math.max(0, Math.ceil(crossings[i]! - 0.5))
      const end = Math.min(size.width, Math.ceil(crossings[i + 1]! - 0.5))
      if (first < end) map.fill(what.value, y * size.width + first, y * size.width + end)
    }
  }
}

function cornersOf(region: Region): readonly (readonly [number, number])[] {
  if (region.polygon !== undefined) return region.polygon
  const [x, y, w, h] = region.box ?? [0, 0, 0, 0]
  return [
    [x, y],
    [x + w, y],
    [x + w, y + h],
    [x, y + h],
  ]
}

/** Where a polygon's edges cross the horizontal line at `y`, from left to right; always an even number. */
function crossingsOf(corners: readonly (readonly [number, number])[], y: number): number[] {
  const crossings: number[] = []
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length]!
    // An edge owns its upper end only, so that a corner on the line counts once.
    if (y1 <= y !== y2 <= y) crossings.push(x1 + ((y - y1) / (y2 - y1)) * (x2 - x1))
  })
  return crossings.sort((a, b) => a - b)
}
