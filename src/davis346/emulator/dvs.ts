import type { EventBatch } from '../../events/batch.js'
import { WRAP_US } from '../words.js'
import { DvsFilters } from './dvs-filters.js'
import type { CameraIdentity } from './identity.js'
import type { PacketFifo } from './packet-fifo.js'
import type { RegisterFile } from './register-file.js'
import type { Stimulus } from './stimulus.js'
import type { Timeline } from './timeline.js'
import { encodeWordLoop, type WordLoop } from './word-loop.js'

/** Events are asked of the stimulus in steps of this length, whatever the pace of the host. */
const FETCH_US = 1000
const STAGING_WORDS = 4096
/** A timestamp, a row and a column word. */
const WORDS_PER_EVENT = 3

export interface DvsSpan {
  /** Stimulus time to reach. */
  readonly untilUs: number
  /** Counter minus stimulus time. */
  readonly offsetUs: number
  /** Value of a counter that stands still, or -1. */
  readonly frozenUs: number
  /**
   * When the buffers are full, 'emit' and 'hold' keep the rest for later, 'drop' loses it in the multiplexer and
   * 'lose' in the AER state machine, each with its counter. 'discard': nobody listens, nothing is counted.
   */
  readonly mode: 'emit' | 'hold' | 'drop' | 'lose' | 'discard'
  /** Nothing may be sent. */
  readonly blocked: boolean
}

/**
 * The DVS module: takes events from the stimulus, filters them and writes row and column words. Events of one row
 * and microsecond share their row word; a row without surviving columns is not sent. An event that had to wait is sent
 * with the time at which it leaves, as arbitration does.
 */
export class DvsProducer {
  sentEvents = 0
  readonly filters: DvsFilters
  readonly #registers: RegisterFile
  readonly #fifo: PacketFifo
  readonly #timeline: Timeline
  readonly #variant: 'A' | 'B'
  #stimulus: Stimulus
  #batch: EventBatch | undefined
  #at = 0
  #fetchedUs = 0
  #reachedUs = 0
  /** Raw row of the last row word, or -1 when the next event must send one. */
  #row = -1
  #loop: WordLoop | undefined
  readonly #staging = new Uint16Array(STAGING_WORDS)

  constructor(options: {
    identity: CameraIdentity
    registers: RegisterFile
    fifo: PacketFifo
    timeline: Timeline
    stimulus: Stimulus
    startUs: number
  }) {
    this.#variant = options.identity.variant
    this.#registers = options.registers
    this.#fifo = options.fifo
    this.#timeline = options.timeline
    this.#stimulus = options.stimulus
    this.#reachedUs = options.startUs
    this.#fetchedUs = Math.floor(options.startUs / FETCH_US) * FETCH_US
    this.filters = new DvsFilters(options.registers, options.identity)
    // Encoding takes some ten milliseconds: better at power-up than when data are expected.
    if (options.stimulus.period) this.#loopOf(options.stimulus.period)
  }

  /** A register was written. Filters that stay off do not change the words of a repeating stimulus. */
  configure(): void {
    const filtered = this.filters.active
    this.filters.configure()
    if (filtered || this.filters.active) this.#loop = undefined
  }

  /** Other words went out: the next event repeats its row. */
  interrupt(): void {
    this.#row = -1
  }

  /** Returns the stimulus time reached, `untilUs` unless the buffers are full. */
  produce(span: DvsSpan): number {
    if (this.#stimulus.period) this.#produceLoop(this.#stimulus.period, span)
    else this.#produceEvents(span)
    return this.#reachedUs
  }

  #produceEvents(span: DvsSpan): void {
    const { untilUs, mode, blocked } = span
    while (this.#fetch(untilUs)) {
      const batch = this.#batch!
      const untilDt = untilUs - batch.t0Us
      if (batch.dtUs[this.#at]! >= untilDt) break
      if (mode === 'discard') {
        while (this.#at < batch.length && batch.dtUs[this.#at]! < untilDt) this.#at++
      } else if (!blocked && this.#fifo.freeWords >= WORDS_PER_EVENT) {
        this.#encode(batch, untilDt, span)
      } else if (mode === 'emit' || mode === 'hold') {
        this.#reachedUs = Math.max(this.#reachedUs, batch.t0Us + batch.dtUs[this.#at]!)
        return
      } else {
        this.#drop(batch, untilDt, mode)
      }
    }
    this.#reachedUs = untilUs
  }

  /** Makes `#batch` hold the next event; false when there is none before `untilUs`. */
  #fetch(untilUs: number): boolean {
    while (!this.#batch || this.#at >= this.#batch.length) {
      this.#batch = this.#stimulus.next(this.#fetchedUs)
      this.#at = 0
      if (this.#batch) continue
      if (this.#fetchedUs >= untilUs) return false
      this.#fetchedUs += FETCH_US
    }
    return true
  }

  // hot
  #encode(batch: EventBatch, untilDt: number, span: DvsSpan): void {
    const { frozenUs } = span
    const { dtUs, x, y, on, length } = batch
    const words = this.#staging
    const filters = this.filters
    const filtered = filters.active
    const swap = this.#variant === 'B'
    const baseUs = Math.floor(batch.t0Us) + span.offsetUs
    const room = Math.min(this.#fifo.freeWords, STAGING_WORDS) - WORDS_PER_EVENT
    const start = this.#at
    let last = this.#timeline.lastUs
    let row = this.#row
    let rows = 0
    let sent = 0
    let n = 0
    let i = start
    for (; i < length && n <= room; i++) {
      const dt = dtUs[i]!
      if (dt >= untilDt) break
      let t = frozenUs >= 0 ? frozenUs : baseUs + dt
      if (t < last) t = last
      let bit = on[i]!
      if (filtered) {
        if (!filters.pass(x[i]!, y[i]!, t, bit)) continue
        bit = filters.on
      }
      if (t !== last) {
        words[n++] = 0x8000 | (t & 0x7fff)
        last = t
        row = -1
      }
      const rawRow = swap ? x[i]! : y[i]!
      if (rawRow !== row) {
        words[n++] = 0x1000 | rawRow
        row = rawRow
        rows++
      }
      words[n++] = 0x2000 | (bit << 12) | (swap ? y[i]! : x[i]!)
      sent++
    }
    this.#fifo.push(words, 0, n)
    this.#timeline.lastUs = last
    this.#row = row
    this.#at = i
    this.sentEvents += sent
    this.#registers.counters.dvsStatisticsColumns += i - start
    this.#registers.counters.dvsStatisticsRows += rows
  }

  #drop(batch: EventBatch, untilDt: number, mode: DvsSpan['mode']): void {
    const rows = this.#variant === 'B' ? batch.x : batch.y
    let row = -1
    let words = 0
    let i = this.#at
    for (; i < batch.length && batch.dtUs[i]! < untilDt; i++) {
      words += rows[i] === row ? 1 : 2
      row = rows[i]!
    }
    this.#registers.counters.dvsStatisticsColumns += i - this.#at
    this.#countDropped(words, mode)
    this.#at = i
  }

  #countDropped(words: number, mode: DvsSpan['mode']): void {
    const counters = this.#registers.counters
    if (mode === 'drop') counters.muxStatisticsDvsDropped += words
    else counters.dvsStatisticsDropped += words
    this.#row = -1
  }

  #loopOf(period: EventBatch): WordLoop {
    this.#loop ??= encodeWordLoop({ period, filters: this.filters, variant: this.#variant })
    return this.#loop
  }

  #produceLoop(period: EventBatch, span: DvsSpan): void {
    const { untilUs, offsetUs, mode } = span
    if (span.frozenUs >= 0 || mode === 'discard') {
      this.#reachedUs = untilUs
      return
    }
    const { words, wordAt, eventsBefore, rowsBefore } = this.#loopOf(period)
    const startUs = this.#reachedUs + offsetUs
    const lo = startUs % WRAP_US
    const end = lo + Math.max(0, untilUs - this.#reachedUs)
    const hi = fitting(wordAt, lo, {
      end,
      room: span.blocked ? 0 : this.#fifo.freeWords,
    })
    let from = wordAt[lo]!
    const to = wordAt[hi]!
    if (to > from) {
      let newest = hi - 1
      while (newest > lo && wordAt[newest] === wordAt[hi]) newest--
      if (startUs === this.#timeline.lastUs && words[from] === (0x8000 | lo)) from++
      this.#fifo.push(words, from, to)
      this.#timeline.lastUs = startUs + newest - lo
      const sent = eventsBefore[hi]! - eventsBefore[lo]!
      this.sentEvents += sent
      this.#registers.counters.dvsStatisticsColumns += sent
      this.#registers.counters.dvsStatisticsRows += rowsBefore[hi]! - rowsBefore[lo]!
    }
    this.#reachedUs += hi - lo
    if (hi < end && mode !== 'emit') {
      const events = eventsBefore[end]! - eventsBefore[hi]!
      this.#registers.counters.dvsStatisticsColumns += events
      this.#countDropped(events + rowsBefore[end]! - rowsBefore[hi]!, mode)
      this.#reachedUs = untilUs
    }
  }
}

/** The last microsecond up to which the words from `lo` on fit into `room`. */
function fitting(wordAt: Uint32Array, lo: number, limit: { end: number; room: number }): number {
  const most = wordAt[lo]! + limit.room
  if (wordAt[limit.end]! <= most) return limit.end
  let low = lo
  let high = limit.end
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (wordAt[middle]! <= most) low = middle
    else high = middle
  }
  return low
}
