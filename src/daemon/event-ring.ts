import type { PixelResponse } from '../davis346/pixel-response.js'
import { createBatch, type EventBatch } from '../events/batch.js'
import type { Size } from '../events/geometry.js'

/**
 * Simulated events on their way from the thread that simulates a scene to the thread that emulates the camera: a ring
 * of chunks in shared memory, one writer, one reader. Not part of the data path of a real camera.
 *
 * A chunk holds events before its `untilUs`. Both sides block: the writer while the ring is full (it is a whole ring
 * ahead then), the reader, for at most `MAX_WAIT_MS` and once, when it is empty. Nothing is dropped.
 */
const CHUNKS = 96
const CHUNK_EVENTS = 8192
const HEADER_BYTES = 64
const CHUNK_HEADER_BYTES = 32
const CHUNK_BYTES = CHUNK_HEADER_BYTES + CHUNK_EVENTS * 9 + ((CHUNK_EVENTS * 9) % 8)
const MAX_WAIT_MS = 50

/** Indices in the header: chunks written, chunks read, 1 when the reader has gone, changes of the pixels' biases. */
const WRITTEN = 0
const READ = 1
const CLOSED = 2
const BIASED = 3
/** The pixels' answer under their biases, four doubles behind the indices. */
const RESPONSE_AT = 16

export interface EventRing {
  readonly memory: SharedArrayBuffer
  readonly size: Size
}

export function createEventRing(size: Size): EventRing {
  const pictureBytes = 2 * size.width * size.height
  return { memory: new SharedArrayBuffer(HEADER_BYTES + CHUNKS * CHUNK_BYTES + pictureBytes), size }
}

interface Chunk {
  /** t0Us, untilUs, length */
  readonly header: Float64Array
  readonly batch: EventBatch
}

function chunkAt(ring: EventRing, i: number): Chunk {
  const at = HEADER_BYTES + i * CHUNK_BYTES
  const events = at + CHUNK_HEADER_BYTES
  const { memory } = ring
  return {
    header: new Float64Array(memory, at, 4),
    batch: {
      ...createBatch(0),
      capacity: CHUNK_EVENTS,
      dtUs: new Uint32Array(memory, events, CHUNK_EVENTS),
      x: new Uint16Array(memory, events + 4 * CHUNK_EVENTS, CHUNK_EVENTS),
      y: new Uint16Array(memory, events + 6 * CHUNK_EVENTS, CHUNK_EVENTS),
      on: new Uint8Array(memory, events + 8 * CHUNK_EVENTS, CHUNK_EVENTS),
    },
  }
}

function parts(ring: EventRing) {
  return {
    header: new Int32Array(ring.memory, 0, RESPONSE_AT / 4),
    response: new Float64Array(ring.memory, RESPONSE_AT, 4),
    chunks: Array.from({ length: CHUNKS }, (_, i) => chunkAt(ring, i)),
    picture: new Uint16Array(ring.memory, HEADER_BYTES + CHUNKS * CHUNK_BYTES),
  }
}

export class EventRingWriter {
  readonly picture: Uint16Array
  readonly #header: Int32Array
  readonly #response: Float64Array
  #biased = 0
  readonly #chunks: readonly Chunk[]

  constructor(ring: EventRing) {
    const { header, response, chunks, picture } = parts(ring)
    this.#header = header
    this.#response = response
    this.#chunks = chunks
    this.picture = picture
  }

  /** What the camera's biases make of the pixels; undefined when that is known already. */
  bias(): PixelResponse | undefined {
    const biased = Atomics.load(this.#header, BIASED)
    // Odd while the reader writes: the next call sees it whole.
    if (biased === this.#biased || biased % 2 === 1) return undefined
    const [onThreshold, offThreshold, refractoryUs, bandwidthHz] = this.#response.slice()
    if (Atomics.load(this.#header, BIASED) !== biased) return undefined
    this.#biased = biased
    return {
      onThreshold: onThreshold!,
      offThreshold: offThreshold!,
      refractoryUs: refractoryUs!,
      bandwidthHz: bandwidthHz!,
    }
  }

  /** Appends a batch (in as many chunks as it needs; an empty one still says that time reached `untilUs`). */
  write(batch: EventBatch, untilUs: number): 'written' | 'closed' {
    for (let start = 0; start === 0 || start < batch.length; start += CHUNK_EVENTS) {
      const chunk = this.#claim()
      if (chunk === undefined) return 'closed'
      const end = Math.min(batch.length, start + CHUNK_EVENTS)
      chunk.batch.dtUs.set(batch.dtUs.subarray(start, end))
      chunk.batch.x.set(batch.x.subarray(start, end))
      chunk.batch.y.set(batch.y.subarray(start, end))
      chunk.batch.on.set(batch.on.subarray(start, end))
      chunk.header[0] = batch.t0Us
      chunk.header[1] = untilUs
      chunk.header[2] = end - start
      Atomics.add(this.#header, WRITTEN, 1)
      Atomics.notify(this.#header, WRITTEN)
    }
    return 'written'
  }

  #claim(): Chunk | undefined {
    const header = this.#header
    for (;;) {
      if (Atomics.load(header, CLOSED) === 1) return undefined
      const written = Atomics.load(header, WRITTEN)
      const read = Atomics.load(header, READ)
      if (written - read < CHUNKS) return this.#chunks[written % CHUNKS]
      Atomics.wait(header, READ, read, 1000)
    }
  }
}

export class EventRingReader {
  /** Newest picture of the scene, linear intensity 0..65472. */
  readonly picture: Uint16Array
  /** Times the simulation was not ready when its events were due. */
  late = 0
  readonly #header: Int32Array
  readonly #response: Float64Array
  readonly #chunks: readonly Chunk[]
  #held = false
  #behind = false

  constructor(ring: EventRing) {
    const { header, response, chunks, picture } = parts(ring)
    this.#header = header
    this.#response = response
    this.#chunks = chunks
    this.picture = picture
  }

  /** Takes effect where the simulation is, at most a ring ahead. */
  bias({ onThreshold, offThreshold, refractoryUs, bandwidthHz }: PixelResponse): void {
    Atomics.add(this.#header, BIASED, 1)
    this.#response.set([onThreshold, offThreshold, refractoryUs, bandwidthHz])
    Atomics.add(this.#header, BIASED, 1)
  }

  /** The next batch whose events all lie before `untilUs`, borrowed until the next call; undefined when there is none. */
  next(untilUs: number): EventBatch | undefined {
    const header = this.#header
    for (;;) {
      if (this.#held) {
        this.#held = false
        Atomics.add(header, READ, 1)
        Atomics.notify(header, READ)
      }
      const read = Atomics.load(header, READ)
      if (Atomics.load(header, WRITTEN) === read) {
        // A simulation slower than time itself is waited for once, not at every call: this thread has other work.
        if (this.#behind) return undefined
        Atomics.wait(header, WRITTEN, read, MAX_WAIT_MS)
        if (Atomics.load(header, WRITTEN) === read) {
          this.late++
          this.#behind = true
          return undefined
        }
      }
      this.#behind = false
      const chunk = this.#chunks[read % CHUNKS]!
      if (chunk.header[1]! > untilUs) return undefined
      this.#held = true
      const { batch } = chunk
      batch.t0Us = chunk.header[0]!
      batch.length = chunk.header[2]!
      if (batch.length > 0) return batch
    }
  }

  close(): void {
    Atomics.store(this.#header, CLOSED, 1)
    Atomics.notify(this.#header, READ)
  }
}
