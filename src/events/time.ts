/**
 * Two clocks: device time (`t`, `…Us` of events) orders data; host time (`at`, `hostUs`) says when it was received.
 * Host time is the monotonic clock, shared by all threads of the machine.
 */
export interface Clock {
  /** Monotonic host time in microseconds. */
  nowUs(): number
  /** Wall-clock time, microseconds since 1970. */
  wallUs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Microseconds of CLOCK_MONOTONIC: comparable between threads and processes of one boot. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** Wall clock less monotonic clock, microseconds. */
let wallOffsetUs = Number.NaN
/** Further apart than reading two clocks explains: somebody has set the wall clock. */
const CLOCK_SET_US = 5000

/**
 * Wall-clock time in microseconds since 1970. Runs with the monotonic clock, finer than Date, and follows when the wall
 * clock is set: a board without a battery learns the time long after start.
 */
export function wallUs(): number {
  const now = nowUs()
  const coarse = Date.now() * 1000
  if (!(Math.abs(coarse - (now + wallOffsetUs)) <= CLOCK_SET_US)) wallOffsetUs = coarse - now
  return Math.round(now + wallOffsetUs)
}

export const systemClock: Clock = {
  nowUs,
  wallUs,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}
