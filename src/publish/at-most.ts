import type { Clock } from '../events/time.js'

/** Resolves when the work is done or the time is over, whichever comes first. */
export async function atMost(
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
  work: Promise<void>,
): Promise<void> {
  const done = new AbortController()
  const deadline = clock.sleep(ms, done.signal).catch(() => {})
  await Promise.race([work, deadline])
  done.abort()
}
