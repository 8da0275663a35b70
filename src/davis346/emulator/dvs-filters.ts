import { DAVIS346_SIZE } from '../../events/geometry.js'
import { PIXEL_FILTER_SLOTS, pixelFilterRegisters, REG } from '../registers.js'
import type { CameraIdentity } from './identity.js'
import type { RegisterFile } from './register-file.js'

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE

/**
 * The filters of the logic: ROI, pixel, background activity, refractory, skip, polarity, in this order. The order and
 * the exact phase of the skip filter are not documented for current logic. ROI registers are public coordinates, pixel
 * slots are raw ones.
 */
export class DvsFilters {
  /** False when every event passes unchanged; the hot path then skips the filters. */
  active = false
  /** Polarity of the event that passed last. */
  on = 0
  readonly #registers: RegisterFile
  readonly #identity: CameraIdentity
  readonly #hotPixels = new Set<number>()
  #roi = { x0: 0, y0: 0, x1: WIDTH - 1, y1: HEIGHT - 1 }
  #supportUs = 0
  #refractoryUs = 0
  #skipEvery = 0
  #skipped = 0
  #flatten = false
  /** Polarity that is suppressed, or -1. */
  #suppress = -1
  /** Time at which a neighbour fired last, and at which the pixel itself passed last. */
  readonly #supportedAt = new Float64Array(WIDTH * HEIGHT).fill(Number.NEGATIVE_INFINITY)
  readonly #firedAt = new Float64Array(WIDTH * HEIGHT).fill(Number.NEGATIVE_INFINITY)

  constructor(registers: RegisterFile, identity: CameraIdentity) {
    this.#registers = registers
    this.#identity = identity
    this.configure()
  }

  /** Reads the filter registers. */
  configure(): void {
    const r = this.#registers
    const { has } = this.#identity
    const roi = {
      x0: r.get(REG.dvsRoiStartColumn),
      y0: r.get(REG.dvsRoiStartRow),
      x1: r.get(REG.dvsRoiEndColumn),
      y1: r.get(REG.dvsRoiEndRow),
    }
    this.#roi = has.roiFilter ? roi : { x0: 0, y0: 0, x1: WIDTH - 1, y1: HEIGHT - 1 }
    this.#hotPixels.clear()
    for (let slot = 0; has.pixelFilter && slot < PIXEL_FILTER_SLOTS; slot++) {
      const { row, column } = pixelFilterRegisters(slot)
      const [x, y] = this.#toPublic(r.get(column), r.get(row))
      if (x < WIDTH && y < HEIGHT) this.#hotPixels.add(y * WIDTH + x)
    }
    const temporal = has.backgroundActivityFilter
    this.#supportUs =
      temporal && r.on(REG.dvsBackgroundActivity) ? r.get(REG.dvsBackgroundActivityTime) * 250 : 0
    this.#refractoryUs =
      temporal && r.on(REG.dvsRefractory) ? r.get(REG.dvsRefractoryTime) * 250 : 0
    this.#skipEvery = has.skipFilter && r.on(REG.dvsSkip) ? r.get(REG.dvsSkipEvery) : 0
    this.#flatten = has.polarityFilter && r.on(REG.dvsPolarityFlatten)
    this.#suppress =
      has.polarityFilter && r.on(REG.dvsPolaritySuppress) ? r.get(REG.dvsPolaritySuppressType) : -1
    const { x0, y0, x1, y1 } = this.#roi
    const cropped = x0 > 0 || y0 > 0 || x1 < WIDTH - 1 || y1 < HEIGHT - 1
    this.active =
      cropped ||
      this.#hotPixels.size > 0 ||
      this.#supportUs > 0 ||
      this.#refractoryUs > 0 ||
      this.#skipEvery > 0 ||
      this.#flatten ||
      this.#suppress >= 0
  }

  #toPublic(column: number, row: number): [number, number] {
    return this.#identity.variant === 'A' ? [column, row] : [row, column]
  }

  /** hot. Whether the event at pixel (x, y) and time `tUs` leaves the logic; its polarity is then in `on`. */
  pass(x: number, y: number, tUs: number, on: number): boolean {
    const { x0, y0, x1, y1 } = this.#roi
    if (x < x0 || x > x1 || y < y0 || y > y1) return false
    const pixel = y * WIDTH + x
    const counters = this.#registers.counters
    if (this.#hotPixels.has(pixel)) {
      counters.dvsStatisticsFilteredPixels++
      return false
    }
    if (this.#supportUs > 0 && !this.#supported(x, y, tUs)) {
      counters.dvsStatisticsFilteredBackgroundActivity++
      return false
    }
    if (this.#refractoryUs > 0) {
      const quiet = tUs - this.#firedAt[pixel]! >= this.#refractoryUs
      this.#firedAt[pixel] = tUs
      if (!quiet) {
        counters.dvsStatisticsFilteredRefractory++
        return false
      }
    }
    if (this.#skipEvery > 0 && ++this.#skipped >= this.#skipEvery) {
      this.#skipped = 0
      return false
    }
    if (on === this.#suppress) return false
    this.on = this.#flatten ? 0 : on
    return true
  }

  /** Each event writes its time to its eight neighbours and passes when a neighbour wrote its own cell recently. */
  #supported(x: number, y: number, tUs: number): boolean {
    const cells = this.#supportedAt
    const pixel = y * WIDTH + x
    for (let dy = y > 0 ? -1 : 0; dy <= (y < HEIGHT - 1 ? 1 : 0); dy++) {
      for (let dx = x > 0 ? -1 : 0; dx <= (x < WIDTH - 1 ? 1 : 0); dx++) {
        if (dx !== 0 || dy !== 0) cells[pixel + dy * WIDTH + dx] = tUs
      }
    }
    return tUs - cells[pixel]! <= this.#supportUs
  }
}
