/**
 * Waits that double from one failure to the next up to a limit, each spread by a quarter up and down so that several
 * programs that failed together do not retry together.
 */
export interface Backoff {
  /** Milliseconds to wait now. */
  next(): number
  /** The next wait is the first again. */
  reset(): void
}

export function createBackoff(options: {
  firstMs: number
  lastMs: number
  /** Uniform in [0, 1). */
  random: () => number
}): Backoff {
  const { firstMs, lastMs, random } = options
  let wait = firstMs
  return {
    next() {
      const now = wait
      wait = Math.min(lastMs, wait * 2)
      return now * (0.75 + random() / 2)
    },
    reset() {
      wait = firstMs
    },
  }
}
