import { EventRateGuard, type GuardStep } from '../calibration/guard/guard.js'
import { LADDER, onRung } from '../calibration/guard/ladder.js'
import type { GuardOptions } from '../calibration/guard/schema.js'
import type { Preset } from '../davis346/schema.js'
import type { Clock } from '../events/time.js'

/** How the guard stands, for whoever publishes it. */
export interface GuardState {
  readonly level: number
  readonly measure: string
  /** Events a second that made it take its last step; 0 before the first. */
  readonly eventsPerSecond: number
  readonly maxEventsPerSecond: number
  readonly raised: number
  readonly lowered: number
  readonly exhausted: number
  readonly failed: number
}

export interface CaptureGuardOptions {
  readonly options: GuardOptions
  readonly preset: Preset
  readonly clock: Clock
  /** The camera takes the preset, or the promise rejects. */
  readonly configure: (preset: Preset) => Promise<void>
  /** Events that the camera itself lost, running total. */
  readonly dropped: () => number
  /** It took a step. */
  readonly onStep: (state: GuardState) => void
}

const TICK_MS = 100

/** The event-rate guard in the capture thread: feeds it, and does what it says. */
export class CaptureGuard {
  readonly #parts: CaptureGuardOptions
  readonly #guard: EventRateGuard
  readonly #timer: NodeJS.Timeout
  /** What is configured, without the guard. */
  #preset: Preset
  #events = 0
  #last = 0
  /** Changes of the camera come one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: CaptureGuardOptions) {
    this.#parts = parts
    this.#preset = parts.preset
    this.#guard = new EventRateGuard(parts.options)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** hot */
  count(events: number): void {
    this.#events += events
  }

  /** The stream starts anew. */
  restart(): void {
    this.#guard.restart()
  }

  /** Another preset is configured; what the guard does stays on top of it. */
  configure(preset: Preset): Promise<void> {
    this.#preset = preset
    return this.#inTurn(() => this.#parts.configure(onRung(this.#preset, this.#guard.rung)))
  }

  state(): GuardState {
    const { level, rung, counters } = this.#guard
    const { maxEventsPerSecond } = this.#parts.options
    return {
      level,
      measure: rung.name,
      eventsPerSecond: this.#last,
      maxEventsPerSecond,
      ...counters,
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #tick(): void {
    const { clock, dropped } = this.#parts
    const step = this.#guard.tick(clock.nowUs(), { events: this.#events, dropped: dropped() })
    if (step !== undefined) void this.#inTurn(() => this.#take(step))
  }

  async #take(step: GuardStep): Promise<void> {
    const { clock, configure, onStep } = this.#parts
    this.#last = Math.round(step.eventsPerSecond)
    const taken = await configure(onRung(this.#preset, LADDER[step.level]!)).then(
      () => true,
      // A camera that has just gone gets its settings when it is back; the guard looks again.
      () => false,
    )
    this.#guard.settled(clock.nowUs(), taken, step)
    onStep(this.state())
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }
}
