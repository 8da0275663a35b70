import type { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import { type Clock, systemClock } from '../events/time.js'
import type { StepResult } from '../tracking/track.js'
import type { Broker, BrokerStatus, OutgoingMessage } from './broker.js'
import { LatencyHistogram, type Percentiles } from './latency.js'
import { round2, trackEventPayload, tracksPayload } from './payloads.js'
import { type CommandHandlers, RequestDesk } from './requests.js'
import { RetainedTopics } from './retained.js'
import type { CameraStatusPayload, HealthPayload, InfoPayload, StatusPayload } from './schema.js'
import type { Spool } from './spool.js'
import { SpoolSender } from './spool-sender.js'
import { createTopics, type Topics } from './topics.js'

export type DaemonState = Exclude<StatusPayload['state'], 'offline'>
export type CameraReport = Omit<CameraStatusPayload, 'at'>
/** What the daemon knows of its health; the publisher adds its own part. */
export type HealthReport = Omit<
  HealthPayload,
  'boot_id' | 'seq' | 'at' | 'uptime_s' | 'latency_ms' | 'mqtt' | 'spool'
>

export interface PublisherOptions {
  readonly deviceName: string
  readonly cameraId: string
  /** Unique for each run of the daemon. */
  readonly bootId: string
  /** Published size of the sensor: boxes are clamped to it. */
  readonly sensor: Size
  readonly broker: Broker
  /** The publisher closes it. */
  readonly spool: Spool
  readonly replayPerSecond: number
  readonly healthIntervalMs: number
  readonly handlers: CommandHandlers
  /** Asked every health interval, and for cameraChanged(). */
  readonly health: () => HealthReport
  readonly camera: () => CameraReport
  /** A connection was lost or cannot be made; for the log. Said once for each kind of failure in a row. */
  readonly onBrokerError?: (error: EvtrackError) => void
  readonly onBrokerConnected?: (status: BrokerStatus) => void
  readonly clock?: Clock
}

/** Older tracks than this are worth less than none; also their expiry at the broker. */
const TRACKS_EXPIRY_S = 2
const CLOSE_TIMEOUT_MS = 2_000

interface Window {
  readonly step: StepResult
  readonly hostUs: number
  readonly takenUs: number
}

/** Ties tracking to MQTT: state, tracks, lifecycle events, health, commands. Lives on the main thread. */
export class Publisher {
  readonly topics: Topics
  /** Last event of a window to publication, since the start. */
  readonly latency = new LatencyHistogram()
  readonly #options: PublisherOptions
  readonly #clock: Clock
  readonly #retained: RetainedTopics
  readonly #sender: SpoolSender
  readonly #desk: RequestDesk
  readonly #stop = new AbortController()
  readonly #recentLatency = new LatencyHistogram()
  readonly #startedUs: number
  #status: StatusPayload
  #eventSeq = 0
  #healthSeq = 0
  #hadTracks = false
  /** The newest window that could not be sent. Drop policy: a newer one replaces it, counted. */
  #held: Window | undefined
  readonly #tracks = { published: 0, dropped: 0 }
  #closed: Promise<void> | undefined

  constructor(options: PublisherOptions) {
    const { broker, spool, sensor, handlers, replayPerSecond } = options
    const clock = options.clock ?? systemClock
    this.#options = options
    this.#clock = clock
    this.#startedUs = clock.nowUs()
    this.topics = createTopics(options.deviceName, options.cameraId)
    this.#retained = new RetainedTopics(broker)
    this.#sender = new SpoolSender({ spool, broker, clock, replayPerSecond })
    this.#desk = new RequestDesk({ topics: this.topics, handlers, sensor, broker, clock })
    this.#status = { state: 'init', boot_id: options.bootId, seq: 0, since: clock.wallUs() }
  }

  /** Begins to connect; returns at once. Whatever is published before a connection is made waits by its own rule. */
  start(): void {
    const { broker, onBrokerError, onBrokerConnected } = this.#options
    this.#retained.set(this.topics.status, JSON.stringify(this.#status))
    this.cameraChanged()
    this.#publishHealth()
    broker.start({
      will: this.#will(),
      subscriptions: this.topics.requests,
      onConnect: () => {
        this.#retained.announce()
        this.#releaseHeld()
        this.#sender.connected()
        onBrokerConnected?.(broker.status)
      },
      onDisconnect: (error) => {
        this.#sender.disconnected()
        if (error !== undefined) onBrokerError?.(error)
      },
      ...(onBrokerError && { onUnreachable: onBrokerError }),
      onMessage: (message) => this.#desk.receive(message),
      onDrain: () => {
        this.#releaseHeld()
        this.#sender.drained()
      },
    })
    void this.#beat()
  }

  get state(): DaemonState {
    return this.#status.state as DaemonState
  }

  /** `reason` says why a daemon is degraded: an error code and a sentence. */
  setState(state: DaemonState, reason?: string): void {
    if (state === this.#status.state && reason === this.#status.reason) return
    this.#status = {
      state,
      boot_id: this.#options.bootId,
      seq: this.#status.seq + 1,
      since: this.#clock.wallUs(),
      ...(reason !== undefined && { reason }),
    }
    this.#retained.set(this.topics.status, JSON.stringify(this.#status))
  }

  setInfo(info: Omit<InfoPayload, 'boot_id' | 'schema_version'>): void {
    const { bootId } = this.#options
    const payload: InfoPayload = { schema_version: 1, boot_id: bootId, ...info }
    this.#retained.set(this.topics.info, JSON.stringify(payload))
  }

  /** Publishes the camera's state now instead of with the next health message. */
  cameraChanged(): void {
    const { state, ...rest } = this.#options.camera()
    const payload: CameraStatusPayload = { state, at: this.#clock.wallUs(), ...rest }
    this.#retained.set(this.topics.cameraStatus, JSON.stringify(payload))
  }

  /**
   * Publishes what tracking made of one window: its tracks, if there are any or the last has just gone, and its
   * lifecycle events. `hostUs` is when the window's last event was received, monotonic microseconds.
   */
  publishStep(step: StepResult, hostUs: number): void {
    const hasTracks = step.tracks.length > 0
    if (hasTracks || this.#hadTracks)
      this.#publishTracks({ step, hostUs, takenUs: this.#clock.nowUs() })
    this.#hadTracks = hasTracks
    if (step.events.length > 0) this.publishEvents(step.events)
  }

  /** Lifecycle events outside a window, such as the ends at shutdown. */
  publishEvents(events: StepResult['events']): void {
    const { sensor, bootId } = this.#options
    for (const event of events) {
      const atUs = this.#clock.wallUs()
      const seq = this.#eventSeq++
      const payload = JSON.stringify(trackEventPayload(event, { sensor, atUs, bootId, seq }))
      this.#sender.offer({ topic: this.topics.trackEvents, atUs, payload })
    }
  }

  /** Since the last health message. */
  recentLatency(): Percentiles {
    return this.#recentLatency.percentiles()
  }

  /** Sends what can be sent in 2 s, says `stopped`, disconnects in order. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { broker, spool } = this.#options
    this.#stop.abort()
    this.#desk.close()
    await this.#atMost(CLOSE_TIMEOUT_MS, this.#sender.idle())
    this.setState('stopped')
    await this.#atMost(CLOSE_TIMEOUT_MS, this.#retained.settled())
    this.#sender.close()
    await broker.close()
    spool.close()
  }

  #will(): OutgoingMessage {
    const { boot_id, seq } = this.#status
    const payload: StatusPayload = { state: 'offline', boot_id, seq, since: null }
    return { topic: this.topics.status, payload: JSON.stringify(payload), qos: 1, retain: true }
  }

  #publishTracks(window: Window): void {
    if (this.#held !== undefined) this.#tracks.dropped += 1
    this.#held = undefined
    if (this.#options.broker.writable) this.#sendTracks(window)
    else this.#held = window
  }

  #releaseHeld(): void {
    const window = this.#held
    if (window === undefined || !this.#options.broker.writable) return
    this.#held = undefined
    const ageUs = this.#clock.nowUs() - window.takenUs
    if (ageUs <= TRACKS_EXPIRY_S * 1e6) this.#sendTracks(window)
    else this.#tracks.dropped += 1
  }

  #sendTracks({ step, hostUs }: Window): void {
    const { sensor, broker } = this.#options
    const latencyMs = Math.max(0, (this.#clock.nowUs() - hostUs) / 1000)
    const atUs = this.#clock.wallUs()
    void broker.publish({
      topic: this.topics.tracks,
      payload: JSON.stringify(tracksPayload(step, { sensor, atUs, latencyMs })),
      qos: 0,
      expirySeconds: TRACKS_EXPIRY_S,
    })
    this.#tracks.published += 1
    this.latency.record(latencyMs)
    this.#recentLatency.record(latencyMs)
  }

  async #beat(): Promise<void> {
    const { healthIntervalMs } = this.#options
    const slept = () => true
    const aborted = () => false
    while (await this.#clock.sleep(healthIntervalMs, this.#stop.signal).then(slept, aborted)) {
      this.cameraChanged()
      this.#publishHealth()
    }
  }

  #publishHealth(): void {
    const { broker, spool, bootId, health } = this.#options
    const { pending, pending_bytes, disk, ...spooled } = spool.stats()
    const { appended: _a, acknowledged: _b, ...lost } = spooled
    const payload: HealthPayload = {
      boot_id: bootId,
      seq: this.#healthSeq++,
      at: this.#clock.wallUs(),
      uptime_s: round2((this.#clock.nowUs() - this.#startedUs) / 1e6),
      ...health(),
      latency_ms: this.#recentLatency.percentiles(),
      mqtt: {
        protocol: broker.status.protocol ?? null,
        connects: broker.status.connects,
        tracks_published: this.#tracks.published,
        tracks_dropped: this.#tracks.dropped,
        refused: this.#retained.refused + this.#sender.refused,
        requests: this.#desk.counts.answered,
        requests_dropped: this.#desk.counts.dropped,
        responses_lost: this.#desk.counts.lost,
      },
      spool: { pending, pending_bytes, ...lost, disk },
    }
    this.#recentLatency.reset()
    this.#retained.set(this.topics.health, JSON.stringify(payload))
  }

  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    const done = new AbortController()
    const deadline = this.#clock.sleep(ms, done.signal).catch(() => {})
    await Promise.race([work, deadline])
    done.abort()
  }
}
