import type { Log } from './log.js'
import type { Notifier } from './notify.js'
import type { CameraRun } from './supervision.js'

/** Feeds the watchdog of systemd while every part of every camera moves. */
export class Pulse {
  readonly #notifier: Notifier
  readonly #log: Log
  #stuck = ''

  constructor(notifier: Notifier, log: Log) {
    this.#notifier = notifier
    this.#log = log
  }

  /** A sign of life, unless a part has not moved since the last. */
  beat(cameras: readonly CameraRun[]): void {
    const nowMs = performance.now()
    // A camera that waits to be started anew has nothing that could move.
    const verdicts = cameras.flatMap(({ judge, daemon, failure }) =>
      failure === undefined ? [judge.judge(daemon.facts.progress(), nowMs)] : [],
    )
    const stuck = verdicts.find((verdict) => verdict !== 'alive') ?? ''
    if (stuck === '') this.#notifier.alive()
    else if (stuck !== this.#stuck) {
      this.#log.error('a thread does not move, the watchdog is not fed', { thread: stuck })
    }
    this.#stuck = stuck
  }
}
