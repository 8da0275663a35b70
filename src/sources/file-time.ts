import type { Clock } from '../events/time.js'
import { BACKWARD_RESTART_US } from './aedat4/events.js'

/**
 * Turns device time into file time: adds what makes it Unix time, settled once at the start and anew where device time
 * restarts, so that file time never goes back.
 */
export interface FileTime {
  /** Added to device time. */
  readonly offsetUs: number
  /** File time of the first data; −1 before it. */
  readonly firstUs: number
  readonly newestUs: number
  /** How often the offset was settled. */
  readonly anchors: number
  /** Whether the offset holds for device time `tUs`, or `anchor` must be called. */
  holds(tUs: number): boolean
  /** Settles the offset: device time `tUs` was received at monotonic host time `hostUs` (0: now). */
  anchor(tUs: number, hostUs: number): void
  /** File time has reached `fileUs`. */
  reach(fileUs: number): void
  /** Device time starts anew with the next data. */
  restart(): void
}

/** `tsOffsetUs` fixes the offset; it is still raised where time would go back. */
export function createFileTime(options: {
  clock: Clock
  tsOffsetUs?: number | undefined
}): FileTime {
  const { clock, tsOffsetUs } = options
  let anchored = false
  let offsetUs = 0
  let firstUs = -1
  let newestUs = 0
  let anchors = 0
  return {
    get offsetUs() {
      return offsetUs
    },
    get firstUs() {
      return firstUs
    },
    get newestUs() {
      return newestUs
    },
    get anchors() {
      return anchors
    },
    holds: (tUs) => anchored && tUs + offsetUs >= newestUs - BACKWARD_RESTART_US,
    anchor(tUs, hostUs) {
      const ageUs = hostUs > 0 ? Math.max(0, clock.nowUs() - hostUs) : 0
      const wanted = Math.round(tsOffsetUs ?? clock.wallUs() - ageUs - tUs)
      offsetUs = firstUs < 0 ? wanted : Math.max(wanted, newestUs + 1 - tUs)
      anchored = true
      anchors++
    },
    reach(fileUs) {
      if (firstUs < 0) firstUs = fileUs
      if (fileUs > newestUs) newestUs = fileUs
    },
    restart() {
      anchored = false
    },
  }
}
