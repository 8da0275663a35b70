import type { Clock } from '../events/time.js'

/** A token bucket: `burst` at once, `perSecond` in the long run. */
export class TokenBucket {
  readonly #perUs: number
  readonly #burst: number
  readonly #clock: Clock
  #tokens: number
  #atUs: number

  constructor(options: { perSecond: number; burst: number; clock: Clock }) {
    this.#perUs = options.perSecond / 1e6
    this.#burst = Math.max(1, options.burst)
    this.#clock = options.clock
    this.#tokens = this.#burst
    this.#atUs = options.clock.nowUs()
  }

  take(): boolean {
    const now = this.#clock.nowUs()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#atUs) * this.#perUs)
    this.#atUs = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Milliseconds until a token is there, after take() said no. */
  waitMs(): number {
    return Math.max(1, Math.ceil((1 - this.#tokens) / this.#perUs / 1000))
  }
}
