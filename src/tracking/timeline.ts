import type { WindowHeader } from '../pipeline/frame.js'

/** How much device time a window brought, and whether what it shows can be trusted to be complete. */
export interface TimeStep {
  /** Since the end of the window before; 0 for the first one and when time went back. */
  readonly dtUs: number
  /** Data are missing in or before this window, or time restarted. */
  readonly torn: boolean
  /** This window, or one shortly before, was torn: the trajectory is still filling up. */
  readonly grace: boolean
}

export interface Timeline {
  /** End of the newest window, 0 before the first. */
  readonly tUs: number
  advance(header: WindowHeader): TimeStep
}

export function createTimeline(graceWindows: number): Timeline {
  let tUs = 0
  let started = false
  let grace = 0
  return {
    get tUs() {
      return tUs
    },
    advance({ tEndUs, gapUs, broken }) {
      const dtUs = started ? Math.max(0, tEndUs - tUs) : 0
      const torn = broken || gapUs > 0 || (started && tEndUs <= tUs)
      grace = torn ? graceWindows + 1 : Math.max(0, grace - 1)
      tUs = tEndUs
      started = true
      return { dtUs, torn, grace: grace > 0 }
    },
  }
}
