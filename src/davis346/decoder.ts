import { createBatch, type EventBatch } from '../events/batch.js'
import type { Gap } from '../events/signals.js'
import { partnerIsLost } from './alignment.js'
import type { StreamLayout } from './layout.js'
import { createSignalWords, type SignalSink } from './signal-words.js'
import { createDecoderCounters, type DecoderCounters } from './violations.js'
import { CODE, SPECIAL, WRAP_US } from './words.js'

/**
 * Receives what the decoder finds. Everything is borrowed: valid until the call returns. Events are gathered to the end
 * of a transfer, so a picture, sample or trigger may be handed over before older events; only a timestamp reset is
 * kept in order, since time starts again there. A sink must not throw.
 */
export interface DecoderSink extends SignalSink {
  events(batch: EventBatch): void
  /** Time went on after the last event. */
  time(tUs: number, hostUs: number): void
  gap(gap: Gap): void
}

export interface DecoderOptions {
  readonly layout: StreamLayout
  readonly sink: DecoderSink
  /** Events a batch holds; a transfer with more is delivered in several. */
  readonly batchCapacity?: number
  /**
   * How far device time may run ahead of the host's, microseconds; without limit where not given. A live camera cannot
   * live faster than its host, but damaged words claim so, and each leap would cost windows that nobody saw.
   */
  readonly maxAheadUs?: number
  /** Counters to go on with, where a stream starts again. */
  readonly counters?: DecoderCounters
}

export interface Decoder {
  /**
   * Decodes the bytes of one transfer, in stream order. `hostUs` is when it was received. A transfer may be cut
   * anywhere, inside a word too. Never throws on what the bytes contain.
   */
  decode(bytes: Uint8Array, hostUs: number): void
  /**
   * Call where bytes were lost (an overrun, a flushed endpoint): forgets the half word, the row and the picture and
   * sample in progress, keeps the time and tells the sink of the gap.
   */
  resync(reason: Gap['reason']): void
  /** Device time reached so far, microseconds since the last reset. */
  timeUs(): number
  readonly counters: DecoderCounters
}

const DEFAULT_CAPACITY = 65536
/** Where the 32-bit times of a batch are rebased; a wrap word adds at most 2^27 to it. */
const MAX_SPAN_US = 2 ** 30

export function createDecoder(options: DecoderOptions): Decoder {
  const { layout, sink } = options
  const { columns, rows, invertXY } = layout.dvs
  const counters = options.counters ?? createDecoderCounters()
  const { values, index: at } = counters
  const batch = createBatch(options.batchCapacity ?? DEFAULT_CAPACITY)
  const capacity = batch.capacity
  const dt = batch.dtUs
  const on = batch.on
  // The words carry raw addresses; swapping the destinations turns the picture upright at no cost.
  const columnOut = invertXY ? batch.y : batch.x
  const rowOut = invertXY ? batch.x : batch.y
  const signals = createSignalWords(layout, counters, sink)

  // Time is an int32 relative to the batch, so that the hot loop stays in integers: device time = t0Us + now.
  let t0Us = 0
  let wrapBase = 0
  let now = 0
  let length = 0
  let row = 0
  // 0 while no row is known: then every X falls out of the fast path and is dropped there.
  let columnLimit = 0
  let host = 0
  let reportedUs = 0
  // Time that wraps may still claim. It grows twice as fast as host time, which forgives drift and late transfers.
  const maxAheadUs = options.maxAheadUs ?? Number.POSITIVE_INFINITY
  let creditUs = maxAheadUs

  let carried = -1
  let scratch = new Uint16Array(0)
  let scratchBytes = new Uint8Array(0)
  // The transfer pool hands in the same few buffers again and again, so their word views are made once.
  const views = new WeakMap<ArrayBufferLike, Uint16Array>()

  function commit(): void {
    if (length > 0) {
      batch.length = length
      batch.t0Us = t0Us
      batch.hostUs = host
      values[at.events]! += length
      reportedUs = t0Us + dt[length - 1]!
      length = 0
      sink.events(batch)
      batch.length = 0
    }
    t0Us += wrapBase
    now -= wrapBase
    wrapBase = 0
  }

  // hot
  function run(words: Uint16Array, from: number, end: number): void {
    const maxRow = rows
    let i = from
    let base = wrapBase
    let t = now
    let y = row
    let limit = columnLimit
    let n = length
    let backwards = 0
    while (i < end) {
      const word = words[i]!
      if (word >= 0x8000) {
        const next = base + (word & 0x7fff)
        if (next >= t) t = next
        else backwards++
        i++
      } else if (word >> 13 === 1 && (word & 0xfff) < limit) {
        columnOut[n] = word & 0xfff
        rowOut[n] = y
        dt[n] = t
        on[n] = (word >> 12) & 1
        n++
        i++
      } else if (word >> 12 === 1 && (word & 0xfff) < maxRow) {
        y = word & 0xfff
        limit = columns
        i++
      } else {
        wrapBase = base
        now = t
        row = y
        columnLimit = limit
        length = n
        i = rare(words, i, end)
        base = wrapBase
        t = now
        y = row
        limit = columnLimit
        n = length
      }
    }
    wrapBase = base
    now = t
    row = y
    columnLimit = limit
    length = n
    if (backwards > 0) values[at.timeBackwards]! += backwards
  }

  /** Everything but timestamps and good addresses. Returns the index of the next word. */
  function rare(words: Uint16Array, i: number, end: number): number {
    const word = words[i]!
    const data = word & 0xfff
    switch (word >> 12) {
      case CODE.special:
        if (data === SPECIAL.timestampReset) reset()
        else signals.special(data, t0Us + now)
        break
      case CODE.row:
        values[at.rowOutOfRange]!++
        break
      case CODE.columnOff:
      case CODE.columnOn:
        values[data >= columns ? at.columnOutOfRange : at.columnBeforeRow]!++
        break
      case CODE.sample:
        return signals.samples(words, i, end)
      case CODE.misc8:
        signals.misc8(data)
        break
      case CODE.misc10:
        signals.misc10(data)
        break
      default:
        wrap(data)
    }
    return i + 1
  }

  function wrap(count: number): void {
    if (count === 0) {
      values[at.wrapOfZero]!++
      return
    }
    if (count * WRAP_US > creditUs) {
      values[at.wrapAhead]!++
      return
    }
    creditUs -= count * WRAP_US
    wrapBase += count * WRAP_US
    now = wrapBase
    if (wrapBase >= MAX_SPAN_US) commit()
  }

  function reset(): void {
    commit()
    t0Us = 0
    wrapBase = 0
    now = 0
    reportedUs = 0
    signals.ignore()
    values[at.resets]!++
    sink.gap({ reason: 'reset', tUs: 0 })
    signals.trigger('reset', 0)
  }

  /** Copies a transfer behind the carried byte, or off an odd address, into aligned memory. Returns its words. */
  function realign(bytes: Uint8Array): number {
    let lead = 0
    if (carried >= 0 && partnerIsLost(carried, bytes, layout)) {
      values[at.oddByteDropped]!++
      sink.gap({ reason: 'corrupt', tUs: t0Us + now })
    } else if (carried >= 0) lead = 1
    const total = bytes.length + lead
    if (total > scratchBytes.length) {
      scratch = new Uint16Array((total + 1) >> 1)
      scratchBytes = new Uint8Array(scratch.buffer)
    }
    if (lead === 1) scratchBytes[0] = carried
    scratchBytes.set(bytes, lead)
    carried = -1
    if (total & 1) carry(scratchBytes[total - 1]!)
    return total >> 1
  }

  function carry(byte: number): void {
    carried = byte
    values[at.oddByte]!++
  }

  // hot
  function runAll(words: Uint16Array, first: number, last: number): void {
    let i = first
    while (i < last) {
      // A word makes at most one event, so a run of as many words as there is room needs no check per event.
      const end = Math.min(last, i + capacity - length)
      run(words, i, end)
      i = end
      if (length === capacity) commit()
    }
  }

  return {
    counters,
    timeUs: () => t0Us + now,

    decode(bytes, hostUs) {
      // The first transfer has no time before it; after a long silence all of it may be claimed at once.
      const grownUs = host === 0 ? 0 : 2 * Math.max(0, hostUs - host)
      creditUs = Math.min(creditUs, maxAheadUs) + grownUs
      host = hostUs
      if (carried >= 0 || bytes.byteOffset & 1) {
        const total = realign(bytes)
        runAll(scratch, 0, total)
      } else {
        let words = views.get(bytes.buffer)
        if (words === undefined) {
          words = new Uint16Array(bytes.buffer, 0, bytes.buffer.byteLength >> 1)
          views.set(bytes.buffer, words)
        }
        const first = bytes.byteOffset >> 1
        runAll(words, first, first + (bytes.length >> 1))
        if (bytes.length & 1) carry(bytes[bytes.length - 1]!)
      }
      commit()
      const tUs = t0Us + now
      if (tUs > reportedUs) {
        reportedUs = tUs
        sink.time(tUs, hostUs)
      }
    },

    resync(reason) {
      carried = -1
      columnLimit = 0
      signals.ignore()
      sink.gap({ reason, tUs: t0Us + now })
    },
  }
}
