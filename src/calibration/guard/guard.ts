import { LADDER, type Rung } from './ladder.js'
import type { GuardOptions } from './schema.js'

/** What the guard did, and why. */
export interface GuardStep {
  readonly direction: 'up' | 'down'
  /** 0 is none; the index in the ladder. */
  readonly level: number
  readonly measure: Rung['name']
  /** The rate that made it do so. */
  readonly eventsPerSecond: number
}

export interface GuardCounters {
  /** Times it stepped up, and back. */
  readonly raised: number
  readonly lowered: number
  /** Readings above the limit with nothing left to do. */
  readonly exhausted: number
  /** Steps that the camera did not take. */
  readonly failed: number
}

/** What has come until now, running totals. */
export interface Totals {
  readonly events: number
  /** Lost in the camera because nobody took them fast enough. */
  readonly dropped: number
}

/** One reading. */
const WINDOW_US = 250_000
/** After a change: the sensor settles, and what was under way arrives. */
const IGNORED_US = 150_000
/** It steps back when it may expect to stay below this part of the limit. */
const CALM = 0.7
/** A step back that was wrong doubles the calm time; so often at most. */
const MOST_DOUBLINGS = 6
/** Stepping up so soon after stepping back means that stepping back was wrong. */
const RELAPSE_US = 30e6
/** After so long without a relapse it has its first patience again. */
const FORGIVEN_US = 600e6
/** What undoing a rung is expected to do to the rate, before it was ever seen, and at most. */
const USUAL_GAIN = 2
const MOST_GAIN = 20
/** This part of all events lost in the camera is as bad as a rate above the limit. */
const LOSS = 0.01

/**
 * Keeps the event rate of a camera in service below a limit by going up and down a ladder of measures. Pure: time and
 * totals enter as numbers, and what comes out is what to do. It steps up on one bad reading, and back only after calm, one
 * rung at a time, when what it learnt on the way up says that the rate will stay well below; so it does not swing.
 */
export class EventRateGuard {
  readonly #options: GuardOptions
  /** What each rung, once left, makes of the rate: learnt when it was entered. */
  readonly #gains = LADDER.map(() => USUAL_GAIN)
  #level = 0
  #changing = false
  #settledUs = Number.NEGATIVE_INFINITY
  #windowUs = Number.NaN
  #atWindow: Totals = { events: 0, dropped: 0 }
  #calmUs = Number.NaN
  #loweredUs = Number.NEGATIVE_INFINITY
  #relapsedUs = Number.NEGATIVE_INFINITY
  #doublings = 0
  /** Rate before the last step up; read once after it. */
  #before: number | undefined
  #rate = Number.NaN
  readonly #counters = { raised: 0, lowered: 0, exhausted: 0, failed: 0 }

  constructor(options: GuardOptions) {
    this.#options = options
  }

  get level(): number {
    return this.#level
  }

  get rung(): Rung {
    return LADDER[this.#level]!
  }

  /** Events a second in the last reading; NaN before the first. */
  get eventsPerSecond(): number {
    return this.#rate
  }

  get counters(): GuardCounters {
    return { ...this.#counters }
  }

  /**
   * Called some ten times a second, with device time. A step that comes back is to be done and then confirmed with `settled`; until then
   * nothing else comes back.
   */
  tick(nowUs: number, totals: Totals): GuardStep | undefined {
    if (this.#changing || nowUs < this.#settledUs) return undefined
    const back = totals.events < this.#atWindow.events || totals.dropped < this.#atWindow.dropped
    if (Number.isNaN(this.#windowUs) || back) {
      this.#open(nowUs, totals)
      return undefined
    }
    const spanUs = nowUs - this.#windowUs
    if (spanUs < WINDOW_US) return undefined
    const events = totals.events - this.#atWindow.events
    const dropped = totals.dropped - this.#atWindow.dropped
    const perSecond = (1e6 * events) / spanUs
    this.#rate = perSecond
    this.#open(nowUs, totals)
    this.#learn(perSecond)
    if (nowUs - Math.max(this.#relapsedUs, this.#loweredUs) > FORGIVEN_US) this.#doublings = 0
    const loses = dropped > LOSS * Math.max(events, 1000)
    if (perSecond > this.#options.maxEventsPerSecond || loses) return this.#up(nowUs, perSecond)
    return this.#down(nowUs, perSecond)
  }

  /** The camera has taken the step, or has not. */
  settled(nowUs: number, taken: boolean, step: GuardStep): void {
    this.#changing = false
    if (taken) {
      this.#level = step.level
      if (step.direction === 'up') this.#counters.raised++
      else {
        this.#counters.lowered++
        this.#loweredUs = nowUs
      }
    } else {
      this.#counters.failed++
      this.#before = undefined
    }
    this.#calmUs = Number.NaN
    this.#windowUs = Number.NaN
    this.#settledUs = nowUs + IGNORED_US
  }

  /** Device time starts anew. */
  restart(): void {
    this.#windowUs = Number.NaN
    this.#settledUs = Number.NEGATIVE_INFINITY
    this.#loweredUs = Number.NEGATIVE_INFINITY
    this.#relapsedUs = Number.NEGATIVE_INFINITY
    this.#calmUs = Number.NaN
    this.#before = undefined
  }

  #open(nowUs: number, totals: Totals): void {
    this.#windowUs = nowUs
    this.#atWindow = totals
  }

  #learn(perSecond: number): void {
    if (this.#before === undefined) return
    const gain = this.#before / Math.max(1, perSecond)
    this.#gains[this.#level] = Math.min(MOST_GAIN, Math.max(1.1, gain))
    this.#before = undefined
  }

  #up(nowUs: number, eventsPerSecond: number): GuardStep | undefined {
    this.#calmUs = Number.NaN
    if (this.#level === LADDER.length - 1) {
      this.#counters.exhausted++
      return undefined
    }
    if (nowUs - this.#loweredUs < RELAPSE_US) {
      this.#doublings = Math.min(MOST_DOUBLINGS, this.#doublings + 1)
      this.#relapsedUs = nowUs
      // One relapse counts once, however many rungs it climbs.
      this.#loweredUs = Number.NEGATIVE_INFINITY
    }
    this.#before = eventsPerSecond
    return this.#step('up', eventsPerSecond)
  }

  #down(nowUs: number, eventsPerSecond: number): GuardStep | undefined {
    if (this.#level === 0) return undefined
    const expected = eventsPerSecond * this.#gains[this.#level]!
    if (expected > CALM * this.#options.maxEventsPerSecond) {
      this.#calmUs = Number.NaN
      return undefined
    }
    if (Number.isNaN(this.#calmUs)) this.#calmUs = nowUs
    const patienceUs = this.#options.calmSeconds * 1e6 * 2 ** this.#doublings
    if (nowUs - this.#calmUs < patienceUs) return undefined
    return this.#step('down', eventsPerSecond)
  }

  #step(direction: 'up' | 'down', eventsPerSecond: number): GuardStep {
    this.#changing = true
    const level = this.#level + (direction === 'up' ? 1 : -1)
    return { direction, level, measure: LADDER[level]!.name, eventsPerSecond }
  }
}
