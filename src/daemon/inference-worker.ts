import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { EvtrackError } from '../events/errors.js'
import type { BackendReport } from '../inference/backends/backend.js'
import type { InferenceConfig } from '../inference/backends/schema.js'
import type { ModelPackage } from '../inference/model-package.js'
import { FrameReader } from '../pipeline/frame-pool.js'
import type { NetworkManager, TargetManager } from '../tracking/manager.js'
import type { TrackingConfig } from '../tracking/schema.js'
import type { InferenceCommand, InferenceMessage, WindowReady } from './messages.js'
import { ModelSwitch } from './model-switch.js'
import { type OpenModel, openModel } from './open-model.js'
import { createTracker } from './open-tracker.js'
import { toWire } from './threads.js'

/**
 * The inference thread: takes windows from the frame pool, runs the tracker and posts what it made of them. It is a
 * thread of its own because an inference blocks the thread it runs on.
 */
export interface InferenceWorkerData {
  readonly pool: SharedArrayBuffer
  /** None for a tracker without a network. */
  readonly package: ModelPackage | undefined
  readonly graph: 'int8' | 'fp32'
  readonly threads: number
  readonly lanes: number
  readonly inference: InferenceConfig
  readonly tracking: TrackingConfig
  readonly idPrefix: string
  /** 'newest': a late window is worth nothing. 'oldest': every window counts (recordings at full speed). */
  readonly take: 'newest' | 'oldest'
  /** Where the capture thread says that a window is ready. */
  readonly windows: MessagePort
}

const COUNTERS_EVERY_MS = 1000

const data = workerData as InferenceWorkerData
const main = parentPort!

function post(message: InferenceMessage, transfer: readonly ArrayBuffer[] = []): void {
  main.postMessage(message, transfer)
}

async function work(): Promise<void> {
  const reader = new FrameReader(data.pool)
  const started = performance.now()
  const onBackend = (report: BackendReport) => post({ type: 'backend', report })
  const model = data.package && (await openModel(data.package, { ...data, onBackend }))
  const manager = createTracker(data.tracking.tracker, {
    session: model?.session,
    size: reader.size,
    config: data.tracking,
    idPrefix: data.idPrefix,
  })
  const models = model && switchOf(manager as NetworkManager, model)
  post({ type: 'ready', openedMs: performance.now() - started })

  let running = false
  let closing = false
  let inferenceMs: number[] = []
  let snapshotAsked = false
  const take = () => (data.take === 'newest' ? reader.takeNewest() : reader.takeOldest())

  const drain = async (): Promise<void> => {
    if (running) return
    running = true
    try {
      await drainWindows()
      // Energy is measured and answers are checked when no window waits; whatever has come in meanwhile is next.
      while (!closing && (await idleWork(models?.model))) await drainWindows()
    } catch (error) {
      post({ type: 'failed', error: toWire(error) })
    } finally {
      running = false
    }
    if (closing) await close()
  }

  let lostBefore = 0
  const lost = (): number => {
    const { skipped, missed } = reader.counters.snapshot()
    const now = skipped + missed - lostBefore
    lostBefore += now
    return now
  }

  const drainWindows = async (): Promise<void> => {
    await models?.turn()
    for (let frame = take(); frame !== undefined && !closing; frame = take()) {
      try {
        const result = await manager.step(frame)
        const { hostUs, broken, gapUs } = frame.header
        if (snapshotAsked) {
          snapshotAsked = false
          const { header, width, height } = frame
          const planes = new Uint8Array(frame.planes)
          const copy = { header, width, height, planes }
          post({ type: 'snapshot', frame: copy, tracks: result.tracks }, [planes.buffer])
        }
        post({ type: 'step', result, hostUs, broken, gapUs })
        if (result.inferences > 0) inferenceMs.push(result.inferenceMs)
        const { inferences: searches, inferenceMs: ms } = result
        await models?.stepped({ searches, ms, lost: lost() })
      } catch (error) {
        if (!(await models?.failed(error))) throw error
      } finally {
        reader.release(frame.slot)
      }
      await models?.turn()
      // Commands and new windows arrive between two windows.
      await new Promise(setImmediate)
    }
  }

  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= (async () => {
      clearInterval(timer)
      const events = await manager.close()
      await models?.close()
      post({ type: 'closed', events })
      data.windows.close()
      main.close()
    })()
    return closed
  }

  const timer = setInterval(() => {
    const counters = { ...reader.counters.snapshot(), ...manager.counters() }
    const energy = models?.model.sampler?.measured()
    post({ type: 'counters', counters, inferenceMs, ...(energy && { energy }) })
    inferenceMs = []
    const backend = models?.model.backend
    if (backend !== undefined) onBackend(backend.report)
  }, COUNTERS_EVERY_MS)

  data.windows.on('message', (_: WindowReady) => void drain())
  main.on('message', (command: InferenceCommand) => {
    if (command.type === 'close') {
      closing = true
      if (!running) void close()
    } else if (command.type === 'snapshot') snapshotAsked = true
    else if (command.type === 'switch-model') {
      // Also where no windows come.
      void models?.prepare(command.id, command.package).then(drain)
    } else answer(manager, command)
  })
  void drain()
}

/** True if there was something to do. */
async function idleWork(model: OpenModel | undefined): Promise<boolean | undefined> {
  return (await model?.backend?.check()) || (await model?.sampler?.sample())
}

function switchOf(manager: NetworkManager, model: OpenModel): ModelSwitch {
  return new ModelSwitch({
    manager,
    model,
    open: async (pkg) => {
      const { runGolden } = await import('./lane-thread.js')
      const { graph, threads, lanes, inference } = data
      await runGolden(pkg, { graph, ortDir: inference.ortDir })
      const options = { graph, threads, lanes, inference, skipGolden: true } as const
      const model = await openModel(pkg, options)
      // It is judged by its pace, so it must be at its own.
      await model.backend?.settled
      return model
    },
    report: post,
  })
}

function answer(
  manager: TargetManager,
  command: Extract<InferenceCommand, { type: 'start-target' | 'stop-target' }>,
) {
  const { id } = command
  try {
    if (command.type === 'start-target') {
      const event = manager.start(command.box, command.label)
      post({ type: 'reply', id, event })
    } else {
      const event = manager.stop(command.target)
      post(event === undefined ? { type: 'reply', id } : { type: 'reply', id, event })
    }
  } catch (error) {
    if (!(error instanceof EvtrackError)) throw error
    post({ type: 'reply', id, error: toWire(error) })
  }
}

work().catch((error: unknown) => {
  post({ type: 'failed', error: toWire(error) })
  main.close()
})
