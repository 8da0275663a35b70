import type { ApsImage } from '../events/signals.js'
import type { StreamLayout } from './layout.js'
import type { DecoderCounters } from './violations.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A reset level below this means that light discharged the pixel before it was read: white. */
const COLLAPSED_RESET = 384
const FULL_SCALE = 1023
/** Ten bits to the top of sixteen. */
const PIXEL_SHIFT = 6
const MAX_EXPOSURE_CHUNKS = 4
const RESET = 0
const SIGNAL = 1

/**
 * Assembles APS pictures. Each pixel is read twice: its level after reset and its level after exposure; the picture is
 * the difference, brighter where the signal fell further. The region of interest and the exposure travel with the
 * frame.
 */
export interface FrameAssembler {
  start(tUs: number): void
  /** Returns true when `image` holds a complete picture, borrowed until the next word. */
  end(tUs: number): boolean
  column(type: 'reset' | 'signal'): void
  columnEnd(): void
  exposureStart(tUs: number): void
  exposureEnd(tUs: number): void
  roiByte(high: boolean, byte: number): void
  exposureChunk(value: number): void
  /** Consumes the run of sample words at `from` and returns the index of the first other word. */
  samples(words: Uint16Array, from: number, end: number): number
  /** Ignores everything until the next frame starts. */
  ignore(): void
  readonly image: ApsImage
}

export function createFrameAssembler(
  layout: StreamLayout,
  counters: DecoderCounters,
): FrameAssembler {
  const { invertXY, flipX, flipY } = layout.aps
  const width = invertXY ? layout.aps.rows : layout.aps.columns
  const height = invertXY ? layout.aps.columns : layout.aps.rows
  // Reset levels live beside the picture, so that a lost reset column subtracts from the level of an earlier frame
  // and never from an earlier picture.
  const resets = new Uint16Array(width * height)
  const storage = new Uint16Array(width * height)
  const image: Mutable<ApsImage> = {
    width,
    height,
    x: 0,
    y: 0,
    pixels: storage,
    channels: 1,
    tUs: 0,
    startOfFrameUs: 0,
    endOfFrameUs: 0,
    startOfExposureUs: 0,
    endOfExposureUs: 0,
    exposureUs: 0,
  }
  const { values, index: at } = counters

  // The camera may be joined in the middle of a frame, so what comes before the first start is no violation.
  let ignoring = true
  let inside = false
  let reading: typeof RESET | typeof SIGNAL | -1 = -1
  // No region is known before the first frame brings one; the whole sensor is what the camera starts with.
  let expectedColumns = layout.aps.columns
  let expectedRows = layout.aps.rows
  const columns = [0, 0] as [number, number]
  let row = 0
  const roi = new Uint8Array(8)
  let roiBytes = 0
  let exposureCycles = 0
  let exposureChunks = 0

  function setRegion(): void {
    const word = (i: number) => (roi[i]! << 8) | roi[i + 1]!
    const startX = word(0)
    const startY = word(2)
    let w = (word(4) + 1 - startX) & 0xffff
    let h = (word(6) + 1 - startY) & 0xffff
    let x = startX
    let y = startY
    if (w === 0 || h === 0 || w > width || h > height) {
      values[at.apsRegion]!++
      w = width
      h = height
    }
    if (x + w > width) x = 0
    if (y + h > height) y = 0
    image.x = x
    image.y = y
    if (w !== image.width || h !== image.height) {
      image.width = w
      image.height = h
      image.pixels = storage.subarray(0, w * h)
    }
    expectedColumns = invertXY ? h : w
    expectedRows = invertXY ? w : h
  }

  function outside(): boolean {
    if (!inside && !ignoring) values[at.apsOutOfPlace]!++
    return !inside
  }

  return {
    image,

    ignore() {
      ignoring = true
      inside = false
      reading = -1
    },

    start(tUs) {
      if (inside) values[at.apsFrameUnfinished]!++
      ignoring = false
      inside = true
      reading = -1
      columns[RESET] = 0
      columns[SIGNAL] = 0
      roiBytes = 0
      exposureCycles = 0
      exposureChunks = 0
      image.startOfFrameUs = tUs
      image.startOfExposureUs = tUs
      image.endOfExposureUs = tUs
      image.exposureUs = 0
    },

    end(tUs) {
      if (outside()) return false
      inside = false
      reading = -1
      if (columns[RESET] !== expectedColumns || columns[SIGNAL] !== expectedColumns) {
        values[at.apsColumnCount]!++
        return false
      }
      image.endOfFrameUs = tUs
      image.exposureUs = exposureCycles / layout.clocks.adcMHz
      image.tUs =
        image.startOfExposureUs + Math.floor((image.endOfExposureUs - image.startOfExposureUs) / 2)
      return true
    },

    column(type) {
      if (outside()) return
      if (reading !== -1) values[at.apsOutOfPlace]!++
      reading = type === 'reset' ? RESET : SIGNAL
      row = 0
    },

    columnEnd() {
      if (outside()) return
      if (reading === -1) {
        values[at.apsOutOfPlace]!++
        return
      }
      if (row !== expectedRows) values[at.apsRowCount]!++
      if (columns[reading] < expectedColumns) columns[reading]++
      else values[at.apsExcess]!++
      reading = -1
    },

    exposureStart(tUs) {
      if (outside()) return
      image.startOfExposureUs = tUs
    },

    exposureEnd(tUs) {
      if (outside()) return
      image.endOfExposureUs = tUs
    },

    roiByte(high, byte) {
      // The camera sends four pairs, high byte first: start column, start row, end column, end row.
      if (outside()) return
      if (roiBytes >= 8 || high !== ((roiBytes & 1) === 0)) {
        values[at.apsInfoExcess]!++
        return
      }
      roi[roiBytes++] = byte
      if (roiBytes === 8) setRegion()
    },

    exposureChunk(value) {
      if (outside()) return
      if (exposureChunks === MAX_EXPOSURE_CHUNKS) {
        values[at.apsInfoExcess]!++
        return
      }
      exposureCycles += value * 2 ** (10 * exposureChunks++)
    },

    // hot
    samples(words, from, end) {
      let i = from
      if (reading === -1) {
        while (i < end && words[i]! >> 12 === 4) i++
        if (!ignoring) values[at.apsOutOfPlace]! += i - from
        return i
      }
      const column = columns[reading]
      const pixels = image.pixels as Uint16Array
      const cx = flipX ? expectedColumns - 1 - column : column
      // Walking down a raw column steps the picture by one row, or by one pixel where the axes are swapped.
      const stride = invertXY ? 1 : image.width
      const step = flipY ? -stride : stride
      let r = row
      let p =
        (invertXY ? cx * image.width : cx) + (flipY ? (expectedRows - 1 - r) * stride : r * stride)
      const last = column < expectedColumns ? expectedRows : 0
      while (i < end) {
        const word = words[i]!
        if (word >> 12 !== 4) break
        i++
        if (r >= last) {
          values[at.apsExcess]!++
          continue
        }
        const v = word & 0x3ff
        if (reading === RESET) {
          resets[p] = v
        } else {
          const level = resets[p]!
          const difference = level - v
          pixels[p] =
            (level < COLLAPSED_RESET || v === 0 ? FULL_SCALE : Math.max(difference, 0)) <<
            PIXEL_SHIFT
        }
        p += step
        r++
      }
      row = r
      return i
    },
  }
}
