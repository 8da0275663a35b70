/** How far each part of the daemon has come, as running counts. */
export interface Progress {
  /** Reports of the capture thread, one a second: its loop turns, with or without a camera. */
  readonly captureReports: number
  /** Reports of the inference thread, one a second. */
  readonly inferenceReports: number
  /** Windows put into the frame pool, and windows taken from it. */
  readonly committed: number
  readonly taken: number
  /** The network is being opened, so the inference thread is not heard. */
  readonly opening: boolean
}

export type Verdict = 'alive' | 'capture' | 'inference'

/**
 * Judges whether everything has moved since the last look; says which part has not. A camera that is not there is no
 * lack of progress, a thread that does not turn or windows that nobody takes are.
 */
export class ProgressJudge {
  #last: Progress | undefined
  readonly #openingMs: number
  #openingSinceMs: number | undefined

  /** Opening the network may take `openingMs` before it counts as stuck. */
  constructor(openingMs: number) {
    this.#openingMs = openingMs
  }

  judge(now: Progress, nowMs: number): Verdict {
    const last = this.#last
    this.#last = now
    if (now.opening) {
      this.#openingSinceMs ??= nowMs
      return nowMs - this.#openingSinceMs < this.#openingMs ? 'alive' : 'inference'
    }
    this.#openingSinceMs = undefined
    // Counts that went back belong to threads that were started anew.
    if (last === undefined || last.opening || now.captureReports < last.captureReports) {
      return 'alive'
    }
    if (now.captureReports === last.captureReports) return 'capture'
    if (now.inferenceReports === last.inferenceReports) return 'inference'
    const waiting = now.committed > last.committed
    return waiting && now.taken === last.taken ? 'inference' : 'alive'
  }
}
