import type { EventBatch } from '../events/batch.js'
import { type Counters, createCounters } from '../events/counters.js'
import type { Size } from '../events/geometry.js'
import { MAX_FILTER_US } from './limits.js'
import { buildPassMap } from './mask.js'
import type { FiltersConfig } from './schema.js'
import { filterKernel, filterLayout, PASS } from './wasm/filter-kernel.js'
import { instantiate, type Kernel } from './wasm/instance.js'

export const FILTER_COUNTERS = [
  'eventsIn',
  'outsideSensor',
  'outOfRegion',
  'hotPixel',
  'refractory',
  'backgroundActivity',
  'eventsOut',
  'timeRestarts',
] as const
export type FilterCounter = (typeof FILTER_COUNTERS)[number]

/** Events staged at once: small enough to stay in a second-level cache beside the map of times. */
const CHUNK = 8192

/**
 * Times in the map count from a base that lies at least this far before the newest event, so that 0 (never fired) is
 * older than any filter looks back.
 */
const HISTORY_US = 2 ** 24

/** When times since the base pass this, the base moves up. Half of int32, so that no difference of two can wrap. */
const REBASE_US = 2 ** 30

/** Looking back further than any time since the base: everybody is recent, and the filter is off. */
const ALWAYS_US = REBASE_US + 1

/**
 * Regions and hot pixels, then refractory, then background activity, on batches in place. Every event dropped here is
 * counted by the filter that dropped it; events outside the sensor are dropped too, so that what comes after may trust
 * coordinates.
 *
 * An event at t is kept by background activity if at least `backgroundActivitySupport` of its eight neighbours fired
 * at t' with t - t' < backgroundActivityUs, and by refractory if its own pixel fired last at t' with
 * t - t' >= refractoryUs. An event that one of these two drops still counts as its pixel having fired; one that the
 * mask drops does not.
 */
export class FilterChain {
  readonly counters: Counters<FilterCounter> = createCounters(FILTER_COUNTERS)
  readonly #size: Size
  readonly #times: Int32Array
  readonly #pass: Int8Array
  readonly #dt: Uint32Array
  readonly #x: Uint16Array
  readonly #y: Uint16Array
  readonly #on: Uint8Array
  readonly #counts: Uint32Array
  readonly #filterAny: Kernel
  readonly #filterCount: Kernel
  #backgroundUs = ALWAYS_US
  #refractoryUs = 0
  #support = 1
  /** Device time of 0 in the map; NaN until the first event. */
  #baseUs = Number.NaN
  #lastUs = Number.NEGATIVE_INFINITY

  constructor(config: FiltersConfig, size: Size) {
    this.#size = { width: size.width, height: size.height }
    const layout = filterLayout(this.#size, CHUNK)
    const kernels = [filterKernel(layout, 'any', true), filterKernel(layout, 'count', false)]
    const { memory, kernel } = instantiate(kernels, layout.bytes)
    this.#times = new Int32Array(memory, layout.timesAt, layout.cells)
    this.#pass = new Int8Array(memory, layout.passAt, layout.cells)
    this.#dt = new Uint32Array(memory, layout.dtAt, CHUNK)
    this.#x = new Uint16Array(memory, layout.xAt, CHUNK)
    this.#y = new Uint16Array(memory, layout.yAt, CHUNK)
    this.#on = new Uint8Array(memory, layout.onAt, CHUNK)
    this.#counts = new Uint32Array(memory, layout.countsAt, 4)
    this.#filterAny = kernel('any')
    this.#filterCount = kernel('count')
    this.update(config)
  }

  /** Takes effect from the next batch. Throws CONFIG_INVALID and changes nothing for a hot pixel outside the sensor. */
  update(config: FiltersConfig): void {
    const { width, height } = this.#size
    const pass = buildPassMap(config, this.#size)
    for (let y = 0; y < height; y++)
      this.#pass.set(pass.subarray(y * width, (y + 1) * width), (y + 1) * (width + 2) + 1)
    for (let i = 0; i < this.#times.length; i++) if (this.#pass[i] !== PASS) this.#times[i] = 0
    const background = Math.min(config.backgroundActivityUs, MAX_FILTER_US)
    this.#backgroundUs = background > 0 ? background : ALWAYS_US
    this.#refractoryUs = Math.min(config.refractoryUs, MAX_FILTER_US)
    this.#support = config.backgroundActivitySupport
  }

  /** Forgets when pixels fired: after a gap, or when device time restarts. */
  reset(): void {
    this.#times.fill(0)
    this.#baseUs = Number.NaN
    this.#lastUs = Number.NEGATIVE_INFINITY
  }

  /** Compacts the batch in place. Garbage: a few views a chunk, nothing an event. */
  apply(batch: EventBatch): void {
    const n = batch.length
    if (n === 0) return
    const { values, index } = this.counters
    if (batch.t0Us + batch.dtUs[0]! < this.#lastUs) {
      this.reset()
      values[index.timeRestarts]!++
    }
    let kept = 0
    for (let start = 0; start < n; ) {
      const end = this.#place(batch, start)
      kept += this.#applyChunk(batch, { start, end, kept })
      start = end
    }
    this.#lastUs = batch.t0Us + batch.dtUs[n - 1]!
    values[index.eventsIn]! += n
    values[index.eventsOut]! += kept
    batch.length = kept
  }

  /** Moves the base if times would pass the limit; returns the end of the chunk that starts at `start`. */
  #place(batch: EventBatch, start: number): number {
    let end = Math.min(start + CHUNK, batch.length)
    const limit = this.#baseUs + REBASE_US - batch.t0Us
    if (batch.dtUs[end - 1]! <= limit) return end
    const base = batch.t0Us + batch.dtUs[start]! - HISTORY_US
    const shift = base - this.#baseUs
    if (shift < REBASE_US) {
      const times = this.#times
      for (let i = 0; i < times.length; i++) times[i] = Math.max(0, times[i]! - shift)
    } else this.#times.fill(0)
    this.#baseUs = base
    // A chunk that spans many minutes is cut: its first event is in reach now, so it never becomes empty.
    while (batch.dtUs[end - 1]! > base + REBASE_US - batch.t0Us) end--
    return end
  }

  // hot
  #applyChunk(batch: EventBatch, part: { start: number; end: number; kept: number }): number {
    const { start, end } = part
    this.#dt.set(batch.dtUs.subarray(start, end))
    this.#x.set(batch.x.subarray(start, end))
    this.#y.set(batch.y.subarray(start, end))
    this.#on.set(batch.on.subarray(start, end))
    const filter = this.#support === 1 ? this.#filterAny : this.#filterCount
    const offset = batch.t0Us - this.#baseUs
    const n = end - start
    const kept = filter(n, offset, this.#backgroundUs, this.#refractoryUs, this.#support)
    if (kept > 0) {
      batch.dtUs.set(this.#dt.subarray(0, kept), part.kept)
      batch.x.set(this.#x.subarray(0, kept), part.kept)
      batch.y.set(this.#y.subarray(0, kept), part.kept)
      batch.on.set(this.#on.subarray(0, kept), part.kept)
    }
    const { values, index } = this.counters
    const counts = this.#counts
    const outside = counts[0]!
    const outOfRegion = counts[1]!
    const passed = counts[2]!
    const fresh = counts[3]!
    values[index.outsideSensor]! += outside
    values[index.outOfRegion]! += outOfRegion
    values[index.hotPixel]! += n - outside - outOfRegion - passed
    values[index.refractory]! += passed - fresh
    values[index.backgroundActivity]! += fresh - kept
    return kept
  }
}

export function createFilterChain(config: FiltersConfig, size: Size): FilterChain {
  return new FilterChain(config, size)
}
