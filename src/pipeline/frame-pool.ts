import { type Counters, createCounters } from '../events/counters.js'
import type { Size } from '../events/geometry.js'
import { type Frame, PLANES, type WindowHeader } from './frame.js'
import type { FrameSink } from './frame-sink.js'

/**
 * Frames in one SharedArrayBuffer: one thread writes, one thread reads, nobody waits. A slot's state and its age travel
 * in one int32, so a slot that was overwritten meanwhile can never be taken for the older window it held.
 *
 * Policy: with no free slot the oldest window that nobody has taken is overwritten, since an old track is worth less
 * than none; with every slot taken the new window is dropped. Both are counted by the writer. What a reader missed it
 * finds in the header of the next frame: `seq` jumps, `gapUs` covers the time it never saw, `broken` is passed on.
 */
const FREE = 0
const FILLING = 1
const READY = 2
const TAKEN = 3
const STATE_BITS = 2
/** Windows are stamped modulo 2^30; ages compare right while fewer than 2^29 windows lie between two slots. */
const STAMPS = 2 ** 30

const META = { width: 0, height: 1, slots: 2 } as const
const META_INTS = 4
const HEADER_FIELDS = [
  'seq',
  'tStartUs',
  'tEndUs',
  'events',
  'eventsIn',
  'gapUs',
  'broken',
  'hostUs',
] as const
const HEADER_LENGTH = HEADER_FIELDS.length

const align = (bytes: number): number => (bytes + 63) & ~63

export interface PoolSize {
  readonly size: Size
  readonly slots: number
}

/** Shared memory for `slots` frames; hand it to a FrameWriter in one thread and a FrameReader in another. */
export function allocateFramePool({ size, slots }: PoolSize): SharedArrayBuffer {
  if (!Number.isInteger(slots) || slots < 2)
    throw new RangeError(`a frame pool needs at least 2 slots, not ${slots}`)
  const { bytes } = layoutOf({ size, slots })
  const memory = new SharedArrayBuffer(bytes)
  new Int32Array(memory, 0, META_INTS).set([size.width, size.height, slots])
  return memory
}

function layoutOf({ size, slots }: PoolSize) {
  const statesAt = 4 * META_INTS
  const headersAt = align(statesAt + 4 * slots)
  const planesAt = align(headersAt + 8 * HEADER_LENGTH * slots)
  const frame = PLANES.length * size.width * size.height
  return { statesAt, headersAt, planesAt, frame, bytes: planesAt + align(frame) * slots }
}

/** The same views of the memory in every thread. */
class PoolView {
  readonly size: Size
  readonly slots: number
  readonly states: Int32Array
  readonly headers: readonly Float64Array[]
  readonly planes: readonly Uint8Array[]

  constructor(memory: SharedArrayBuffer) {
    const meta = new Int32Array(memory, 0, META_INTS)
    const size = { width: meta[META.width]!, height: meta[META.height]! }
    const slots = meta[META.slots]!
    const { statesAt, headersAt, planesAt, frame } = layoutOf({ size, slots })
    const each = <T>(make: (slot: number) => T): T[] =>
      Array.from({ length: slots }, (_, i) => make(i))
    this.size = size
    this.slots = slots
    this.states = new Int32Array(memory, statesAt, slots)
    this.headers = each(
      (i) => new Float64Array(memory, headersAt + 8 * HEADER_LENGTH * i, HEADER_LENGTH),
    )
    this.planes = each((i) => new Uint8Array(memory, planesAt + align(frame) * i, frame))
  }

  /** The ready slot with the lowest or highest age, as [slot, state word]; undefined if none is ready. */
  ready(which: 'oldest' | 'newest'): readonly [number, number] | undefined {
    let best: readonly [number, number] | undefined
    for (let slot = 0; slot < this.slots; slot++) {
      const word = Atomics.load(this.states, slot)
      if ((word & TAKEN) !== READY) continue
      if (best === undefined || isOlder(word, best[1]) === (which === 'oldest')) best = [slot, word]
    }
    return best
  }

  countReady(): number {
    let count = 0
    for (let slot = 0; slot < this.slots; slot++)
      if ((Atomics.load(this.states, slot) & TAKEN) === READY) count++
    return count
  }

  header(slot: number): WindowHeader {
    const h = this.headers[slot]!
    return {
      seq: h[0]!,
      tStartUs: h[1]!,
      tEndUs: h[2]!,
      events: h[3]!,
      eventsIn: h[4]!,
      gapUs: h[5]!,
      broken: h[6] !== 0,
      hostUs: h[7]!,
    }
  }
}

/** Difference of two stamps as a signed 30-bit number, by the sign of the words' upper bits. */
function isOlder(a: number, b: number): boolean {
  return (((a & ~TAKEN) - (b & ~TAKEN)) | 0) < 0
}

export const WRITER_COUNTERS = ['committed', 'overwritten', 'refused'] as const

/** The writing end. `claim` and `commit` are the aggregator's FrameSink. */
export class FrameWriter implements FrameSink {
  readonly counters: Counters<(typeof WRITER_COUNTERS)[number]> = createCounters(WRITER_COUNTERS)
  readonly #view: PoolView
  #slot = -1
  #stamp = 0
  /** A mark of a window that was overwritten, for the one that takes its place. */
  #broken = false

  constructor(memory: SharedArrayBuffer) {
    this.#view = new PoolView(memory)
  }

  get slots(): number {
    return this.#view.slots
  }

  /** Windows that nobody has taken yet. */
  get waiting(): number {
    return this.#view.countReady()
  }

  claim(): Uint8Array | undefined {
    const { states, slots, planes, headers } = this.#view
    const { values, index } = this.counters
    for (let slot = 0; slot < slots; slot++) {
      if (Atomics.load(states, slot) !== FREE) continue
      Atomics.store(states, slot, FILLING)
      this.#slot = slot
      return planes[slot]
    }
    // The reader may take the slot between the look and the exchange; each time it does, one fewer is ready.
    for (let oldest = this.#view.ready('oldest'); oldest; oldest = this.#view.ready('oldest')) {
      const [slot, word] = oldest
      if (Atomics.compareExchange(states, slot, word, FILLING) !== word) continue
      values[index.overwritten]!++
      this.#broken ||= headers[slot]![6] !== 0
      this.#slot = slot
      return planes[slot]
    }
    values[index.refused]!++
    return undefined
  }

  commit(header: WindowHeader): void {
    const slot = this.#slot
    if (slot < 0) throw new Error('commit without claim')
    const h = this.#view.headers[slot]!
    h[0] = header.seq
    h[1] = header.tStartUs
    h[2] = header.tEndUs
    h[3] = header.events
    h[4] = header.eventsIn
    h[5] = header.gapUs
    h[6] = header.broken || this.#broken ? 1 : 0
    h[7] = header.hostUs
    this.#broken = false
    this.#slot = -1
    this.#stamp = (this.#stamp + 1) % STAMPS
    // Storing the state atomically publishes everything written before it.
    Atomics.store(this.#view.states, slot, (this.#stamp << STATE_BITS) | READY | 0)
    this.counters.values[this.counters.index.committed]!++
  }
}

export interface TakenFrame extends Frame {
  readonly slot: number
}

export const READER_COUNTERS = ['taken', 'skipped', 'missed'] as const

/**
 * The reading end. A taken frame belongs to the reader until `release`. `skipped` counts ready windows passed over by
 * takeNewest, `missed` windows that were gone before the reader came.
 */
export class FrameReader {
  readonly counters: Counters<(typeof READER_COUNTERS)[number]> = createCounters(READER_COUNTERS)
  readonly #view: PoolView
  #last: WindowHeader | undefined
  #skipped = 0
  #broken = false

  /** A new reader starts with nothing taken: what a reader before it left behind is free again. */
  constructor(memory: SharedArrayBuffer) {
    this.#view = new PoolView(memory)
    for (let slot = 0; slot < this.#view.slots; slot++) this.release(slot)
  }

  get size(): Size {
    return this.#view.size
  }

  /** Windows that wait. */
  get ready(): number {
    return this.#view.countReady()
  }

  /** The window that has waited longest, undefined if none is ready. */
  takeOldest(): TakenFrame | undefined {
    const slot = this.#takeSlot('oldest')
    return slot === undefined ? undefined : this.#frame(slot)
  }

  /** The newest window; older ones that wait are given back unseen. Undefined if none is ready. */
  takeNewest(): TakenFrame | undefined {
    const slot = this.#takeSlot('newest')
    if (slot === undefined) return undefined
    const word = Atomics.load(this.#view.states, slot)
    for (let older = this.#view.ready('oldest'); older; older = this.#view.ready('oldest')) {
      // Windows committed meanwhile are newer than ours and stay.
      if (!isOlder(older[1], word)) break
      if (!this.#exchange(older)) continue
      this.#skipped++
      this.#broken ||= this.#view.header(older[0]).broken
      this.release(older[0])
    }
    return this.#frame(slot)
  }

  /** Gives a slot back to the writer. Releasing a slot that is not taken does nothing. */
  release(slot: number): void {
    const { states } = this.#view
    const word = Atomics.load(states, slot)
    if ((word & TAKEN) === TAKEN) Atomics.store(states, slot, FREE)
  }

  #exchange([slot, word]: readonly [number, number]): boolean {
    return Atomics.compareExchange(this.#view.states, slot, word, word | TAKEN) === word
  }

  #takeSlot(which: 'oldest' | 'newest'): number | undefined {
    for (let found = this.#view.ready(which); found; found = this.#view.ready(which))
      if (this.#exchange(found)) return found[0]
    return undefined
  }

  #frame(slot: number): TakenFrame {
    const { values, index } = this.counters
    const written = this.#view.header(slot)
    const last = this.#last
    const gone = last === undefined ? 0 : Math.max(0, written.seq - last.seq - 1)
    const unseenUs = last === undefined || gone === 0 ? 0 : written.tStartUs - last.tEndUs
    const header = {
      ...written,
      gapUs: Math.max(written.gapUs, unseenUs),
      broken: written.broken || this.#broken,
    }
    values[index.taken]!++
    values[index.skipped]! += this.#skipped
    values[index.missed]! += Math.max(0, gone - this.#skipped)
    this.#skipped = 0
    this.#broken = false
    this.#last = written
    return { slot, header, ...this.#view.size, planes: this.#view.planes[slot]! }
  }
}
