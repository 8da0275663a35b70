import type { Clock } from '../../src/events/time.js'

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #us = 0
  #wall: number
  #sleepers: { atUs: number; wake: () => void }[] = []

  constructor(wallUs = 1_700_000_000_000_000) {
    this.#wall = wallUs
  }

  nowUs(): number {
    return this.#us
  }

  wallUs(): number {
    return this.#wall + this.#us
  }

  /** Somebody sets the wall clock; monotonic time does not see it. */
  setWall(wallUs: number): void {
    this.#wall = wallUs - this.#us
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      const wake = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const sleeper = { atUs: this.#us + ms * 1000, wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves on and wakes who is due, earliest first; what they do next has happened when this resolves. */
  async advance(ms: number): Promise<void> {
    const endUs = this.#us + ms * 1000
    for (;;) {
      await settle()
      this.#sleepers.sort((a, b) => a.atUs - b.atUs)
      const next = this.#sleepers[0]
      if (next === undefined || next.atUs > endUs) break
      this.#sleepers.shift()
      this.#us = Math.max(this.#us, next.atUs)
      next.wake()
    }
    this.#us = endUs
    await settle()
  }
}

/** Lets promises that are ready run to their end. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
