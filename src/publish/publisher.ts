import type { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import { type Clock, systemClock } from '../events/time.js'
import type { StepResult } from '../tracking/track.js'
import { atMost } from './at-most.js'
import type { Broker, BrokerStatus, OutgoingMessage } from './broker.js'
import type { CalibrationPayload } from './calibration-schema.js'
import type { HealthPayload } from './health-schema.js'
import { discoveryMessage } from './home-assistant.js'
import type { LatencyHistogram, Percentiles } from './latency.js'
import { round2, trackEventPayload } from './payloads.js'
import { type CommandHandlers, RequestDesk } from './requests.js'
import { RetainedTopics } from './retained.js'
import type { CameraStatusPayload, InfoPayload, StatusPayload } from './schema.js'
import type { Spool } from './spool.js'
import { SpoolSender } from './spool-sender.js'
import { createTopics, type Topics } from './topics.js'
import { TracksSender } from './tracks-sender.js'

export type DaemonState = Exclude<StatusPayload['state'], 'offline'>
export type CameraReport = Omit<CameraStatusPayload, 'at'>
/** What the daemon knows of its health; the publisher adds its own part. */
export type HealthReport = Omit<
  HealthPayload,
  'boot_id' | 'seq' | 'at' | 'uptime_s' | 'latency_ms' | 'mqtt' | 'spool' | 'targets'
>

/** What may change while it runs. */
export interface PublishRates {
  readonly replayPerSecond: number
  readonly healthIntervalMs: number
  /** Tracks messages a second at most; 0: one for every window. */
  readonly tracksPerSecond: number
}

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
  readonly rates: PublishRates
  /** Absent: no requests are taken and nothing is subscribed to. */
  readonly handlers?: CommandHandlers
  /** Where Home Assistant looks for devices: the first level of its topics. Absent: it is told nothing. */
  readonly homeAssistant?: { readonly prefix: string; readonly version: string }
  /** Asked every health interval, and for cameraChanged(). */
  readonly health: () => HealthReport
  readonly camera: () => CameraReport
  /** A connection was lost or cannot be made; for the log. Said once for each kind of failure in a row. */
  readonly onBrokerError?: (error: EvtrackError) => void
  readonly onBrokerConnected?: (status: BrokerStatus) => void
  readonly clock?: Clock
}

const CLOSE_TIMEOUT_MS = 2_000

/** Ties tracking to MQTT: state, tracks, lifecycle events, health, commands. Lives on the main thread. */
export class Publisher {
  readonly topics: Topics
  readonly #options: PublisherOptions
  readonly #clock: Clock
  readonly #retained: RetainedTopics
  readonly #sender: SpoolSender
  readonly #tracks: TracksSender
  readonly #desk: RequestDesk | undefined
  readonly #stop = new AbortController()
  readonly #startedUs: number
  #status: StatusPayload
  #eventSeq = 0
  #healthSeq = 0
  #targets = 0
  #rates: PublishRates
  #wake = new AbortController()
  #closed: Promise<void> | undefined

  constructor(options: PublisherOptions) {
    const { broker, spool, sensor, handlers, rates } = options
    const clock = options.clock ?? systemClock
    this.#options = options
    this.#clock = clock
    this.#startedUs = clock.nowUs()
    this.topics = createTopics(options.deviceName, options.cameraId)
    this.#retained = new RetainedTopics(broker)
    this.#rates = rates
    this.#sender = new SpoolSender({ spool, broker, clock, replayPerSecond: rates.replayPerSecond })
    this.#tracks = new TracksSender({
      topic: this.topics.tracks,
      sensor,
      broker,
      clock,
      perSecond: rates.tracksPerSecond,
    })
    this.#desk =
      handlers && new RequestDesk({ topics: this.topics, handlers, sensor, broker, clock })
    this.#status = { state: 'init', boot_id: options.bootId, seq: 0, since: clock.wallUs() }
  }

  /** Begins to connect; returns at once. Whatever is published before a connection is made waits by its own rule. */
  start(): void {
    const { broker, onBrokerError, onBrokerConnected } = this.#options
    this.#retained.set(this.topics.status, JSON.stringify(this.#status))
    this.cameraChanged()
    this.#publishHealth()
    const birth = this.#announceToHomeAssistant()
    broker.start({
      will: this.#will(),
      subscriptions: [
        ...(this.#desk === undefined ? [] : this.topics.requests),
        ...(birth === undefined ? [] : [birth]),
      ],
      onConnect: () => {
        this.#retained.announce()
        this.#tracks.release()
        this.#sender.connected()
        onBrokerConnected?.(broker.status)
      },
      onDisconnect: (error) => {
        this.#sender.disconnected()
        if (error !== undefined) onBrokerError?.(error)
      },
      ...(onBrokerError && { onUnreachable: onBrokerError }),
      onMessage: (message) => {
        if (message.topic !== birth) this.#desk?.receive(message)
        // Home Assistant has started and asks everybody to say who they are.
        else if (message.payload.toString() === 'online') this.#announceToHomeAssistant()
      },
      onDrain: () => {
        this.#tracks.release()
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

  /** How the newest calibration of the camera stands. */
  setCalibration(payload: CalibrationPayload): void {
    this.#retained.set(this.topics.calibration, JSON.stringify(payload))
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
    this.#targets = step.tracks.length
    this.#tracks.offer(step, hostUs)
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
    return this.#tracks.recent.percentiles()
  }

  /** Last event of a window to publication, since the start. */
  get latency(): LatencyHistogram {
    return this.#tracks.latency
  }

  get status(): StatusPayload {
    return this.#status
  }

  /** Takes effect at once. */
  setRates(rates: PublishRates): void {
    this.#rates = rates
    this.#tracks.perSecond = rates.tracksPerSecond
    this.#sender.setRate(rates.replayPerSecond)
    this.#wake.abort()
  }

  /** Sends what can be sent in 2 s, says `stopped` and, where it failed, why; disconnects in order. Idempotent. */
  close(reason?: string): Promise<void> {
    this.#closed ??= this.#close(reason)
    return this.#closed
  }

  async #close(reason: string | undefined): Promise<void> {
    const { broker, spool } = this.#options
    this.#stop.abort()
    this.#desk?.close()
    const limit = { ms: CLOSE_TIMEOUT_MS, clock: this.#clock }
    await atMost(limit, this.#sender.idle())
    this.setState('stopped', reason)
    await atMost(limit, this.#retained.settled())
    this.#sender.close()
    await broker.close()
    spool.close()
  }

  #will(): OutgoingMessage {
    const { boot_id, seq } = this.#status
    const payload: StatusPayload = { state: 'offline', boot_id, seq, since: null }
    return { topic: this.topics.status, payload: JSON.stringify(payload), qos: 1, retain: true }
  }

  /** Gives back the topic on which Home Assistant says that it has started. */
  #announceToHomeAssistant(): string | undefined {
    const { homeAssistant, deviceName } = this.#options
    if (homeAssistant === undefined) return undefined
    const { prefix, version } = homeAssistant
    const { topic, payload } = discoveryMessage(this.topics, { deviceName, prefix, version })
    this.#retained.set(topic, JSON.stringify(payload))
    return `${prefix}/status`
  }

  async #beat(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController()
      const early = AbortSignal.any([this.#stop.signal, this.#wake.signal])
      await this.#clock.sleep(this.#rates.healthIntervalMs, early).catch(() => {})
      if (this.#stop.signal.aborted) return
      this.cameraChanged()
      this.#publishHealth()
    }
  }

  /** What the next health message would say. */
  health(): HealthPayload {
    const { broker, spool, bootId, health } = this.#options
    const { pending, pending_bytes, disk, ...spooled } = spool.stats()
    const { appended: _a, acknowledged: _b, ...lost } = spooled
    const { answered = 0, dropped = 0, lost: responsesLost = 0 } = this.#desk?.counts ?? {}
    const { counts, recent } = this.#tracks
    return {
      boot_id: bootId,
      seq: this.#healthSeq,
      at: this.#clock.wallUs(),
      uptime_s: round2((this.#clock.nowUs() - this.#startedUs) / 1e6),
      ...health(),
      targets: this.#targets,
      latency_ms: recent.percentiles(),
      mqtt: {
        protocol: broker.status.protocol ?? null,
        connects: broker.status.connects,
        tracks_published: counts.published,
        tracks_dropped: counts.dropped,
        tracks_limited: counts.limited,
        refused: this.#retained.refused + this.#sender.refused,
        requests: answered,
        requests_dropped: dropped,
        responses_lost: responsesLost,
      },
      spool: { pending, pending_bytes, ...lost, disk },
    }
  }

  #publishHealth(): void {
    this.#retained.set(this.topics.health, JSON.stringify(this.health()))
    this.#healthSeq += 1
    this.#tracks.recent.reset()
  }
}
