import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { EvtrackError } from '../events/errors.js'
import { EnergySampler } from '../inference/energy-sampler.js'
import type { ModelPackage } from '../inference/model-package.js'
import { FrameReader } from '../pipeline/frame-pool.js'
import type { TargetManager } from '../tracking/manager.js'
import type { TrackingConfig } from '../tracking/schema.js'
import type { InferenceCommand, InferenceMessage, WindowReady } from './messages.js'
import { createTracker, openSession } from './open-tracker.js'
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
  const opened = await openSession(data.package, data)
  const sampler = await openSampler()
  const session = opened && (sampler?.watch(opened) ?? opened)
  const manager = createTracker(data.tracking.tracker, {
    session,
    size: reader.size,
    config: data.tracking,
    idPrefix: data.idPrefix,
  })
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
      // Energy is measured when no window waits; whatever has come in meanwhile is next.
      while (!closing && (await sampler?.sample())) await drainWindows()
    } catch (error) {
      post({ type: 'failed', error: toWire(error) })
    } finally {
      running = false
    }
    if (closing) await close()
  }

  const drainWindows = async (): Promise<void> => {
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
      } finally {
        reader.release(frame.slot)
      }
      // Commands and new windows arrive between two windows.
      await new Promise(setImmediate)
    }
  }

  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= (async () => {
      clearInterval(timer)
      const events = await manager.close()
      await session?.close()
      await sampler?.close()
      post({ type: 'closed', events })
      data.windows.close()
      main.close()
    })()
    return closed
  }

  const timer = setInterval(() => {
    const counters = { ...reader.counters.snapshot(), ...manager.counters() }
    const energy = sampler?.measured()
    post({ type: 'counters', counters, inferenceMs, ...(energy && { energy }) })
    inferenceMs = []
  }, COUNTERS_EVERY_MS)

  data.windows.on('message', (_: WindowReady) => void drain())
  main.on('message', (command: InferenceCommand) => {
    if (command.type === 'close') {
      closing = true
      if (!running) void close()
    } else if (command.type === 'snapshot') snapshotAsked = true
    else answer(manager, command)
  })
  void drain()
}

/** Opened before the daemon is ready, so that no window waits for it. None for a package that describes no integers. */
async function openSampler(): Promise<EnergySampler | undefined> {
  const pkg = data.package
  if (pkg === undefined || pkg.network === null) return undefined
  const { openEnergyMeter } = await import('../inference/energy-meter.js')
  const meter = await openEnergyMeter(pkg, { graph: data.graph, parts: ['search'] })
  return new EnergySampler({ meter, prices: pkg.manifest.energy })
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
