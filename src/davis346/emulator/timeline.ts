import { WRAP_US } from '../words.js'
import type { PacketFifo } from './packet-fifo.js'

const RESET_WORD = 0x0001
/** The wrap count of a word has 12 bits; the logic resets its counter when more wraps are waiting. */
const MAX_WRAPS = 4095

/**
 * Puts time into the stream, as the logic's multiplexer does: resets before wraps before data; a timestamp word only
 * before a word that needs one and only when its value changed; no word for the value 0 after a wrap, since the wrap
 * itself says so. Wraps that cannot be sent are counted and leave as one word.
 */
export class Timeline {
  /** Time of the stream as the host knows it: the value of the last timestamp, wrap or reset. */
  lastUs = 0
  #resetPending = false
  readonly #fifo: PacketFifo
  readonly #scratch = new Uint16Array(2)

  constructor(fifo: PacketFifo) {
    this.#fifo = fifo
  }

  /** The multiplexer was switched on: a host that starts at 0 needs all wraps of `counterUs`. */
  restart(): void {
    this.lastUs = 0
  }

  /** The counter has gone back to 0; the host hears it as soon as there is room. */
  reset(): void {
    this.#resetPending = true
    this.lastUs = 0
  }

  /** Wraps the host must still hear of before data of `counterUs`. */
  pendingWraps(counterUs: number): number {
    return Math.floor(counterUs / WRAP_US) - Math.floor(this.lastUs / WRAP_US)
  }

  /** Sends a waiting reset and waiting wraps. False when there was no room. */
  catchUp(counterUs: number): boolean {
    if (this.#resetPending) {
      if (this.#fifo.freeWords < 1) return false
      this.#send(RESET_WORD)
      this.#resetPending = false
    }
    const wraps = this.pendingWraps(counterUs)
    if (wraps === 0) return true
    if (this.#fifo.freeWords < 1) return false
    this.#send(0x7000 | Math.min(wraps, MAX_WRAPS))
    this.lastUs = (Math.floor(this.lastUs / WRAP_US) + Math.min(wraps, MAX_WRAPS)) * WRAP_US
    return wraps <= MAX_WRAPS
  }

  /** Makes the stream's time `counterUs`. False, with nothing half sent, when there was no room. */
  stamp(counterUs: number): boolean {
    if (this.#fifo.freeWords < 3) return false
    this.catchUp(counterUs)
    if (counterUs > this.lastUs) {
      this.#send(0x8000 | (counterUs % WRAP_US))
      this.lastUs = counterUs
    }
    return true
  }

  #send(word: number): void {
    this.#scratch[0] = word
    this.#fifo.push(this.#scratch, 0, 1)
  }
}
