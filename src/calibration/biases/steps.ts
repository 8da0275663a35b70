import type { Seen } from './controller.js'
import type { Knobs } from './knobs.js'

/** One reading and what was made of it. */
export interface Step {
  /** End of the reading, seconds since the start. */
  readonly atSeconds: number
  readonly knobs: Knobs
  readonly seen: Seen
  /** Why something was turned, or could not be; '' when all was well. */
  readonly why: string
}
