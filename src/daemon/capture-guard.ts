import { EventRateGuard, type GuardStep } from '../calibration/guard/guard.js'
import { LADDER, onRung } from '../calibration/guard/ladder.js'
import type { GuardOptions } from '../calibration/guard/schema.js'
import type { Preset } from '../davis346/schema.js'

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
  /** The camera takes the preset, or the promise rejects. */
  readonly configure: (preset: Preset) => Promise<void>
  /** Events that the camera itself lost, running total. */
  readonly dropped: () => number
  /** It took a step. */
  readonly onStep: (state: GuardState) => void
  /** Calls back ten times a second until what it returned is called. Default: a timer. */
  readonly often?: (tick: () => void) => () => void
}

const TICK_MS = 100

function timer(tick: () => void): () => void {
  const interval = setInterval(tick, TICK_MS)
  return () => clearInterval(interval)
}

/** The event-rate guard in the capture thread: feeds it, and does what it says. */
export class CaptureGuard {
  readonly #parts: CaptureGuardOptions
  readonly #guard: EventRateGuard
  readonly #stop: () => void
  /** What is configured, without the guard. */
  #preset: Preset
  #events = 0
  /** The guard goes by this: what waited somewhere and comes all at once is no higher rate. */
  #deviceUs = Number.NaN
  #last = 0
  #paused = false
  /** Changes of the camera come one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: CaptureGuardOptions) {
    this.#parts = parts
    this.#preset = parts.preset
    this.#guard = new EventRateGuard(parts.options)
    this.#stop = (parts.often ?? timer)(() => this.#tick())
  }

  /** hot. Events that end at this device time. */
  count(events: number, tUs: number): void {
    this.#events += events
    this.#deviceUs = tUs
  }

  /** Device time has come so far. */
  time(tUs: number): void {
    this.#deviceUs = tUs
  }

  /** Device time starts anew. */
  restart(): void {
    this.#deviceUs = Number.NaN
    this.#guard.restart()
  }

  /** Another preset is configured; what the guard does stays on top of it. */
  configure(preset: Preset): Promise<void> {
    this.#preset = preset
    return this.#inTurn(() => this.#parts.configure(onRung(this.#preset, this.#guard.rung)))
  }

  /** Takes no step until resume(). Resolves when one that was under way is done. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#turn
  }

  /** What came meanwhile says nothing about the camera in service. */
  resume(): void {
    this.#paused = false
    this.#guard.restart()
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
    this.#stop()
  }

  #tick(): void {
    if (this.#paused || Number.isNaN(this.#deviceUs)) return
    const totals = { events: this.#events, dropped: this.#parts.dropped() }
    const step = this.#guard.tick(this.#deviceUs, totals)
    if (step !== undefined) void this.#inTurn(() => this.#take(step))
  }

  async #take(step: GuardStep): Promise<void> {
    const { configure, onStep } = this.#parts
    this.#last = Math.round(step.eventsPerSecond)
    const taken = await configure(onRung(this.#preset, LADDER[step.level]!)).then(
      () => true,
      // A camera that has just gone gets its settings when it is back; the guard looks again.
      () => false,
    )
    this.#guard.settled(this.#deviceUs, taken, step)
    onStep(this.state())
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }
}
