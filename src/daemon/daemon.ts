import { randomBytes } from 'node:crypto'
import { MessageChannel } from 'node:worker_threads'
import { nowUs, systemClock } from '../events/time.js'
import { ENERGY_CONVENTION, energyPerInference } from '../inference/energy.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import { allocateFramePool } from '../pipeline/frame-pool.js'
import { type OpenedBroker, openBroker } from '../publish/open-broker.js'
import type { Publisher } from '../publish/publisher.js'
import type { SourceInfo, SourceState } from '../sources/source.js'
import type { StepResult } from '../tracking/track.js'
import type { CaptureWorkerData } from './capture-worker.js'
import { DaemonFacts } from './facts.js'
import { InferenceThread, type Snapshot } from './inference-thread.js'
import type { Log } from './log.js'
import type { CaptureCommand, CaptureCounters, CaptureMessage } from './messages.js'
import { modelDir } from './models.js'
import { infoOf, openPublisher } from './open-publisher.js'
import { planSource, type SourcePlan } from './plan-source.js'
import { startSceneThread } from './scene-thread.js'
import type { Config } from './schema.js'
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

const STOP_GRACE_MS = 3000
/** A recording at full speed is not dropped: its windows wait here for the tracker. */
const LOSSLESS_SLOTS = 64

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
  readonly #capture: Thread<CaptureCommand>
  readonly #inference: InferenceThread
  readonly #scene: Thread<never> | undefined
  readonly #startedMs = performance.now()
  #info: SourceInfo | undefined
  #resolveReady: () => void = () => {}
  #settleDone: (outcome: 'ended' | 'stopped' | Error) => void = () => {}
  /** Why it stops, decided by whoever asks first. */
  #outcome: 'ended' | 'stopped' | Error = 'stopped'
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    const { config, pkg, opened, log, source, hooks } = parts
    this.#parts = parts
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
    const isCamera = config.source.kind === 'camera' || config.source.kind === 'emulator'
    const energy = energyPerInference(pkg.manifest.energy, 'search')
    const facts = new DaemonFacts({
      isCamera,
      nowUs,
      energy: {
        mj_per_inference: Math.round(energy.microjoules) / 1000,
        convention: ENERGY_CONVENTION,
      },
    })
    this.facts = facts

    const lossless = config.source.pace === 'fast' && !isCamera
    const slots = lossless ? LOSSLESS_SLOTS : config.poolSlots
    const pool = allocateFramePool({ size: source.size, slots })
    const { port1, port2 } = new MessageChannel()
    this.#inference = new InferenceThread(
      {
        pool,
        package: pkg,
        graph: config.model.graph,
        threads: config.model.threads,
        tracking: config.tracking,
        idPrefix: this.bootId,
        take: lossless ? 'oldest' : 'newest',
        windows: port1,
      },
      {
        ready: (openedMs) => {
          facts.inference = 'ready'
          log.info('model ready, golden vectors match', { ms: Math.round(openedMs) })
          this.#stateChanged()
        },
        step: (result, hostUs) => {
          this.publisher.publishStep(result, hostUs)
          hooks.onStep?.(result, hostUs)
        },
        counters: (counters, inferenceMs) => facts.tracked(counters, inferenceMs),
        events: (events) => this.publisher.publishEvents(events),
        failed: (error) => {
          facts.inference = 'failed'
          this.#fail(error)
        },
      },
    )
    this.publisher = openPublisher(config, {
      bootId: this.bootId,
      sensor: source.size,
      broker: opened.broker,
      handlers: this.#inference.handlers,
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
      model: pkg.spec.name,
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

  #startCapture(shared: Pick<CaptureWorkerData, 'pool' | 'windows' | 'lossless'>) {
    const { config, pkg, source, log } = this.#parts
    const { aggregation, differences } = aggregationFor(config, pkg)
    for (const line of differences) log.warning(`aggregation: ${line}`)
    const data: CaptureWorkerData = {
      ...shared,
      size: source.size,
      source: source.request,
      pipeline: { filters: config.filters, aggregation },
    }
    return startThread<CaptureCommand, CaptureMessage>('./capture-worker.js', {
      name: 'capture',
      data,
      transfer: [shared.windows],
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
        this.#stateChanged()
        break
      case 'state':
        this.#onSourceState(message.state)
        break
      case 'counters':
        facts.captured(message)
        hooks.onCounters?.(message)
        break
      case 'ended':
        if (message.how === 'aborted') break
        log.info('the source has ended')
        this.#end('ended')
        break
      case 'failed':
        this.#fail(fromWire(message.error))
        break
    }
  }

  #onSourceState(state: SourceState): void {
    this.facts.sourceState = state
    const calm = state.state === 'streaming' || state.state === 'connecting'
    this.#parts.log[calm ? 'info' : 'warning'](`camera ${state.state}`, {
      code: state.code,
      reason: state.reason,
      serial: state.serial,
    })
    this.#stateChanged()
  }

  /** Publishes what follows from the facts. */
  #stateChanged(): void {
    if (this.#stopping !== undefined) return
    const { publisher, facts } = this
    const { config, pkg, source, log } = this.#parts
    const before = publisher.state
    const { state, reason } = facts.state()
    publisher.setState(state, reason)
    publisher.cameraChanged()
    publisher.setInfo(infoOf(config, { pkg, facts, source: this.#info, size: source.size }))
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
    this.#capture.send({ type: 'close' })
    await this.#capture.stop(STOP_GRACE_MS)
    // A scene that is ahead of a camera that has gone waits for nobody.
    await this.#scene?.stop(0)
    await this.#inference.close()
    await this.publisher.close()
    await opened.close()
    log.info('stopped')
    this.#settleDone(this.#outcome)
  }
}
