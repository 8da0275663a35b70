/** Windows over which a new network is judged, and over which the one before is remembered. */
export const TRIAL_WINDOWS = 100
/** Share of the windows that a new network may lose beyond what the one before lost. */
const MORE_LOST = 0.1
/** A search that takes no longer than this many times what it took before is not why windows are lost. */
const SLOWER = 1.25

/** What became of one window. */
export interface WindowCost {
  /** Targets searched for. */
  readonly searches: number
  /** Milliseconds of the network. */
  readonly ms: number
  /** Windows that went by untracked since the one before. */
  readonly lost: number
}

/** How a network has kept up over its last windows. */
export class Pace {
  readonly #lost = new Float64Array(TRIAL_WINDOWS)
  readonly #ms = new Float64Array(TRIAL_WINDOWS)
  #windows = 0
  #searched = 0

  add({ searches, ms, lost }: WindowCost): void {
    this.#lost[this.#windows++ % TRIAL_WINDOWS] = lost
    if (searches > 0) this.#ms[this.#searched++ % TRIAL_WINDOWS] = ms / searches
  }

  /** Windows that are known of, tracked or lost. */
  get windows(): number {
    return Math.min(this.#windows, TRIAL_WINDOWS) + this.#sum()
  }

  /** Share of the windows that went by untracked. */
  get lost(): number {
    const { windows } = this
    return windows === 0 ? 0 : this.#sum() / windows
  }

  /** Median milliseconds of one search; 0 where nothing was searched for. */
  get searchMs(): number {
    const known = this.#ms.slice(0, Math.min(this.#searched, TRIAL_WINDOWS)).sort()
    return known[known.length >> 1] ?? 0
  }

  #sum(): number {
    return this.#lost.reduce((sum, lost) => sum + lost, 0)
  }
}

/**
 * The first windows of a new network: whether it keeps up as well as the one before did. Lost windows alone prove
 * nothing, since anything else on the machine may be the reason; they count where the network is also slower.
 */
export class ModelTrial {
  readonly pace = new Pace()
  readonly #usual: Pace | undefined
  #warm = false
  #searched = false

  /** Without a network before there is nothing to compare with, and any pace will do. */
  constructor(usual: Pace | undefined) {
    this.#usual = usual
  }

  /** What is lost is the fault of the window before, and the very first search only warms up. */
  step(cost: WindowCost): 'open' | 'passed' | 'failed' {
    if (this.#searched && this.#warm) this.pace.add(cost)
    this.#warm ||= this.#searched
    this.#searched = cost.searches > 0
    if (this.pace.windows < TRIAL_WINDOWS) return 'open'
    if (this.#usual === undefined) return 'passed'
    const lost = this.pace.lost > this.#usual.lost + MORE_LOST
    const slower = this.pace.searchMs > SLOWER * this.#usual.searchMs
    return lost && slower ? 'failed' : 'passed'
  }
}
