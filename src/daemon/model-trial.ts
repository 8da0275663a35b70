/** Windows over which a new network is judged, and over which the one before is remembered. */
export const TRIAL_WINDOWS = 50
/** Share of the windows that a new network may lose beyond what the one before lost. */
const MORE_LOST = 0.1

/** Share of windows that went by untracked, over the last ones. */
export class LossShare {
  readonly #lost = new Float64Array(TRIAL_WINDOWS)
  #tracked = 0

  /** One window was tracked, after `lost` others had gone by. */
  add(lost: number): void {
    this.#lost[this.#tracked++ % TRIAL_WINDOWS] = lost
  }

  /** Windows that are known of, tracked or lost. */
  get windows(): number {
    return Math.min(this.#tracked, TRIAL_WINDOWS) + this.#sum()
  }

  get share(): number {
    const { windows } = this
    return windows === 0 ? 0 : this.#sum() / windows
  }

  #sum(): number {
    return this.#lost.reduce((sum, lost) => sum + lost, 0)
  }
}

/** The first windows of a new network: whether it keeps up as well as the one before did. */
export class ModelTrial {
  readonly #allowed: number
  readonly #loss = new LossShare()
  #warm = false
  #searched = false

  /** `usual`: share of the windows that are lost anyway. */
  constructor(usual: number) {
    this.#allowed = usual + MORE_LOST
  }

  /**
   * One window was tracked, `searches` targets were searched for in it, and `lost` windows went by since the one before.
   * What is lost is the fault of the window before, and the very first search only warms up.
   */
  step(searches: number, lost: number): 'open' | 'passed' | 'failed' {
    if (this.#searched && this.#warm) this.#loss.add(lost)
    this.#warm ||= this.#searched
    this.#searched = searches > 0
    if (this.#loss.windows < TRIAL_WINDOWS) return 'open'
    return this.#loss.share > this.#allowed ? 'failed' : 'passed'
  }

  get share(): number {
    return this.#loss.share
  }
}
