import type { Clock } from '../events/time.js'

/** Holds a replay back to the speed of its recording. */
export interface Pacer {
  /** Resolves when device time `tUs` is due. Rejects with the signal's reason when aborted. */
  until(tUs: number, signal: AbortSignal): Promise<void>
  /** Device time goes on at `tUs` from now: a restart of time is not waited for. */
  anchor(tUs: number): void
}

/** A wait longer than this comes from a damaged timestamp, and is not kept: the recording goes on at once. */
const LONGEST_WAIT_US = 60_000_000

/** Timers have 1 ms; shorter waits are left to add up. */
const SHORTEST_WAIT_US = 1000

export function createPacer(options: { pace: 'real' | 'fast'; clock: Clock }): Pacer {
  const { clock } = options
  if (options.pace === 'fast') return { until: async () => {}, anchor: () => {} }
  let deviceUs = -1
  let hostUs = 0
  const anchor = (tUs: number) => {
    deviceUs = tUs
    hostUs = clock.nowUs()
  }
  return {
    anchor,
    until: async (tUs, signal) => {
      if (tUs < 0) return
      if (deviceUs < 0) anchor(tUs)
      const waitUs = hostUs + (tUs - deviceUs) - clock.nowUs()
      if (waitUs < SHORTEST_WAIT_US || waitUs > LONGEST_WAIT_US) return
      await clock.sleep(waitUs / 1000, signal)
    },
  }
}
