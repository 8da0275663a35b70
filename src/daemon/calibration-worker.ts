import { parentPort, workerData } from 'node:worker_threads'
import type { CalibrationKind } from '../calibration/kind.js'
import { loadKind } from '../calibration/kinds.js'
import { CalibrationSession } from '../calibration/session.js'
import type { Preset } from '../davis346/schema.js'
import { nowUs } from '../events/time.js'
import type { SourceSink } from '../sources/source.js'
import { takenOf } from './calibration-feed.js'
import type {
  CalibrationCommand,
  CalibrationMessage,
  CalibrationSignal,
  CalibrationWorkerData,
} from './calibration-signals.js'
import { fromWire, toWire } from './threads.js'

/**
 * One calibration beside a tracker: it gets copies of what the camera sends, and asks the main thread for the settings
 * it wants. Fits and pictures take their time here, where neither USB nor MQTT waits for them.
 */

const TICK_MS = 20
const TICKS_PER_PROGRESS = 5

type Begin = Extract<CalibrationCommand, { type: 'begin' }>
type Done = Extract<CalibrationCommand, { type: 'done' }>

const { kind: name, signals } = workerData as CalibrationWorkerData
const main = parentPort!
const waiting = new Map<number, (done: Done) => void>()
let lastId = 0
let onBegin: (begin: Begin) => void = () => {}

function post(message: CalibrationMessage): void {
  main.postMessage(message)
}

/** Resolves when the camera has these settings. */
async function ask(type: 'lend' | 'set', preset: Preset): Promise<void> {
  const id = ++lastId
  const done = await new Promise<Done>((resolve) => {
    waiting.set(id, resolve)
    post({ type, id, preset })
  })
  waiting.delete(id)
  if (done.error !== undefined) throw fromWire(done.error)
}

function deliver(signal: CalibrationSignal, sink: SourceSink): void {
  switch (signal.type) {
    case 'events':
      void sink.events(signal.batch)
      break
    case 'time':
      sink.time(signal.tUs, signal.hostUs)
      break
    case 'image':
      sink.image?.(signal.image)
      break
    case 'imu':
      for (const sample of signal.samples) sink.imu?.(sample)
      break
    case 'gap':
      sink.gap(signal.gap)
      break
    case 'state':
      sink.state?.(signal.state)
      break
  }
}

async function measure(kind: CalibrationKind, { context, base }: Begin): Promise<void> {
  const { seconds, options } = context
  const during = base && (kind.prepare?.(base, options) ?? base)
  const told = { ...context, ...(during !== undefined && { preset: during }) }
  // Judged before the camera is asked for: options that can never give a result disturb nobody.
  const measurement = kind.create(told)
  if (during === undefined) {
    post({ type: 'finished', outcome: measurement.finish(), seconds: 0 })
    return
  }
  const session = new CalibrationSession({
    kind,
    measurement,
    seconds,
    settle: true,
    configure: (preset) => ask('set', preset),
  })
  await ask('lend', during)
  let ticks = 0
  const over = new Promise<void>((resolve) => {
    session.over.addEventListener('abort', () => resolve(), { once: true })
  })
  const timer = setInterval(() => {
    session.tick(nowUs())
    if (++ticks % TICKS_PER_PROGRESS === 0) {
      post({ type: 'progress', progress: session.progress() })
    }
  }, TICK_MS)
  signals.on('message', (signal: CalibrationSignal) => {
    deliver(signal, session.sink)
    const taken = takenOf(signal)
    if (taken !== undefined) signals.postMessage(taken)
  })
  await over
  clearInterval(timer)
  if (!session.finished) throw session.over.reason
  const progress = session.progress()
  post({ type: 'progress', progress: { ...progress, share: 1 } })
  post({ type: 'finished', outcome: session.finish(), seconds: progress.seconds })
}

async function work(): Promise<void> {
  const begun = new Promise<Begin>((resolve) => {
    onBegin = resolve
  })
  const kind = await loadKind(name)
  const { title, ask: told, seconds, dataVersion, emulated } = kind
  post({ type: 'kind', facts: { title, ask: told, seconds, dataVersion, emulated } })
  await measure(kind, await begun)
}

main.on('message', (command: CalibrationCommand) => {
  if (command.type === 'begin') onBegin(command)
  else waiting.get(command.id)?.(command)
})

// The port closes last: what is posted after that is lost without a word.
work()
  .catch((error: unknown) => post({ type: 'failed', error: toWire(error) }))
  .finally(() => {
    signals.close()
    main.close()
  })
