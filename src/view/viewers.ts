import type { Clock } from '../events/time.js'

/** One page that looks. */
export interface Viewer {
  /** Windows it could have been shown at the configured rate, had it asked in time. */
  dropped: number
  /** What it was told last, by version; 0: nothing yet. */
  stateVersion: number
  panelsVersion: number
}

interface Seat extends Viewer {
  /** A request of it is being answered, or its answer has not left yet. */
  busy: boolean
  answeredUs: number
}

const ID = /^[a-z0-9]{8,32}$/
/** A page that has not asked for this long is gone, or hidden. */
const GONE_US = 5_000_000

export type Refused = 'unnamed' | 'busy' | 'full'

/**
 * The pages that look now. Each has at most one question open and at most one answer under way, so a slow one holds no
 * more memory than one window. Drop policy: a viewer that is slower than the rate gets the newest window when it asks,
 * and what it missed is counted; pages beyond the limit are refused, the newest first.
 */
export class Viewers {
  readonly #seats = new Map<string, Seat>()
  readonly #max: number
  readonly #periodUs: number
  readonly #clock: Clock
  readonly counts = { dropped: 0, refused: 0 }

  constructor(options: {
    readonly max: number
    readonly framesPerSecond: number
    readonly clock: Clock
  }) {
    this.#max = options.max
    this.#periodUs = 1e6 / options.framesPerSecond
    this.#clock = options.clock
  }

  get size(): number {
    this.#forget()
    return this.#seats.size
  }

  /** The page `id` asks for the next window. What is given back is its own until answered(). */
  ask(id: string): Viewer | Refused {
    if (!ID.test(id)) return 'unnamed'
    this.#forget()
    const seat = this.#seats.get(id)
    if (seat?.busy) return 'busy'
    if (seat !== undefined) {
      const missed = Math.floor((this.#clock.nowUs() - seat.answeredUs) / this.#periodUs)
      seat.dropped += missed
      this.counts.dropped += missed
      seat.busy = true
      return seat
    }
    if (this.#seats.size >= this.#max) {
      this.counts.refused++
      return 'full'
    }
    const fresh: Seat = {
      dropped: 0,
      stateVersion: 0,
      panelsVersion: -1,
      busy: true,
      answeredUs: 0,
    }
    this.#seats.set(id, fresh)
    return fresh
  }

  /** The answer has left, or the page has gone before it could. */
  answered(id: string): void {
    const seat = this.#seats.get(id)
    if (seat === undefined) return
    seat.busy = false
    seat.answeredUs = this.#clock.nowUs()
  }

  #forget(): void {
    const longAgo = this.#clock.nowUs() - GONE_US
    for (const [id, seat] of this.#seats) {
      if (!seat.busy && seat.answeredUs < longAgo) this.#seats.delete(id)
    }
  }
}
