import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { GuardOptions } from '../calibration/guard/schema.js'
import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import { nowUs, systemClock } from '../events/time.js'
import { FrameWriter } from '../pipeline/frame-pool.js'
import type { FrameSink } from '../pipeline/frame-sink.js'
import { Pipeline, type PipelineConfig } from '../pipeline/pipeline.js'
import type { SourceSink, SourceState } from '../sources/source.js'
import { UsbError } from '../usb/port.js'
import { CaptureCamera } from './capture-camera.js'
import { CaptureLoan } from './capture-loan.js'
import { CaptureRecorder } from './capture-recorder.js'
import type { CaptureCommand, CaptureMessage, CaptureReply, WindowReady } from './messages.js'
import { type OpenedSource, openSource, type SourceRequest } from './open-source.js'
import { toWire } from './threads.js'

/**
 * The capture thread: owns the source. USB completions run on its loop, so nothing else may: it filters, aggregates
 * into the frame pool and says that a window is ready.
 */
export interface CaptureWorkerData {
  readonly pool: SharedArrayBuffer
  readonly size: Size
  readonly source: SourceRequest
  readonly pipeline: PipelineConfig
  /** Wait for the inference thread instead of dropping windows (recordings at full speed). */
  readonly lossless: boolean
  /** Cameras only. */
  readonly guard?: GuardOptions
  readonly windows: MessagePort
}

const COUNTERS_EVERY_MS = 1000
const WAIT_FOR_READER_MS = 1

const data = workerData as CaptureWorkerData
const main = parentPort!

function post(message: CaptureMessage): void {
  main.postMessage(message)
}

async function work(): Promise<void> {
  const stop = new AbortController()
  const opened = await openSource(data.source, systemClock)
  const { source } = opened
  post({ type: 'started', info: source.info })

  const writer = new FrameWriter(data.pool)
  const ready: WindowReady = { type: 'window' }
  const frames: FrameSink = {
    claim: () => writer.claim(),
    commit: (header) => {
      writer.commit(header)
      data.windows.postMessage(ready)
    },
  }
  const pipeline = new Pipeline(data.pipeline, data.size, frames)
  let lastEventHostUs = 0
  let temperatureC: number | undefined

  const recorder = new CaptureRecorder(data.size, systemClock)
  const camera = cameraOf(opened)
  const loan = new CaptureLoan(camera, opened.show)
  let state: SourceState | undefined

  const roomForWindows = async (): Promise<void> => {
    while (writer.waiting > writer.slots / 2 && !stop.signal.aborted) {
      await systemClock.sleep(WAIT_FOR_READER_MS)
    }
  }
  const sink: SourceSink = {
    events: (batch) => {
      lastEventHostUs = batch.hostUs
      if (batch.length > 0) {
        camera?.guard?.count(batch.length, batch.t0Us + batch.dtUs[batch.length - 1]!)
      }
      // Before the filters, which compact the batch in place.
      recorder.sink?.events(batch)
      void loan.sink?.events(batch)
      pipeline.events(batch)
      if (data.lossless && writer.waiting > writer.slots / 2) return roomForWindows()
      return undefined
    },
    time: (tUs, hostUs) => {
      camera?.guard?.time(tUs)
      recorder.sink?.time(tUs, hostUs)
      loan.sink?.time(tUs, hostUs)
      pipeline.time(tUs, hostUs)
    },
    gap: (gap) => {
      recorder.sink?.gap(gap)
      loan.sink?.gap(gap)
      if (gap.reason === 'reconnect' || gap.reason === 'reset') camera?.guard?.restart()
      pipeline.gap(gap)
    },
    image: (image) => {
      recorder.sink?.image(image)
      loan.sink?.image?.(image)
    },
    trigger: (trigger) => recorder.sink?.trigger(trigger),
    imu: (sample) => {
      recorder.sink?.imu(sample)
      loan.sink?.imu?.(sample)
      if (!Number.isNaN(sample.temperatureC)) temperatureC = sample.temperatureC
    },
    state: (now) => {
      state = now
      loan.sink?.state?.(now)
      post({ type: 'state', state: now })
    },
  }
  const timer = setInterval(() => {
    const extra = opened.extra?.() ?? {}
    const recording = recorder.report()
    if (recorder.ended)
      void recorder.stop().then((report) => report && post({ type: 'recorded', report }))
    post({
      type: 'counters',
      atUs: nowUs(),
      lastEventHostUs,
      source: source.counters(),
      filters: pipeline.filters.counters.snapshot(),
      aggregation: pipeline.aggregator.counters.snapshot(),
      pool: writer.counters.snapshot(),
      ...(temperatureC === undefined ? {} : { temperatureC }),
      ...(recording === undefined ? {} : { recording }),
      ...(camera?.guard === undefined ? {} : { guard: camera.guard.state() }),
      ...extra,
    })
  }, COUNTERS_EVERY_MS)
  const perform = async (
    command: Exclude<CaptureCommand, { type: 'close' }>,
  ): Promise<Partial<CaptureReply>> => {
    switch (command.type) {
      case 'configure': {
        const { filters, preset, guard } = command
        if (filters !== undefined) pipeline.filters.update(filters)
        if (guard !== undefined) await camera?.setGuard(guard.enabled ? guard : undefined)
        if (preset !== undefined) await camera?.configure(preset)
        return {}
      }
      case 'lend': {
        const { preset, signals, show } = command
        await loan.lend(preset, {
          signals,
          ...(state !== undefined && { state }),
          ...(show !== undefined && { show }),
        })
        return {}
      }
      case 'set':
        await loan.set(command.preset)
        return {}
      case 'give-back': {
        const lost = await loan.giveBack()
        return lost === undefined ? {} : { lost }
      }
      case 'record-start':
      case 'record-stop': {
        const report = await (command.type === 'record-start'
          ? recorder.start(command.order)
          : recorder.stop())
        return report === undefined ? {} : { report }
      }
    }
  }
  // A camera is lent and given back in the order in which it was asked for.
  let turn: Promise<unknown> = Promise.resolve()
  const performInTurn = (command: Exclude<CaptureCommand, { type: 'close' }>) => {
    const done = turn.then(() => perform(command))
    turn = done.catch(() => {})
    return done
  }
  main.on('message', (command: CaptureCommand) => {
    if (command.type === 'close') {
      stop.abort(new Error('closing'))
      return
    }
    const { id } = command
    performInTurn(command).then(
      (reply) => post({ type: 'reply', id, ...reply }),
      (error: unknown) => {
        // Anything else is a defect of this program and ends it.
        if (!(error instanceof EvtrackError || error instanceof UsbError)) throw error
        post({ type: 'reply', id, error: toWire(error) })
      },
    )
  })

  try {
    const how = await source.run(sink, stop.signal)
    // The last windows are worked off before anybody is told that this is the end.
    while (how === 'end' && writer.waiting > 0 && !stop.signal.aborted)
      await systemClock.sleep(WAIT_FOR_READER_MS)
    post({ type: 'ended', how })
  } finally {
    clearInterval(timer)
    camera?.close()
    loan.close()
    const report = await recorder.stop()
    if (report !== undefined) post({ type: 'recorded', report })
    await opened.close()
    data.windows.close()
  }
}

/** Undefined for a source that is no camera. */
function cameraOf({ source, configure }: OpenedSource): CaptureCamera | undefined {
  const request = data.source
  if (configure === undefined || !('camera' in request)) return undefined
  return new CaptureCamera({
    preset: request.camera.preset,
    ...(data.guard !== undefined && { guard: data.guard }),
    configure,
    dropped: () => {
      const { muxDvsDropped = 0, dvsDropped = 0 } = source.counters()
      return muxDvsDropped + dvsDropped
    },
    onGuard: (state) => post({ type: 'guard', state }),
  })
}

// The port closes last: what is posted after that is lost without a word.
work()
  .catch((error: unknown) => post({ type: 'failed', error: toWire(error) }))
  .finally(() => main.close())
