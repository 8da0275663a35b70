import type { Clock } from '../events/time.js'

export interface NightlyOptions {
  readonly clock: Clock
  /** Done once a day. Must not reject. */
  readonly run: () => Promise<void>
}

/** The wall clock may be set meanwhile: looked at again after this. */
const LOOK_MS = 60_000
/** A time that was missed by more than this, because the clock was set, has passed. */
const GRACE_US = 3600e6
const DAY_US = 86_400e6

/** Does something once a day at a local time of day. */
export class Nightly {
  readonly #options: NightlyOptions
  #at: string | undefined
  #stop = new AbortController()

  constructor(options: NightlyOptions) {
    this.#options = options
  }

  /** `HH:MM`, local time; undefined: never. Takes effect at once. */
  set(at: string | undefined): void {
    if (at === this.#at) return
    this.#at = at
    this.close()
    this.#stop = new AbortController()
    if (at !== undefined) void this.#loop(at, this.#stop.signal)
  }

  /** Idempotent. What runs goes on. */
  close(): void {
    this.#stop.abort()
  }

  async #loop(at: string, signal: AbortSignal): Promise<void> {
    const { clock, run } = this.#options
    let nextUs = nextTime(clock.wallUs(), at)
    while (!signal.aborted) {
      const leftUs = nextUs - clock.wallUs()
      if (leftUs > 0 && leftUs < 1.1 * DAY_US) {
        await clock.sleep(Math.min(leftUs / 1000, LOOK_MS), signal).catch(() => {})
        continue
      }
      if (leftUs <= 0 && leftUs > -GRACE_US) await run()
      nextUs = nextTime(clock.wallUs(), at)
    }
  }
}

/** The next `HH:MM` of the local clock after a wall time. Microseconds since 1970. */
export function nextTime(afterUs: number, at: string): number {
  const [hours, minutes] = at.split(':').map(Number)
  const next = new Date(afterUs / 1000)
  next.setHours(hours!, minutes!, 0, 0)
  if (next.getTime() * 1000 <= afterUs) next.setDate(next.getDate() + 1)
  return next.getTime() * 1000
}
