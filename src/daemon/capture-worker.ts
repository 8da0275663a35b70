import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Size } from '../events/geometry.js'
import { nowUs, systemClock } from '../events/time.js'
import { FrameWriter } from '../pipeline/frame-pool.js'
import type { FrameSink } from '../pipeline/frame-sink.js'
import { Pipeline, type PipelineConfig } from '../pipeline/pipeline.js'
import type { SourceSink } from '../sources/source.js'
import type { CaptureCommand, CaptureMessage, WindowReady } from './messages.js'
import { openSource, type SourceRequest } from './open-source.js'
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

  const roomForWindows = async (): Promise<void> => {
    while (writer.waiting > writer.slots / 2 && !stop.signal.aborted) {
      await systemClock.sleep(WAIT_FOR_READER_MS)
    }
  }
  const sink: SourceSink = {
    events: (batch) => {
      lastEventHostUs = batch.hostUs
      pipeline.events(batch)
      if (data.lossless && writer.waiting > writer.slots / 2) return roomForWindows()
      return undefined
    },
    time: (tUs, hostUs) => pipeline.time(tUs, hostUs),
    gap: (gap) => pipeline.gap(gap),
    imu: (sample) => {
      if (!Number.isNaN(sample.temperatureC)) temperatureC = sample.temperatureC
    },
    state: (state) => post({ type: 'state', state }),
  }
  const timer = setInterval(() => {
    const extra = opened.extra?.() ?? {}
    post({
      type: 'counters',
      atUs: nowUs(),
      lastEventHostUs,
      source: source.counters(),
      filters: pipeline.filters.counters.snapshot(),
      aggregation: pipeline.aggregator.counters.snapshot(),
      pool: writer.counters.snapshot(),
      ...(temperatureC === undefined ? {} : { temperatureC }),
      ...extra,
    })
  }, COUNTERS_EVERY_MS)
  main.on('message', (command: CaptureCommand) => {
    if (command.type === 'close') stop.abort(new Error('closing'))
  })

  try {
    const how = await source.run(sink, stop.signal)
    // The last windows are worked off before anybody is told that this is the end.
    while (how === 'end' && writer.waiting > 0 && !stop.signal.aborted)
      await systemClock.sleep(WAIT_FOR_READER_MS)
    post({ type: 'ended', how })
  } finally {
    clearInterval(timer)
    await opened.close()
    data.windows.close()
  }
}

// The port closes last: what is posted after that is lost without a word.
work()
  .catch((error: unknown) => post({ type: 'failed', error: toWire(error) }))
  .finally(() => main.close())
