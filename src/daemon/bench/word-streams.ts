import {
  columnWord,
  rowWord,
  timestampWord,
  WRAP_US,
  wordsToBytes,
  wrapWord,
} from '../../davis346/words.js'
import { createBatch, type EventBatch } from '../../events/batch.js'
import { DAVIS346_SIZE } from '../../events/geometry.js'
import { createRng } from '../../sources/scene/rng.js'

/**
 * A piece of the camera's byte stream that can be played again and again: it starts at a wrap and lasts a whole number
 * of wraps, so device time goes on from one round to the next.
 */
export interface WordStream {
  readonly name: string
  /** USB transfers, views of one buffer. */
  readonly transfers: readonly Uint8Array[]
  readonly events: number
  /** Device time of one round. */
  readonly spanUs: number
}

/** What a bulk transfer carries at most, as the driver asks for it by default. */
const TRANSFER_BYTES = 65536

/** Collects words. The wraps must not go back. */
class WordWriter {
  #words = new Uint16Array(1 << 20)
  #length = 0
  #wraps = 0
  events = 0

  push(word: number): void {
    if (this.#length === this.#words.length) {
      const longer = new Uint16Array(2 * this.#length)
      longer.set(this.#words)
      this.#words = longer
    }
    this.#words[this.#length++] = word
  }

  wrapTo(wraps: number): void {
    for (; this.#wraps < wraps; this.#wraps++) this.push(wrapWord(1))
  }

  finish(name: string, wraps: number): WordStream {
    this.wrapTo(wraps)
    const bytes = wordsToBytes(this.#words.subarray(0, this.#length))
    const transfers: Uint8Array[] = []
    for (let i = 0; i < bytes.length; i += TRANSFER_BYTES)
      transfers.push(bytes.subarray(i, i + TRANSFER_BYTES))
    return { name, transfers, events: this.events, spanUs: wraps * WRAP_US }
  }
}

/**
 * The worst the wire can carry: a timestamp, a row and a column word for every event, all over the sensor, so that no
 * address helps to guess the next. `eventsPerUs` is how dense device time is: 12 is the sensor's documented maximum (a
 * timestamp is then repeated for events of the same microsecond), 1 gives every event a time of its own.
 */
export function worstStream(options: {
  eventsPerUs: number
  wraps: number
  seed?: number
}): WordStream {
  const rng = createRng(options.seed ?? 1)
  const writer = new WordWriter()
  const { width, height } = DAVIS346_SIZE
  const count = Math.floor(options.eventsPerUs * options.wraps * WRAP_US)
  for (let i = 0; i < count; i++) {
    const tUs = Math.floor(i / options.eventsPerUs)
    writer.wrapTo(Math.floor(tUs / WRAP_US))
    writer.push(timestampWord(tUs))
    writer.push(rowWord(rng.int(height)))
    writer.push(columnWord(rng.int(width), rng.int(2)))
  }
  writer.events = count
  return writer.finish(`worst, ${options.eventsPerUs} events/us`, options.wraps)
}

/** Anything that plays events from time 0 on, as a scene does. */
export interface EventPlayer {
  readonly name: string
  advance(untilUs: number, onBatch: (batch: EventBatch) => void): void
}

/**
 * A scene as the camera would send it: a timestamp word when time changes, a row word when the row does. Plays the
 * scene for `wraps` wraps after `skipWraps` (a scene's first moments are not typical).
 */
export function sceneStream(
  scene: EventPlayer,
  options: { wraps: number; skipWraps?: number },
): WordStream {
  const skipUs = (options.skipWraps ?? 0) * WRAP_US
  const writer = new WordWriter()
  let lastUs = -1
  let row = -1
  if (skipUs > 0) scene.advance(skipUs, () => {})
  scene.advance(skipUs + options.wraps * WRAP_US, (batch) => {
    for (let i = 0; i < batch.length; i++) {
      const tUs = batch.t0Us + batch.dtUs[i]! - skipUs
      if (tUs !== lastUs) {
        writer.wrapTo(Math.floor(tUs / WRAP_US))
        // A wrap word says time 0 itself.
        if (tUs % WRAP_US !== 0) writer.push(timestampWord(tUs))
        lastUs = tUs
        row = -1
      }
      if (batch.y[i] !== row) {
        row = batch.y[i]!
        writer.push(rowWord(row))
      }
      writer.push(columnWord(batch.x[i]!, batch.on[i]!))
      writer.events++
    }
  })
  return writer.finish(`scene ${scene.name}`, options.wraps)
}

/**
 * Moving outlines without the cost of a simulation, at any density: eight squares drift over the sensor, rows of their
 * edges fire together, and a twentieth of the events is noise. Seeded; time order; at most a batch at a time.
 */
export function outlinePlayer(options: { eventsPerUs: number; seed?: number }): EventPlayer {
  const rng = createRng(options.seed ?? 1)
  const { width, height } = DAVIS346_SIZE
  const batch = createBatch(4096)
  const squares = Array.from({ length: 8 }, () => ({
    x: rng.range(0, width),
    y: rng.range(0, height),
    vx: rng.range(-300, 300),
    vy: rng.range(-300, 300),
    side: 16 + rng.int(32),
  }))
  let count = 0
  const fire = (tUs: number, x: number, y: number): void => {
    const n = batch.length++
    batch.dtUs[n] = tUs - batch.t0Us
    batch.x[n] = ((Math.floor(x) % width) + width) % width
    batch.y[n] = ((Math.floor(y) % height) + height) % height
    batch.on[n] = rng.int(2)
    count++
  }
  const burst = (tUs: number): void => {
    if (rng.chance(0.15)) {
      fire(tUs, rng.int(width), rng.int(height))
      return
    }
    const s = rng.pick(squares)
    const x = s.x + (s.vx * tUs) / 1e6 + (rng.chance(0.5) ? s.side : 0)
    const y = s.y + (s.vy * tUs) / 1e6 + rng.int(s.side)
    for (let i = 1 + rng.int(4); i > 0; i--) fire(tUs, x + i, y)
  }
  return {
    name: `outlines, ${options.eventsPerUs} events/us`,
    advance(untilUs, onBatch) {
      const flush = (): void => {
        if (batch.length > 0) onBatch(batch)
        batch.length = 0
      }
      for (;;) {
        const tUs = Math.floor(count / options.eventsPerUs)
        if (tUs >= untilUs) break
        if (batch.length === 0) batch.t0Us = tUs
        burst(tUs)
        if (batch.length > batch.capacity - 8) flush()
      }
      flush()
    },
  }
}
