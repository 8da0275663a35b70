import { randomBytes } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import type { Size } from '../events/geometry.js'
import { nowUs, systemClock } from '../events/time.js'
import type { ModelPackage } from '../inference/model-package.js'
import { allocateFramePool } from '../pipeline/frame-pool.js'
import type { BrokerStatus } from '../publish/broker.js'
import type { OpenedBroker } from '../publish/open-broker.js'
import type { Publisher } from '../publish/publisher.js'
import type { CommandHandlers } from '../publish/requests.js'
import type { SourceInfo } from '../sources/source.js'
import { captureData } from './capture-data.js'
import type { CaptureThread } from './capture-thread.js'
import { DaemonCalibration } from './daemon-calibration.js'
import type { Daemon, DaemonHooks, Operations } from './daemon-types.js'
import { energyOf } from './energy-of.js'
import { DaemonFacts } from './facts.js'
import type { InferenceThread, Snapshot } from './inference-thread.js'
import type { LiveCalibration } from './live-calibration.js'
import type { Log } from './log.js'
import { ModelDesk } from './model-desk.js'
import { infoOf, openPublisher, ratesOf } from './open-publisher.js'
import { isCamera, type SourcePlan } from './plan-source.js'
import { captureChange } from './reload.js'
import { startSceneThread } from './scene-thread.js'
import type { Config } from './schema.js'
import { NO_WINDOW, snapshotResult } from './snapshot-command.js'
import type { Thread } from './threads.js'
import { VERSION } from './version.js'
import { startCapture } from './wire-capture.js'
import { startInference } from './wire-inference.js'

/** A recording at full speed is not dropped: its windows wait here for the tracker. */
const LOSSLESS_SLOTS = 64

export interface Parts {
  readonly config: Config
  readonly log: Log
  readonly hooks: DaemonHooks
  readonly operations: Operations
  /** None when the tracker needs no network. */
  readonly pkg: ModelPackage | undefined
  readonly source: SourcePlan
  readonly opened: OpenedBroker
}

export class RunningDaemon implements Daemon {
  readonly bootId = randomBytes(4).toString('hex')
  readonly broker: OpenedBroker['endpoint']
  readonly ready: Promise<void>
  readonly done: Promise<'ended' | 'stopped'>
  readonly publisher: Publisher
  readonly facts: DaemonFacts
  readonly #parts: Parts
  readonly #capture: CaptureThread
  readonly #inference: InferenceThread
  readonly #scene: Thread<never> | undefined
  readonly #calibrations: DaemonCalibration
  readonly #models: ModelDesk
  readonly #startedMs = performance.now()
  #config: Config
  #info: SourceInfo | undefined
  #resolveReady: () => void = () => {}
  #settleDone: (outcome: 'ended' | 'stopped' | Error) => void = () => {}
  /** Why it stops, decided by whoever asks first. */
  #outcome: 'ended' | 'stopped' | Error = 'stopped'
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { config, pkg, opened, log, source, hooks } = parts
    this.#parts = parts
    this.#config = config
    this.broker = opened.endpoint
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = (outcome) =>
        outcome instanceof Error ? reject(outcome) : resolve(outcome)
    })
    // Somebody may only ever wait for `ready`.
    this.done.catch(() => {})
    const facts = new DaemonFacts({
      isCamera: isCamera(config),
      nowUs,
      ...(pkg && { energy: energyOf(pkg) }),
    })
    this.facts = facts
    this.#calibrations = new DaemonCalibration({
      log,
      clock: systemClock,
      bootId: this.bootId,
      size: source.size,
      facts,
      config: () => this.#config,
      desk: () => this.#capture.desk,
      publish: (payload) => this.publisher.setCalibration(payload),
      topic: () => this.publisher.topics.calibration,
      onNews: hooks.onCalibration,
      changed: () => this.#stateChanged(),
    })

    const lossless = config.source.pace === 'fast' && !isCamera(config)
    const slots = lossless ? LOSSLESS_SLOTS : config.poolSlots
    const pool = allocateFramePool({ size: source.size, slots })
    const { port1, port2 } = new MessageChannel()
    this.#inference = startInference(
      config,
      {
        pool,
        package: pkg,
        idPrefix: this.bootId,
        take: lossless ? 'oldest' : 'newest',
        windows: port1,
      },
      {
        log,
        facts,
        onStep: (result, hostUs) => {
          const { zones, places } = this.#calibrations.active
          this.publisher.publishStep(places.step(zones.step(result)), hostUs)
          hooks.onStep?.(result, hostUs)
        },
        onEvents: (events) => this.publisher.publishEvents(events),
        onJudged: (outcome, error) => this.#judged(outcome, error),
        changed: () => this.#stateChanged(),
        failed: (error) => this.#fail(error),
      },
    )
    this.#models = new ModelDesk({
      pkg,
      name: config.model.name,
      switchModel: (next) => this.#inference.switchModel(next),
      facts,
      log,
    })
    this.publisher = openPublisher(config, {
      bootId: this.bootId,
      sensor: source.size,
      broker: opened.broker,
      handlers: this.#handlers(),
      facts,
      log,
    })
    try {
      this.publisher.start()
    } catch (error) {
      void this.#inference.close()
      throw error
    }
    this.#scene = source.scene && startSceneThread(source.scene, (error) => this.#fail(error))
    const shared = { pool, windows: port2, lossless }
    this.#capture = startCapture(captureData(parts, this.#calibrations.active, shared), {
      log,
      facts,
      hooks,
      config: () => this.#config,
      onInfo: (info) => {
        this.#info = info
        this.#calibrations.known(info.serial)
        this.#stateChanged()
      },
      onState: ({ serial }) => {
        this.#calibrations.known(serial)
        this.#stateChanged()
      },
      cameraChanged: () => {
        if (this.#stopping === undefined) this.publisher.cameraChanged()
      },
      ended: () => this.#end('ended'),
      failed: (error) => this.#fail(error),
    })
    this.#calibrations.begin()
    log.info('started', {
      version: VERSION,
      boot: this.bootId,
      source: config.source.kind,
      tracker: config.tracking.tracker,
      model: pkg?.spec.name,
      broker: `${this.broker.host}:${this.broker.port}`,
      embedded: this.broker.embedded,
    })
  }

  snapshot(): Promise<Snapshot> {
    return this.#inference.snapshot()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  get config(): Config {
    return this.#config
  }

  get sensor(): Size {
    return this.#parts.source.size
  }

  get targets(): Daemon['targets'] {
    return this.#inference.handlers
  }

  get calibration(): LiveCalibration {
    return this.#calibrations.live
  }

  get brokerStatus(): BrokerStatus {
    return this.#parts.opened.broker.status
  }

  async reconfigure(config: Config, commit: () => void = () => {}): Promise<void> {
    const change = await captureChange(this.#config, config, this.#parts.source)
    await this.#models.take(config, commit)
    this.#config = config
    this.publisher.setRates(ratesOf(config))
    this.#stateChanged()
    await this.#capture.desk.configure(await this.#calibrations.reread(config, change))
  }

  #judged(outcome: 'kept' | 'reverted', error?: Error): void {
    const verdict = this.#models.judged(outcome, error)
    if (verdict === undefined) return
    const { model } = this.#config
    this.#config = { ...this.#config, model: { ...model, name: verdict.inUse } }
    this.#stateChanged()
    this.#parts.hooks.onModelJudged?.(verdict.judged, outcome, error)
  }

  #handlers(): CommandHandlers {
    return {
      ...this.#inference.handlers,
      ...this.#parts.operations,
      ...this.#calibrations.handlers,
      'record/start': (request) => this.#capture.desk.handlers['record/start'](request),
      'record/stop': () => this.#capture.desk.handlers['record/stop'](),
      snapshot: () => this.snapshot().then(snapshotResult, () => NO_WINDOW),
    }
  }

  /** Publishes what follows from the facts. */
  #stateChanged(): void {
    if (this.#stopping !== undefined) return
    const { publisher, facts } = this
    const { config, source, log, hooks } = this.#parts
    const { pkg, change: modelChange } = this.#models
    const before = publisher.state
    const { state, reason } = facts.state()
    publisher.setState(state, reason)
    publisher.cameraChanged()
    const of = { pkg, modelChange, facts, source: this.#info, size: source.size }
    publisher.setInfo(infoOf(config, { ...of, calibrationIds: this.#calibrations.active.ids }))
    hooks.onState?.()
    if (state === 'ready' && before !== 'ready') {
      log.info('ready', { ms: Math.round(performance.now() - this.#startedMs) })
      this.#resolveReady()
    }
  }

  #fail(error: Error): void {
    if (this.#stopping !== undefined) return
    this.#parts.log.error(error.message, { code: 'code' in error ? String(error.code) : undefined })
    this.#end(error)
  }

  #end(outcome: 'ended' | Error): void {
    if (this.#stopping !== undefined) return
    this.#outcome = outcome
    void this.stop()
  }

  async #stop(): Promise<void> {
    const { log, opened } = this.#parts
    log.info('stopping')
    // While the camera is there to get its settings back.
    await this.#calibrations.close()
    if ((await this.#capture.close()) === 'overdue')
      log.warning('the camera does not come to its end')
    // A scene that is ahead of a camera that has gone waits for nobody.
    await this.#scene?.stop(0)
    await this.#inference.close()
    await this.publisher.close(reasonOf(this.#outcome))
    await opened.close()
    log.info('stopped')
    this.#settleDone(this.#outcome)
  }
}

/** Why it ended, as it is published: nothing for an end in order. */
function reasonOf(outcome: 'ended' | 'stopped' | Error): string | undefined {
  if (!(outcome instanceof Error)) return undefined
  return 'code' in outcome ? `${outcome.code}: ${outcome.message}` : outcome.message
}
