import type { Box, Size } from '../events/geometry.js'
import type { TrackerSpec } from '../inference/tracker-session.js'
import { type Frame, PLANES } from '../pipeline/frame.js'
import { TapTable, WEIGHT_BITS } from './resample.js'

export type CropPlane = TrackerSpec['planes'][number]

/** A square of the sensor in whole pixels; it may reach beyond the sensor, where everything is 0. */
export interface CropRegion {
  readonly x: number
  readonly y: number
  readonly side: number
}

/**
 * The square around a box: side = ceil(sqrt(w * h) * factor), centred on the box and snapped to the nearest whole
 * pixel (halves towards the lower right). Source: SDTrack's crop; see docs of the model package for the factors.
 */
export function cropRegion(box: Box, factor: number): CropRegion {
  const side = Math.max(1, Math.ceil(Math.sqrt(box.w * box.h) * factor))
  return {
    x: Math.floor(box.x + box.w / 2 - side / 2 + 0.5),
    y: Math.floor(box.y + box.h / 2 - side / 2 + 0.5),
    side,
  }
}

export interface CropRequest {
  readonly region: CropRegion
  /** Box of the 'prior' plane in sensor pixels; without one that plane is 0. */
  readonly prior?: Box
}

/** Cuts crops of one size for one sensor. It owns its scratch memory: one cropper per thread. */
export interface Cropper {
  /** Bytes of one crop: planes * size * size. */
  readonly cropBytes: number
  /**
   * Writes one crop, planar in the given order, to the first `cropBytes` of `out`. Allocates nothing, unless the region's
   * side is larger than all before. Same input, same bytes, on every machine.
   */
  cropInto(out: Uint8Array, frame: Frame, request: CropRequest): void
}

export function createCropper(options: {
  /** Output side in pixels. */
  readonly size: number
  readonly planes: readonly CropPlane[]
  readonly sensor: Size
}): Cropper {
  const { size, sensor } = options
  const columns = new TapTable(size)
  const rows = new TapTable(size)
  const lines = new Int32Array(size * sensor.height)
  const sums = new Int32Array(size)
  const coverX = new Int32Array(size)
  const coverY = new Int32Array(size)
  const sources = options.planes.map((plane) => (plane === 'prior' ? -1 : PLANES.indexOf(plane)))
  const planeBytes = size * size
  const sensorPixels = sensor.width * sensor.height

  return {
    cropBytes: planeBytes * sources.length,
    // hot
    cropInto(out, frame, request) {
      const { x, y, side } = request.region
      columns.fill(x, side, sensor.width)
      rows.fill(y, side, sensor.height)
      const firstRow = Math.min(Math.max(y, 0), sensor.height)
      const endRow = Math.max(firstRow, Math.min(y + side, sensor.height))
      for (let p = 0; p < sources.length; p++) {
        const source = sources[p]!
        const outStart = p * planeBytes
        if (source < 0) {
          fillPrior(out, outStart, request)
        } else {
          const start = source * sensorPixels + firstRow * sensor.width
          resampleRows(frame.planes, start, endRow - firstRow)
          resampleColumns(out, outStart, firstRow)
        }
      }
    },
  }

  // hot: horizontal pass, sensor rows to `lines` (values up to 255 * 2^11)
  function resampleRows(planes: Uint8Array, start: number, count: number): void {
    const { index, weight, perPixel } = columns
    const width = sensor.width
    let to = 0
    for (let row = 0, base = start; row < count; row++, base += width) {
      if (perPixel === 2) {
        for (let k = 0; k < 2 * size; k += 2) {
          lines[to++] =
            planes[base + index[k]!]! * weight[k]! + planes[base + index[k + 1]!]! * weight[k + 1]!
        }
      } else {
        for (let k = 0; k < perPixel * size; ) {
          let sum = 0
          for (const end = k + perPixel; k < end; k++) {
            sum += planes[base + index[k]!]! * weight[k]!
          }
          lines[to++] = sum
        }
      }
    }
  }

  // hot: vertical pass, `lines` to bytes, rounded to nearest with halves up
  function resampleColumns(out: Uint8Array, outStart: number, firstRow: number): void {
    const { index, weight, perPixel } = rows
    const shift = 2 * WEIGHT_BITS
    const half = 1 << (shift - 1)
    let to = outStart
    for (let row = 0; row < size; row++) {
      let k = row * perPixel
      const end = k + perPixel
      // Two taps at a time; a tap without weight reads the other's line, which is certain to exist.
      for (let pair = 0; k < end; k += 2, pair++) {
        const w0 = weight[k]!
        const w1 = k + 1 < end ? weight[k + 1]! : 0
        if ((w0 | w1) === 0) {
          if (pair === 0) sums.fill(half)
          continue
        }
        const line0 = (index[w0 === 0 ? k + 1 : k]! - firstRow) * size
        const line1 = (index[w1 === 0 ? k : k + 1]! - firstRow) * size
        if (pair === 0) {
          for (let i = 0; i < size; i++) {
            sums[i] = half + lines[line0 + i]! * w0 + lines[line1 + i]! * w1
          }
        } else {
          for (let i = 0; i < size; i++) {
            sums[i] = sums[i]! + lines[line0 + i]! * w0 + lines[line1 + i]! * w1
          }
        }
      }
      for (let i = 0; i < size; i++) out[to++] = sums[i]! >>> shift
    }
  }

  // hot: 255 times the share of each crop pixel that the box covers, the sensor's edge disregarded
  function fillPrior(out: Uint8Array, outStart: number, request: CropRequest): void {
    const { region, prior } = request
    out.fill(0, outStart, outStart + planeBytes)
    if (prior === undefined) return
    cover(coverX, (prior.x - region.x) / region.side, (prior.x + prior.w - region.x) / region.side)
    cover(coverY, (prior.y - region.y) / region.side, (prior.y + prior.h - region.y) / region.side)
    const half = 1 << (2 * WEIGHT_BITS - 1)
    for (let row = 0; row < size; row++) {
      const c = coverY[row]! * 255
      if (c === 0) continue
      const to = outStart + row * size
      for (let column = 0; column < size; column++) {
        const share = coverX[column]!
        if (share !== 0) out[to + column] = (c * share + half) >>> (2 * WEIGHT_BITS)
      }
    }
  }
}

/** Share of each of out.length equal parts of [0, 1] that lies in [from, to], in 1/2048, rounded to nearest. */
// hot
function cover(out: Int32Array, from: number, to: number): void {
  const n = out.length
  for (let i = 0; i < n; i++) {
    const low = Math.max(from * n, i)
    const high = Math.min(to * n, i + 1)
    out[i] = high > low ? Math.floor((high - low) * (1 << WEIGHT_BITS) + 0.5) : 0
  }
}
