import type { Clock } from '../../events/time.js'
import type { BulkPipe } from './bulk-pipe.js'
import type { Davis346Model } from './model.js'
import type { Stimulus } from './stimulus.js'

/**
 * How device time follows the host. real: the injected clock. fast: as fast as the host reads, while the stimulus has
 * events and somebody reads; else real. manual: only `manualUs` moves time.
 */
export type Pace = 'real' | 'fast' | 'manual'

/** Device time that one turn of the event loop may cover when running ahead. */
const FAST_TURN_US = 64_000
const FAST_STEP_US = 1000
/**
 * A real camera that nobody reads loses data after some milliseconds. The emulator's own process may be scheduled late
 * and then owes more data than the waiting reads can take, which is not the host's fault: loss starts only when the
 * host has left the camera behind for this long, or when nobody has asked for so long that making up is pointless.
 * At the manual pace loss is exact.
 */
const GRACE_US = 100_000
const MAX_LAG_US = 1_000_000
/**
 * Device time that one turn makes up for while somebody reads. An emulator that is late shares its thread with the host:
 * what it owes in one go, the host would wait for with every control request.
 */
const REAL_TURN_US = 20_000

/** Brings a model to where its time should be and serves reads on the way. One for each power-up. */
export class Pacer {
  /** Uptime to reach at the manual pace. */
  manualUs = 0
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #stimulus: Stimulus
  /** Host time at uptime 0. */
  #bootUs: number
  /** Host time since when device time is late because nobody reads. */
  #behindSince: number | undefined

  constructor(options: { clock: Clock; pace: Pace; stimulus: Stimulus }) {
    this.#clock = options.clock
    this.#pace = options.pace
    this.#stimulus = options.stimulus
    this.#bootUs = Math.floor(this.#clock.nowUs())
  }

  /** Device time may run ahead of the clock. */
  ahead(model: Davis346Model, pipe: BulkPipe): boolean {
    return (
      this.#pace === 'fast' &&
      pipe.pending > 0 &&
      model.streaming &&
      model.watching &&
      !this.#stimulus.ended?.()
    )
  }

  serve(model: Davis346Model, pipe: BulkPipe): void {
    if (this.#pace === 'manual') {
      settle(model, pipe, { untilUs: this.manualUs, dropBeforeUs: this.manualUs })
      return
    }
    const hostUs = Math.floor(this.#clock.nowUs())
    if (this.#pace === 'fast') {
      const endUs = model.nowUs + FAST_TURN_US
      const startUs = model.nowUs
      while (model.nowUs < endUs && this.ahead(model, pipe)) {
        settle(model, pipe, { untilUs: model.nowUs + FAST_STEP_US, dropBeforeUs: 0 })
      }
      if (model.nowUs > startUs) this.#bootUs = hostUs - model.nowUs
    }
    const dueUs = Math.max(model.nowUs, hostUs - this.#bootUs)
    if (this.#pace === 'real' && model.streaming && pipe.pending > 0) {
      // A machine too slow for the emulation: to lose data takes as long as to send them, so time passes later.
      this.#bootUs += Math.max(0, dueUs - model.nowUs - MAX_LAG_US)
      this.#reach(Math.min(dueUs, model.nowUs + REAL_TURN_US), { model, pipe, hostUs })
    } else this.#reach(dueUs, { model, pipe, hostUs })
  }

  #reach(
    untilUs: number,
    { model, pipe, hostUs }: { model: Davis346Model; pipe: BulkPipe; hostUs: number },
  ): void {
    const lagUs = untilUs - settle(model, pipe, { untilUs, dropBeforeUs: 0 })
    if (this.#pace === 'fast') {
      // What the host was too slow for is not made up and not lost: time simply passes later.
      this.#bootUs = hostUs - model.nowUs
    } else if (lagUs === 0) {
      this.#behindSince = undefined
    } else {
      this.#behindSince ??= hostUs
      if (hostUs - this.#behindSince <= GRACE_US && lagUs <= MAX_LAG_US) return
      settle(model, pipe, { untilUs, dropBeforeUs: untilUs })
      this.#behindSince = undefined
    }
  }
}

/** Advances and serves in turn. Returns the uptime reached: less than `untilUs` when nobody reads enough. */
function settle(
  model: Davis346Model,
  pipe: BulkPipe,
  goal: { untilUs: number; dropBeforeUs: number },
): number {
  for (;;) {
    const reachedUs = model.advance(goal.untilUs, 0)
    if (pipe.serve(model.fifo)) continue
    if (reachedUs >= goal.dropBeforeUs) return reachedUs
    model.advance(goal.untilUs, goal.dropBeforeUs)
  }
}
