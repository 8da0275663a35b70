import { randomBytes } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { nowUs, systemClock } from '../events/time.js'
import { ENERGY_CONVENTION, energyPerInference } from '../inference/energy.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import { allocateFramePool } from '../pipeline/frame-pool.js'
import { type OpenedBroker, openBroker } from '../publish/open-broker.js'
import { Publisher } from '../publish/publisher.js'
import { Spool } from '../publish/spool.js'
import type { SourceInfo } from '../sources/source.js'
import type { StepResult } from '../tracking/track.js'
import type { CaptureWorkerData } from './capture-worker.js'
import { DaemonFacts } from './facts.js'
import type { InferenceWorkerData } from './inference-worker.js'
import type { Log } from './log.js'
import type {
  CaptureCommand,
  CaptureCounters,
  CaptureMessage,
  InferenceCommand,
  InferenceMessage,
} from './messages.js'
import { modelDir } from './models.js'
import { planSource, type SourcePlan } from './plan-source.js'
import { startSceneThread } from './scene-thread.js'
import type { Config } from './schema.js'
import { TargetDesk } from './target-desk.js'
import { fromWire, startThread, type Thread } from './threads.js'
import { aggregationFor } from './tracker-config.js'
import { VERSION } from './version.js'

/** Watchers for the demo and the benchmarks; nothing in the daemon depends on them. */
export interface DaemonHooks {
  readonly onStep?: (result: StepResult, hostUs: number) => void
  readonly onCounters?: (counters: CaptureCounters) => void
}

export interface Daemon {
  readonly bootId: string
  readonly broker: OpenedBroker['endpoint']
  /** Resolves when the network is open and the source streams, for the first time. */
  readonly ready: Promise<void>
  /** Resolves when a recording has ended or stop() is done; rejects when the daemon cannot go on. */
  readonly done: Promise<'ended' | 'stopped'>
  /** Stop is start reversed: source, tracker, publisher, broker. Idempotent. */
  stop(): Promise<void>
  /** A copy of the next window and what was tracked in it. Rejects when none comes within 2 s. */
  snapshot(): Promise<Snapshot>
  readonly publisher: Publisher
  readonly facts: DaemonFacts
}

export type Snapshot = Pick<Extract<InferenceMessage, { type: 'snapshot' }>, 'frame' | 'tracks'>

const STOP_GRACE_MS = 3000
const SNAPSHOT_TIMEOUT_MS = 2000
/** A recording at full speed is not dropped: its windows wait here for the tracker. */
const LOSSLESS_SLOTS = 64

function stateDir(config: Config): string {
  return (
    config.stateDir ??
    process.env['STATE_DIRECTORY']?.split(':')[0] ??
    join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'evtrackd')
  )
}

/** Rejects with EvtrackError before anything runs when configuration, model package, source or broker is refused. */
export async function startDaemon(
  config: Config,
  { log, hooks = {} }: { log: Log; hooks?: DaemonHooks },
): Promise<Daemon> {
  // ONNX Runtime reads this before its first session; a worker's own environment does not reach the native library.
  process.env['ORT_DISABLE_TELEMETRY'] = '1'
  const pkg = await loadModelPackage(modelDir(config.model.name))
  const source = await planSource(config)
  const opened = await openBroker(config.mqtt, systemClock)
  try {
    return new RunningDaemon({ config, log, hooks, pkg, source, opened })
  } catch (error) {
    await opened.close()
    throw error
  }
}

interface Parts {
  readonly config: Config
  readonly log: Log
  readonly hooks: DaemonHooks
  readonly pkg: ModelPackage
  readonly source: SourcePlan
  readonly opened: OpenedBroker
}

class RunningDaemon implements Daemon {
  readonly bootId = randomBytes(4).toString('hex')
  readonly broker: OpenedBroker['endpoint']
  readonly ready: Promise<void>
  readonly done: Promise<'ended' | 'stopped'>
  readonly publisher: Publisher
  readonly facts: DaemonFacts
  readonly #parts: Parts
  readonly #desk: TargetDesk
  readonly #capture: Thread<CaptureCommand>
  readonly #inference: Thread<InferenceCommand>
  readonly #scene: Thread<never> | undefined
  readonly #startedMs = performance.now()
  readonly #snapshots = new Map<number, (snapshot: Snapshot) => void>()
  #snapshotIds = 1
  #info: SourceInfo | undefined
  #resolveReady: () => void = () => {}
  #settle: { resolve: (how: 'ended' | 'stopped') => void; reject: (error: Error) => void } = {
    resolve: () => {},
    reject: () => {},
  }
  #inferenceClosed: () => void = () => {}
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { config, pkg, opened, log } = parts
    this.#parts = parts
    this.broker = opened.endpoint
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Somebody may only ever wait for `ready`.
    this.done.catch(() => {})
    const isCamera = config.source.kind === 'camera' || config.source.kind === 'emulator'
    this.facts = new DaemonFacts({ isCamera, nowUs })
    const energy = energyPerInference(pkg.manifest.energy, 'search')
    this.facts.energy = {
      mj_per_inference: Math.round(energy.microjoules) / 1000,
      convention: ENERGY_CONVENTION,
    }
    this.#desk = new TargetDesk({
      send: (command) => this.#inference.send(command),
      publish: (events) => this.publisher.publishEvents(events),
    })
    this.publisher = this.#createPublisher()
    this.publisher.start()

    const pool = this.#poolMemory()
    const { port1, port2 } = new MessageChannel()
    this.#inference = this.#startInference(pool, port1)
    const { scene } = parts.source
    this.#scene = scene && startSceneThread(scene, (error) => this.#fail(error))
    this.#capture = this.#startCapture(pool, port2)
    log.info('started', {
      version: VERSION,
      boot: this.bootId,
      source: config.source.kind,
      model: pkg.spec.name,
      broker: `${this.broker.host}:${this.broker.port}`,
      embedded: this.broker.embedded,
    })
  }

  async snapshot(): Promise<Snapshot> {
    const id = this.#snapshotIds++
    const timeout = new AbortController()
    const snapshot = new Promise<Snapshot>((resolve) => this.#snapshots.set(id, resolve))
    this.#inference.send({ type: 'snapshot', id })
    const late = systemClock.sleep(SNAPSHOT_TIMEOUT_MS, timeout.signal).then(() => {
      this.#snapshots.delete(id)
      throw new Error(`no window came within ${SNAPSHOT_TIMEOUT_MS} ms`)
    })
    try {
      return await Promise.race([snapshot, late])
    } finally {
      timeout.abort(new Error('answered'))
      late.catch(() => {})
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #lossless(): boolean {
    const { kind, pace } = this.#parts.config.source
    return pace === 'fast' && (kind === 'recording' || kind === 'scene')
  }

  #poolMemory(): SharedArrayBuffer {
    const { config, source } = this.#parts
    const slots = this.#lossless() ? LOSSLESS_SLOTS : config.poolSlots
    return allocateFramePool({ size: source.size, slots })
  }

  #createPublisher(): Publisher {
    const { config, opened, source, log } = this.#parts
    const { mqtt } = config
    return new Publisher({
      deviceName: mqtt.deviceName,
      cameraId: mqtt.cameraId,
      bootId: this.bootId,
      sensor: source.size,
      broker: opened.broker,
      spool: new Spool({
        dir: mqtt.spool.dir ?? join(stateDir(config), 'spool'),
        maxBytes: mqtt.spool.maxBytes,
        maxAgeMs: mqtt.spool.maxAgeMs,
        clock: systemClock,
      }),
      replayPerSecond: mqtt.spool.replayPerSecond,
      healthIntervalMs: mqtt.healthIntervalMs,
      handlers: this.#desk.handlers,
      health: () => this.facts.health(),
      camera: () => this.facts.camera(),
      onBrokerError: (error) => log.warning(error.message, { code: error.code, next: error.next }),
      onBrokerConnected: (status) => log.info('broker connected', { protocol: status.protocol }),
    })
  }

  #startInference(pool: SharedArrayBuffer, windows: MessageChannel['port1']) {
    const { config, pkg } = this.#parts
    const data: InferenceWorkerData = {
      pool,
      package: pkg,
      graph: config.model.graph,
      threads: config.model.threads,
      tracking: config.tracking,
      idPrefix: this.bootId,
      take: this.#lossless() ? 'oldest' : 'newest',
      windows,
    }
    return startThread<InferenceCommand, InferenceMessage>('./inference-worker.js', {
      name: 'inference',
      data,
      transfer: [windows],
      onMessage: (message) => this.#onInference(message),
      onFailed: (error) => this.#fail(error),
    })
  }

  #startCapture(pool: SharedArrayBuffer, windows: MessageChannel['port2']) {
    const { config, pkg, source, log } = this.#parts
    const { aggregation, differences } = aggregationFor(config, pkg)
    for (const line of differences) log.warning(`aggregation: ${line}`)
    const data: CaptureWorkerData = {
      pool,
      size: source.size,
      source: source.request,
      pipeline: { filters: config.filters, aggregation },
      lossless: this.#lossless(),
      windows,
    }
    return startThread<CaptureCommand, CaptureMessage>('./capture-worker.js', {
      name: 'capture',
      data,
      transfer: [windows],
      onMessage: (message) => this.#onCapture(message),
      onFailed: (error) => this.#fail(error),
    })
  }

  #onCapture(message: CaptureMessage): void {
    const { facts } = this
    const { log, hooks } = this.#parts
    switch (message.type) {
      case 'started':
        this.#info = message.info
        // A recording or a scene has no states of its own: it streams from the start.
        if (message.info.kind !== 'camera') facts.sourceState = { state: 'streaming' }
        this.#publishInfo()
        this.#stateChanged()
        break
      case 'state': {
        const { state, code, reason, serial } = message.state
        facts.sourceState = message.state
        const level = state === 'streaming' || state === 'connecting' ? 'info' : 'warning'
        log[level](`camera ${state}`, { code, reason, serial })
        this.#publishInfo()
        this.#stateChanged()
        break
      }
      case 'counters':
        facts.captured(message)
        hooks.onCounters?.(message)
        break
      case 'ended':
        log.info(message.how === 'end' ? 'the source has ended' : 'capture stopped')
        if (message.how === 'end') void this.stop().then(() => this.#settle.resolve('ended'))
        break
      case 'failed':
        this.#fail(fromWire(message.error))
        break
    }
  }

  #onInference(message: InferenceMessage): void {
    const { facts, publisher } = this
    const { log, hooks } = this.#parts
    switch (message.type) {
      case 'ready':
        facts.inference = 'ready'
        log.info('model ready, golden vectors match', { ms: Math.round(message.openedMs) })
        this.#publishInfo()
        this.#stateChanged()
        break
      case 'step':
        publisher.publishStep(message.result, message.hostUs)
        hooks.onStep?.(message.result, message.hostUs)
        break
      case 'counters':
        facts.tracked(message.counters, message.inferenceMs)
        break
      case 'reply':
        this.#desk.reply(message)
        break
      case 'snapshot':
        this.#snapshots.get(message.id)?.(message)
        this.#snapshots.delete(message.id)
        break
      case 'closed':
        publisher.publishEvents(message.events)
        this.#inferenceClosed()
        break
      case 'failed':
        facts.inference = 'failed'
        this.#fail(fromWire(message.error))
        break
    }
  }

  #stateChanged(): void {
    const { state, reason } = this.facts.state()
    if (this.#stopping === undefined) {
      const before = this.publisher.state
      this.publisher.setState(state, reason)
      this.publisher.cameraChanged()
      if (state === 'ready' && before !== 'ready') {
        this.#parts.log.info('ready', { ms: Math.round(performance.now() - this.#startedMs) })
        this.#resolveReady()
      }
    }
  }

  #publishInfo(): void {
    const { config, pkg, source } = this.#parts
    const { facts } = this
    const state = facts.sourceState
    const ready = facts.inference === 'ready'
    this.publisher.setInfo({
      evtrackd: VERSION,
      model: ready ? { name: pkg.spec.name, sha256: pkg.spec.sha256 } : null,
      backend: ready ? `onnxruntime cpu ${config.model.graph}` : null,
      camera: {
        id: config.mqtt.cameraId,
        source: this.#info?.kind === 'recording' ? this.#info.name : config.source.kind,
        serial: state.serial ?? this.#info?.serial ?? null,
        firmware: state.firmware === undefined ? null : String(state.firmware),
        logic: state.logic === undefined ? null : String(state.logic),
        image_size: [source.size.width, source.size.height],
      },
      calibration_ids: [],
      clock_source: config.source.kind,
    })
  }

  #fail(error: Error): void {
    if (this.#stopping !== undefined) return
    this.#parts.log.error(error.message, { code: 'code' in error ? String(error.code) : undefined })
    void this.stop().then(() => this.#settle.reject(error))
  }

  async #stop(): Promise<void> {
    const { log, opened } = this.#parts
    log.info('stopping')
    this.#capture.send({ type: 'close' })
    await this.#capture.stop(STOP_GRACE_MS)
    // A scene that is ahead of a camera that has gone waits for nobody.
    await this.#scene?.stop(0)
    const closed = new Promise<void>((resolve) => {
      this.#inferenceClosed = resolve
    })
    this.#inference.send({ type: 'close' })
    await Promise.race([closed, this.#inference.stop(STOP_GRACE_MS)])
    await this.#inference.stop(STOP_GRACE_MS)
    this.#desk.close()
    await this.publisher.close()
    await opened.close()
    log.info('stopped')
    this.#settle.resolve('stopped')
  }
}
