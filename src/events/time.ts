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

export function wallUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000)
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
