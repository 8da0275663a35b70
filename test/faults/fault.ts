import type { FaultBench } from './bench.js'

/** A fault by name: what is done, what is promised; `run` throws where the promise is broken. */
export interface Fault {
  readonly name: string
  readonly title: string
  readonly promise: string
  /** In the short set, which runs with the other tests. */
  readonly short: boolean
  /** Why it cannot run on this machine. */
  readonly skip?: () => string | false
  /** `rounds` is 1 in the short set. Gives what was counted and measured. */
  readonly run: (
    bench: FaultBench,
    rounds: number,
  ) => Promise<Readonly<Record<string, number | string>>>
}

export const needsRoot = () => (process.getuid?.() === 0 ? false : 'needs root')

/** Descriptors and memory may not grow from one look to the next beyond what a fault may leave in buffers. */
export function expectNoGrowth(
  before: { descriptors: number; rssMb: number },
  after: { descriptors: number; rssMb: number },
): { descriptors: number; rss_mb: number } {
  const descriptors = after.descriptors - before.descriptors
  const rss = Math.round(after.rssMb - before.rssMb)
  if (descriptors > 2) throw new Error(`${descriptors} file descriptors more than before`)
  if (rss > 60) throw new Error(`${rss} MB more resident than before`)
  return { descriptors, rss_mb: rss }
}
