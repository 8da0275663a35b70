import type { EventBatch } from '../../events/batch.js'

/** Events are counted in bins of this length; a burst is what fills one. */
const BIN_US = 10_000
const MOST_BINS = 6000

export interface RateReading {
  readonly seconds: number
  readonly perSecond: number
  /** Of the bins, as events a second. */
  readonly p99PerSecond: number
  readonly on: number
  readonly off: number
}

/** Event rate, bursts and polarities over a window that starts where it is told. */
export class RateMeter {
  readonly #bins = new Uint32Array(MOST_BINS)
  #startUs = Number.NaN
  #lastUs = Number.NaN
  #on = 0
  #events = 0

  /** The window starts at this device time; NaN: with the first thing that is told. */
  restart(startUs: number): void {
    this.#bins.fill(0)
    this.#startUs = startUs
    this.#lastUs = startUs
    this.#on = 0
    this.#events = 0
  }

  get seconds(): number {
    return Number.isNaN(this.#startUs) ? 0 : (this.#lastUs - this.#startUs) / 1e6
  }

  // hot
  /** Events `from`.. of the batch. */
  add(batch: EventBatch, from: number): void {
    const { length, t0Us, dtUs, on } = batch
    if (from >= length) return
    this.time(t0Us + dtUs[from]!)
    const bins = this.#bins
    const base = t0Us - this.#startUs
    let ons = 0
    for (let i = from; i < length; i++) {
      const bin = ((base + dtUs[i]!) / BIN_US) | 0
      if (bin < MOST_BINS) bins[bin]!++
      ons += on[i]!
    }
    this.#on += ons
    this.#events += length - from
    this.time(t0Us + dtUs[length - 1]!)
  }

  /** A silent stretch is part of the window, too. */
  time(tUs: number): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = tUs
    if (!(tUs < this.#lastUs)) this.#lastUs = tUs
  }

  read(): RateReading {
    const seconds = Math.max(1e-3, this.seconds)
    const whole = Math.min(MOST_BINS, Math.max(1, Math.floor((seconds * 1e6) / BIN_US)))
    const sorted = this.#bins.slice(0, whole).sort()
    const p99 = sorted[Math.min(whole - 1, Math.ceil(0.99 * whole) - 1)]!
    return {
      seconds,
      perSecond: this.#events / seconds,
      p99PerSecond: (p99 * 1e6) / BIN_US,
      on: this.#on,
      off: this.#events - this.#on,
    }
  }
}
