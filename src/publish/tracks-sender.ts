import type { Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import type { StepResult } from '../tracking/track.js'
import type { Broker } from './broker.js'
import { LatencyHistogram } from './latency.js'
import { tracksPayload } from './payloads.js'

/** Older tracks than this are worth less than none; also their expiry at the broker. */
const TRACKS_EXPIRY_S = 2

interface Window {
  readonly step: StepResult
  readonly hostUs: number
  readonly takenUs: number
}

/**
 * Sends the tracks of windows while they are worth something. Drop policy: of windows that cannot be sent only the
 * newest is held, at most 2 s, and beyond `perSecond` windows are left out; both are counted.
 */
export class TracksSender {
  /** Last event of a window to publication, since the start. */
  readonly latency = new LatencyHistogram()
  readonly recent = new LatencyHistogram()
  readonly counts = { published: 0, dropped: 0, limited: 0 }
  /** Messages a second at most; 0: no limit. */
  perSecond: number
  readonly #topic: string
  readonly #sensor: Size
  readonly #broker: Broker
  readonly #clock: Clock
  #hadTracks = false
  #held: Window | undefined
  #nextUs = 0

  constructor(options: {
    topic: string
    sensor: Size
    broker: Broker
    clock: Clock
    perSecond: number
  }) {
    this.#topic = options.topic
    this.#sensor = options.sensor
    this.#broker = options.broker
    this.#clock = options.clock
    this.perSecond = options.perSecond
  }

  /** Publishes the window if it has tracks or the last one has just gone. */
  offer(step: StepResult, hostUs: number): void {
    const hasTracks = step.tracks.length > 0
    const lastHasGone = !hasTracks && this.#hadTracks
    this.#hadTracks = hasTracks
    if (!hasTracks && !lastHasGone) return
    const takenUs = this.#clock.nowUs()
    // That nothing is left is told whatever the rate.
    if (!lastHasGone && !this.#due(takenUs)) {
      this.counts.limited += 1
      return
    }
    if (this.#held !== undefined) this.counts.dropped += 1
    this.#held = undefined
    if (this.#broker.writable) this.#send({ step, hostUs, takenUs })
    else this.#held = { step, hostUs, takenUs }
  }

  /** The connection takes messages again. */
  release(): void {
    const window = this.#held
    if (window === undefined || !this.#broker.writable) return
    this.#held = undefined
    const ageUs = this.#clock.nowUs() - window.takenUs
    if (ageUs <= TRACKS_EXPIRY_S * 1e6) this.#send(window)
    else this.counts.dropped += 1
  }

  #due(nowUs: number): boolean {
    if (this.perSecond <= 0) return true
    const everyUs = 1e6 / this.perSecond
    if (nowUs < this.#nextUs) return false
    // Counted on from the time it was due, so that the mean rate is the one asked for; but no bursts after a pause.
    this.#nextUs = Math.max(this.#nextUs, nowUs - everyUs) + everyUs
    return true
  }

  #send({ step, hostUs }: Window): void {
    const latencyMs = Math.max(0, (this.#clock.nowUs() - hostUs) / 1000)
    const atUs = this.#clock.wallUs()
    void this.#broker.publish({
      topic: this.#topic,
      payload: JSON.stringify(tracksPayload(step, { sensor: this.#sensor, atUs, latencyMs })),
      qos: 0,
      expirySeconds: TRACKS_EXPIRY_S,
    })
    this.counts.published += 1
    this.latency.record(latencyMs)
    this.recent.record(latencyMs)
  }
}
