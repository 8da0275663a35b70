import { randomBytes } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import type { Size } from '../events/geometry.js'
import { nowUs } from '../events/time.js'
import type { ModelPackage } from '../inference/model-package.js'
import { allocateFramePool } from '../pipeline/frame-pool.js'
import type { BrokerStatus } from '../publish/broker.js'
import type { OpenedBroker } from '../publish/open-broker.js'
import type { Publisher } from '../publish/publisher.js'
import type { CommandHandlers } from '../publish/requests.js'
import type { SourceInfo, SourceState } from '../sources/source.js'
import { ActiveCalibration } from './active-calibration.js'
import { captureData } from './capture-data.js'
import { type CaptureEvents, CaptureThread } from './capture-thread.js'
import type { CaptureWorkerData } from './capture-worker.js'
import type { Daemon, DaemonHooks, Operations } from './daemon-types.js'
import { energyOf } from './energy-of.js'
import { DaemonFacts } from './facts.js'
import { InferenceThread, type Snapshot } from './inference-thread.js'
import type { Log } from './log.js'
import { ModelDesk } from './model-desk.js'
import { infoOf, openPublisher, ratesOf } from './open-publisher.js'
import { isCamera, type SourcePlan } from './plan-source.js'
import { captureChange } from './reload.js'
import { startSceneThread } from './scene-thread.js'
import type { Config } from './schema.js'
import { NO_WINDOW, snapshotResult } from './snapshot-command.js'
import { recordingsDir } from './state-dir.js'
import type { Thread } from './threads.js'
import { VERSION } from './version.js'

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
  readonly #calibration: ActiveCalibration
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
    this.#calibration = new ActiveCalibration(log)
    this.#calibration.load(config, config.camera.serial)
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
    facts.knownDriftPpm = this.#calibration.driftPpm

    const lossless = config.source.pace === 'fast' && !isCamera(config)
    const slots = lossless ? LOSSLESS_SLOTS : config.poolSlots
    const pool = allocateFramePool({ size: source.size, slots })
    const { port1, port2 } = new MessageChannel()
    this.#inference = new InferenceThread(
      {
        pool,
        package: pkg,
        graph: config.model.graph,
        threads: config.model.threads,
        lanes: config.model.lanes,
        tracking: config.tracking,
        idPrefix: this.bootId,
        take: lossless ? 'oldest' : 'newest',
        windows: port1,
      },
      {
        ready: (openedMs) => {
          facts.inference = 'ready'
          const what = pkg
            ? 'model ready, golden vectors match'
            : 'tracker ready, it needs no model'
          log.info(what, { ms: Math.round(openedMs) })
          this.#stateChanged()
        },
        step: (result, hostUs) => {
          const { zones, places } = this.#calibration
          this.publisher.publishStep(places.step(zones.step(result)), hostUs)
          hooks.onStep?.(result, hostUs)
        },
        counters: ({ counters, inferenceMs, energy }) =>
          facts.tracked(counters, inferenceMs, energy),
        events: (events) => this.publisher.publishEvents(events),
        judged: (outcome, error) => this.#judged(outcome, error),
        failed: (error) => {
          facts.inference = 'failed'
          this.#fail(error)
        },
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
    this.#capture = this.#startCapture({ pool, windows: port2, lossless })
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

  get config(): Config {
    return this.#config
  }

  get sensor(): Size {
    return this.#parts.source.size
  }

  get targets(): Daemon['targets'] {
    return this.#inference.handlers
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
    await this.#capture.desk.configure(this.#calibration.over(change))
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
      'record/start': (request) => this.#capture.desk.handlers['record/start'](request),
      'record/stop': () => this.#capture.desk.handlers['record/stop'](),
      snapshot: () => this.snapshot().then(snapshotResult, () => NO_WINDOW),
    }
  }

  #startCapture(shared: Pick<CaptureWorkerData, 'pool' | 'windows' | 'lossless'>): CaptureThread {
    const { log, hooks } = this.#parts
    const { facts } = this
    const data = captureData(this.#parts, this.#calibration, shared)
    const events: CaptureEvents = {
      started: (info) => {
        this.#info = info
        // A recording or a scene has no states of its own: it streams from the start.
        if (info.kind !== 'camera') facts.sourceState = { state: 'streaming' }
        this.#useCalibrations(info.serial)
        this.#stateChanged()
      },
      state: (state) => this.#onSourceState(state),
      counters: (counters) => {
        facts.captured(counters)
        hooks.onCounters?.(counters)
      },
      recorded: ({ name, bytes, stopped }) =>
        log[stopped === 'write-failed' ? 'error' : 'info']('a recording has ended', {
          name,
          bytes,
          stopped,
        }),
      guarded: (state) => {
        log[state.level === 0 ? 'info' : 'warning']('event-rate guard', facts.guarded(state))
        if (this.#stopping === undefined) this.publisher.cameraChanged()
      },
      ended: () => {
        log.info('the source has ended')
        this.#end('ended')
      },
      failed: (error) => this.#fail(error),
    }
    return new CaptureThread(data, events, () => {
      const { minFreeBytes, maxBytes } = this.#config.recording
      const { serial } = facts.sourceState
      const directory = recordingsDir(this.#config)
      return { directory, minFreeBytes, maxBytes, ...(serial !== undefined && { serial }) }
    })
  }

  #onSourceState(state: SourceState): void {
    this.facts.sourceState = state
    const calm = state.state === 'streaming' || state.state === 'connecting'
    this.#parts.log[calm ? 'info' : 'warning'](`camera ${state.state}`, {
      code: state.code,
      reason: state.reason,
      serial: state.serial,
    })
    this.#useCalibrations(state.serial)
    this.#stateChanged()
  }

  /** The camera has said who it is. */
  #useCalibrations(serial: string | undefined): void {
    if (serial === undefined || !this.#calibration.load(this.#config, serial)) return
    this.facts.knownDriftPpm = this.#calibration.driftPpm
    const { desk } = this.#capture
    const change = this.#calibration.whole(this.#config, isCamera(this.#config))
    change
      .then((it) => desk.configure(it))
      .catch((error: Error) => this.#parts.log.warning(error.message))
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
    publisher.setInfo(infoOf(config, { ...of, calibrationIds: this.#calibration.ids }))
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
    await this.#capture.close()
    // A scene that is ahead of a camera that has gone waits for nobody.
    await this.#scene?.stop(0)
    await this.#inference.close()
    await this.publisher.close()
    await opened.close()
    log.info('stopped')
    this.#settleDone(this.#outcome)
  }
}
