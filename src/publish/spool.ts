import { mkdirSync } from 'node:fs'
import { createCounters } from '../events/counters.js'
import type { Clock } from '../events/time.js'
import {
  createSegment,
  encodeLine,
  loadSegment,
  recoverSegments,
  removeSegment,
  rewriteSegment,
  SEGMENT_BYTES,
  type Segment,
  type SpoolEntry,
  type SpoolRecord,
  writeSegment,
} from './spool-segment.js'

export interface SpoolOptions {
  /** Folder of the segment files, made if absent; only one process may use it. Without it, memory only. */
  readonly dir?: string
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** What may wait in memory while the disk takes nothing. */
  readonly maxMemoryBytes?: number
  readonly clock: Clock
}

export const SPOOL_COUNTERS = [
  'appended',
  'acknowledged',
  'dropped_size',
  'dropped_age',
  'dropped_memory',
  'corrupt',
  'write_errors',
] as const

export interface SpoolStats extends Record<(typeof SPOOL_COUNTERS)[number], number> {
  readonly pending: number
  readonly pending_bytes: number
  /** False while records are kept in memory only. */
  readonly disk: boolean
}

/** Records rest this long in memory first: one that is acknowledged sooner never wears the flash. */
const WRITE_DELAY_MS = 250
/** How long a disk that failed is left alone. */
const RETRY_MS = 10_000

/**
 * A first-in-first-out store of messages that must survive an outage of the broker and a restart of the daemon:
 * append, take, acknowledge. Segments of 64 KiB, each removed when all of its records are acknowledged.
 *
 * - Bounded by size and age: the oldest go first (whole segments for size), counted. While the disk takes nothing,
 *   records stay in memory, bounded too, newest kept.
 * - After a crash or a power cut the last segment may have lost the records of the last quarter second, and a torn last
 *   line is skipped: what is written is synced. Records acknowledged in a half-finished segment come again: delivery is
 *   at least once.
 * - Age runs on the monotonic clock, so that setting the wall clock (a board that hears of the time for the first time)
 *   makes nothing old.
 * - File access is synchronous on purpose: at most one small write a quarter second, and only while the broker does
 *   not keep up, when nothing else is being published.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #counters = createCounters(SPOOL_COUNTERS)
  readonly #segments: Segment[] = []
  readonly #closing = new AbortController()
  #nextId = 1
  #bytes = 0
  /** Index of the next entry of the oldest segment to hand out. */
  #cursor = 0
  #flushPlanned = false
  #diskOk: boolean
  #retryAtUs = 0

  /** Opens the folder and counts what an earlier run left. Never throws: without a usable disk it works in memory. */
  constructor(options: SpoolOptions) {
    this.#options = options
    this.#diskOk = options.dir !== undefined
    if (options.dir !== undefined) this.#guard(() => this.#recover(options.dir!))
    // What could not be looked at may still be there: numbers far above it keep its files from being overwritten.
    if (!this.#diskOk) this.#nextId = Math.floor(options.clock.wallUs() / 1e6)
    this.#enforce()
  }

  stats(): SpoolStats {
    return {
      ...this.#counters.snapshot(),
      pending: this.#segments.reduce((sum, segment) => sum + segment.pending, 0),
      pending_bytes: this.#bytes,
      disk: this.#diskOk,
    }
  }

  /** True when nothing waits for an acknowledgement. */
  get empty(): boolean {
    return this.#segments.length === 0
  }

  /** True when every record was handed out, acknowledged or not. */
  get caughtUp(): boolean {
    const head = this.#segments[0]
    if (head === undefined) return true
    return this.#segments.length === 1 && this.#cursor >= (head.entries?.length ?? Infinity)
  }

  append(record: SpoolRecord, tag = 0): void {
    const bytes = Buffer.byteLength(encodeLine(record))
    if (bytes > SEGMENT_BYTES) {
      this.#count('dropped_size', 1)
      return
    }
    this.#count('appended', 1)
    const segment = this.#openSegment(bytes)
    const sinceUs = this.#options.clock.nowUs()
    segment.entries!.push({ ...record, segment, tag, bytes, sinceUs, done: false })
    segment.pending += 1
    segment.bytes += bytes
    this.#bytes += bytes
    segment.newestSinceUs = sinceUs
    this.#enforce()
    this.#planFlush(WRITE_DELAY_MS)
  }

  /** The next record not handed out yet, without moving on. Undefined at the end. */
  peek(): SpoolEntry | undefined {
    const oldestUs = this.#options.clock.nowUs() - this.#options.maxAgeMs * 1000
    for (;;) {
      const head = this.#segments[0]
      if (head === undefined) return undefined
      if (head.entries === undefined) this.#count('corrupt', loadSegment(head))
      const entry = head.entries?.[this.#cursor]
      // Records of the next segment wait until this one is acknowledged: one round trip in some hundred records.
      if (entry === undefined) {
        if (head.pending > 0) return undefined
        this.#remove(0)
      } else if (entry.done) {
        this.#cursor += 1
      } else if (entry.sinceUs < oldestUs) {
        this.#finish(entry, 'dropped_age')
      } else {
        return entry
      }
    }
  }

  /** Hands out what peek() shows. It stays in the spool until it is acknowledged. */
  take(): SpoolEntry | undefined {
    const entry = this.peek()
    if (entry !== undefined) this.#cursor += 1
    return entry
  }

  /** The record arrived, or never will. Unknown and repeated acknowledgements are ignored. */
  acknowledge(entry: SpoolEntry): void {
    if (entry.segment === this.#segments[0] && !entry.done) this.#finish(entry, 'acknowledged')
  }

  /** Hands out again everything that was not acknowledged. */
  rewind(): void {
    this.#cursor = 0
  }

  /** Writes what waits in memory. */
  flush(): void {
    if (this.#options.dir === undefined) return
    if (!this.#diskOk && this.#options.clock.nowUs() < this.#retryAtUs) return
    this.#guard(() => {
      mkdirSync(this.#options.dir!, { recursive: true })
      for (const segment of this.#segments) {
        if (segment.entries === undefined) continue
        writeSegment(segment)
        // The open segment and the one being sent stay in memory, the others wait on disk.
        if (segment !== this.#segments[0] && segment !== this.#segments.at(-1)) {
          segment.entries = undefined
        }
      }
      this.#diskOk = true
    })
    this.#enforce()
  }

  /** Writes everything down; a half-sent segment keeps only what was not acknowledged. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.flush()
    const head = this.#segments[0]
    if (head?.entries?.some((entry) => entry.done) && head.fileBytes > 0) {
      this.#guard(() => rewriteSegment(head))
    }
  }

  #openSegment(bytes: number): Segment {
    const last = this.#segments.at(-1)
    if (last !== undefined && !last.sealed && last.bytes + bytes <= SEGMENT_BYTES) return last
    if (last !== undefined) last.sealed = true
    const segment = createSegment(this.#options.dir ?? '', this.#nextId++)
    this.#segments.push(segment)
    return segment
  }

  #finish(entry: SpoolEntry, counter: (typeof SPOOL_COUNTERS)[number]): void {
    entry.done = true
    entry.segment.pending -= 1
    this.#count(counter, 1)
    if (entry.segment.pending === 0) this.#remove(0)
  }

  // Drop policy: the oldest segment goes when all are too large together or it is too old, and the oldest unwritten one
  // when memory is full; counted as dropped_size, dropped_age and dropped_memory.
  #enforce(): void {
    const { maxBytes, maxAgeMs, maxMemoryBytes = 1_048_576, clock } = this.#options
    const segments = this.#segments
    while (segments.length > 1 && this.#bytes > maxBytes) this.#drop(0, 'dropped_size')
    const oldestUs = clock.nowUs() - maxAgeMs * 1000
    while (segments[0] && segments[0].newestSinceUs < oldestUs) this.#drop(0, 'dropped_age')
    if (this.#unwritten() <= Math.min(SEGMENT_BYTES, maxMemoryBytes)) return
    if (this.#diskOk) this.flush()
    while (segments.length > 1 && this.#unwritten() > maxMemoryBytes) {
      this.#drop(segments.findIndex(isUnwritten), 'dropped_memory')
    }
  }

  #drop(index: number, counter: 'dropped_size' | 'dropped_age' | 'dropped_memory'): void {
    this.#count(counter, this.#segments[index]!.pending)
    this.#remove(index)
  }

  #remove(index: number): void {
    const segment = this.#segments[index]!
    this.#segments.splice(index, 1)
    if (index === 0) this.#cursor = 0
    this.#bytes -= segment.bytes
    this.#guard(() => removeSegment(segment))
  }

  /** Bytes in memory only. What is not written is newest, so the search ends at the first segment without entries. */
  #unwritten(): number {
    let bytes = 0
    for (let s = this.#segments.length - 1; s >= 0; s--) {
      const { entries, written } = this.#segments[s]!
      if (entries === undefined) break
      for (let i = written; i < entries.length; i++) bytes += entries[i]!.bytes
    }
    return bytes
  }

  #recover(dir: string): void {
    const { segments, corrupt } = recoverSegments(dir, this.#options.clock)
    this.#count('corrupt', corrupt)
    this.#segments.push(...segments)
    this.#nextId = (segments.at(-1)?.id ?? 0) + 1
    for (const segment of segments) this.#bytes += segment.bytes
  }

  #planFlush(delayMs: number): void {
    if (this.#flushPlanned || this.#options.dir === undefined) return
    this.#flushPlanned = true
    const flush = () => {
      this.#flushPlanned = false
      this.flush()
      if (!this.#diskOk) this.#planFlush(RETRY_MS)
    }
    this.#options.clock.sleep(delayMs, this.#closing.signal).then(flush, () => {})
  }

  /** A disk that fails is a state, counted, and tried again later. */
  #guard(access: () => void): void {
    try {
      access()
    } catch {
      this.#count('write_errors', 1)
      this.#diskOk = false
      this.#retryAtUs = this.#options.clock.nowUs() + RETRY_MS * 1000
    }
  }

  #count(name: (typeof SPOOL_COUNTERS)[number], by: number): void {
    this.#counters.values[this.#counters.index[name]]! += by
  }
}

function isUnwritten(segment: Segment): boolean {
  return segment.entries !== undefined && segment.written < segment.entries.length
}
