import type { EventBatch } from '../events/batch.js'
import { type Counters, createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import type { Gap } from '../events/signals.js'
import type { FrameSink } from './frame-sink.js'
import { HopRing } from './hop-ring.js'
import { MAX_HOPS } from './limits.js'
import type { AggregationConfig } from './schema.js'
import { WindowMaker } from './window-maker.js'

export const AGGREGATION_COUNTERS = [
  'events',
  'outsideSensor',
  'windows',
  'windowsDropped',
  'silencesSkipped',
  'gaps',
  'timeRestarts',
] as const
export type AggregationCounter = (typeof AGGREGATION_COUNTERS)[number]

/**
 * Windows closed one after another because time jumped ahead; what is silent for longer is skipped. At the default hop
 * of 10 ms this is 2.56 s, while a camera tells the time at least every 33 ms.
 */
const MAX_SILENT_WINDOWS = 256

/**
 * Events to frames: the Global Trajectory Prompt. Positive and negative planes count events in steps of `amount`, up
 * to 255; the trajectory plane keeps a fading memory of where pixels woke up (see combineKernel).
 *
 * - A window is `windowUs` long and one is closed every `hopUs`; it covers [tStartUs, tEndUs). Ends of windows are
 *   multiples of `hopUs` in device time, so they do not depend on which event happens to be the first. The first
 *   window is the first that has been watched from its first hop on; the trajectory decays and learns once a window,
 *   and an onset compares with the window before, which overlaps when hopUs < windowUs.
 * - Or a window is `windowEvents` events, one closed every `hopEvents`; it covers from its first event to its last.
 *   Silence closes none of these.
 * - After a gap every window with the hole in it is marked broken, and nothing is an onset in the first one: what was
 *   lost before cannot be told from what was dark. When time itself restarts, everything starts anew.
 * - The last, incomplete window of a recording is not emitted.
 */
export class Aggregator {
  readonly counters: Counters<AggregationCounter> = createCounters(AGGREGATION_COUNTERS)
  readonly #sink: FrameSink
  readonly #maker: WindowMaker
  readonly #ring: HopRing
  readonly #windowUs: number
  readonly #hopUs: number
  /** 0: windows are cut by time. */
  readonly #hopEvents: number
  /** End of the open hop; NaN until the first event or time. */
  #hopEndUs = Number.NaN
  /** Time of the last event. */
  #lastUs = Number.NEGATIVE_INFINITY
  /** The latest time heard of, with or without an event. */
  #nowUs = Number.NEGATIVE_INFINITY
  #seq = 0
  #gapUs = 0
  #broken = false

  constructor(config: AggregationConfig, size: Size, sink: FrameSink) {
    const byCount = config.windowEvents > 0
    const hopEvents = byCount ? config.hopEvents || config.windowEvents : 0
    const hops = byCount ? config.windowEvents / hopEvents : config.windowUs / config.hopUs
    if (!Number.isInteger(hops) || hops < 1 || hops > MAX_HOPS)
      throw new EvtrackError('CONFIG_INVALID', `A window of ${hops} hops cannot be made.`, {
        next: `Choose a hop that divides the window into at most ${MAX_HOPS} parts.`,
      })
    this.#sink = sink
    this.#windowUs = config.windowUs
    this.#hopUs = config.hopUs
    this.#hopEvents = hopEvents
    this.#ring = new HopRing(hops)
    this.#maker = new WindowMaker(size, { hops, amount: config.amount, decay: config.decay })
  }

  /**
   * Adds a batch in time order. `eventsIn` is the batch's length before the filters; hops share it in proportion to
   * the events that are left.
   */
  add(batch: EventBatch, eventsIn: number = batch.length): void {
    const n = batch.length
    if (n === 0) {
      this.#ring.countIn(eventsIn)
      return
    }
    if (batch.t0Us + batch.dtUs[0]! < this.#lastUs) {
      this.counters.values[this.counters.index.timeRestarts]!++
      this.#restart()
    }
    const { values, index } = this.counters
    for (let start = 0; start < n; ) {
      const startUs = batch.t0Us + batch.dtUs[start]!
      if (this.#hopEvents === 0) this.#advance(startUs, batch.hostUs)
      const end = this.#endOfHop(batch, start)
      values[index.outsideSensor]! += this.#maker.accumulate(batch, {
        start,
        end,
        hop: this.#ring.open,
      })
      const share = Math.round((eventsIn * end) / n) - Math.round((eventsIn * start) / n)
      this.#ring.count({
        events: end - start,
        eventsIn: share,
        startUs,
        endUs: batch.t0Us + batch.dtUs[end - 1]! + 1,
        hostUs: batch.hostUs,
      })
      if (this.#hopEvents > 0 && this.#ring.openEvents === this.#hopEvents)
        this.#close(batch.hostUs)
      start = end
    }
    values[index.events]! += n
    this.#lastUs = batch.t0Us + batch.dtUs[n - 1]!
    this.#nowUs = Math.max(this.#nowUs, this.#lastUs)
  }

  /** Device time has reached `tUs` without an event: closes the windows that are over. */
  time(tUs: number, hostUs: number): void {
    if (!(tUs >= this.#lastUs)) return
    this.#nowUs = Math.max(this.#nowUs, tUs)
    if (this.#hopEvents === 0) this.#advance(tUs, hostUs)
  }

  /** The stream is not continuous here. */
  gap(gap: Gap): void {
    this.counters.values[this.counters.index.gaps]!++
    const timeGoesOn =
      gap.reason !== 'reset' &&
      gap.reason !== 'reconnect' &&
      (gap.tUs === undefined || gap.tUs >= this.#lastUs)
    if (!timeGoesOn) {
      this.#restart()
      return
    }
    this.#ring.markBroken()
    this.#maker.forgetPrevious()
    if (gap.tUs !== undefined && Number.isFinite(this.#nowUs))
      this.#gapUs += Math.max(0, gap.tUs - this.#nowUs)
  }

  #restart(): void {
    this.#ring.clear()
    this.#maker.clear()
    this.#hopEndUs = Number.NaN
    this.#lastUs = Number.NEGATIVE_INFINITY
    this.#nowUs = Number.NEGATIVE_INFINITY
    this.#gapUs = 0
    this.#broken = true
  }

  /** Index after the last event of the open hop. */
  #endOfHop(batch: EventBatch, start: number): number {
    if (this.#hopEvents > 0)
      return Math.min(batch.length, start + this.#hopEvents - this.#ring.openEvents)
    const limit = this.#hopEndUs - batch.t0Us
    let low = start
    let high = batch.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (batch.dtUs[middle]! < limit) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Closes every hop that ends at or before `tUs`. */
  #advance(tUs: number, hostUs: number): void {
    const aligned = (Math.floor(tUs / this.#hopUs) + 1) * this.#hopUs
    if (Number.isNaN(this.#hopEndUs)) this.#hopEndUs = aligned
    for (let closed = 0; this.#hopEndUs <= tUs; closed++) {
      if (closed >= MAX_SILENT_WINDOWS) {
        // Policy: the middle of a long silence makes no windows; the next header tells how much was left out.
        this.counters.values[this.counters.index.silencesSkipped]!++
        const skippedUs = aligned - this.#hopEndUs
        this.#gapUs += skippedUs
        this.#maker.fade(skippedUs / this.#hopUs)
        this.#hopEndUs = aligned
        return
      }
      this.#close(hostUs)
      this.#hopEndUs += this.#hopUs
    }
  }

  #close(hostUs: number): void {
    if (this.#ring.isFull) this.#emit(hostUs)
    this.#maker.clearHop(this.#ring.next())
  }

  #emit(hostUs: number): void {
    const { values, index } = this.counters
    const byCount = this.#hopEvents > 0
    const window = this.#ring.window()
    this.#broken ||= window.broken
    const planes = this.#sink.claim()
    this.#maker.combine(planes)
    const seq = this.#seq++
    values[index.windows]!++
    if (planes === undefined) {
      // Policy: without memory the window is lost; the next one carries its gap and its mark.
      values[index.windowsDropped]!++
      return
    }
    this.#sink.commit({
      seq,
      tStartUs: byCount ? window.startUs : this.#hopEndUs - this.#windowUs,
      tEndUs: byCount ? window.endUs : this.#hopEndUs,
      events: window.events,
      eventsIn: window.eventsIn,
      gapUs: this.#gapUs,
      broken: this.#broken,
      hostUs: window.events > 0 ? window.hostUs : hostUs,
    })
    this.#gapUs = 0
    this.#broken = false
  }
}
