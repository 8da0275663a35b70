import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createDecoder, type DecoderSink } from '../../davis346/decoder.js'
import type { StreamLayout } from '../../davis346/layout.js'
import { DAVIS346_SIZE } from '../../events/geometry.js'
import { allocateFramePool, FrameReader, FrameWriter } from '../../pipeline/frame-pool.js'
import { Pipeline, type PipelineConfig } from '../../pipeline/pipeline.js'
import type { WordStream } from './word-streams.js'

export interface HotPathResult {
  readonly stream: string
  readonly events: number
  readonly seconds: number
  /** Processor time of the whole process in these seconds: less than them when other programs wanted the core too. */
  readonly cpuSeconds: number
  readonly eventsPerSecond: number
  readonly nsPerEvent: number
  /** Device time that was played. */
  readonly deviceSeconds: number
  /** Growth of the JavaScript heap from before to after, each time after a full collection. */
  readonly heapGrowthBytes: number
}

export interface PipelineResult extends HotPathResult {
  readonly eventsKept: number
  readonly windows: number
}

/** Played and thrown away first, so that what is measured is compiled code. */
const WARM_UP_EVENTS = 8_000_000

const LAYOUT: StreamLayout = {
  dvs: { columns: DAVIS346_SIZE.width, rows: DAVIS346_SIZE.height, invertXY: false },
  aps: { columns: 346, rows: 260, invertXY: false, flipX: false, flipY: false },
  imu: { type: 0, flipX: false, flipY: false, flipZ: false },
  clocks: { logicMHz: 104, adcMHz: 30, usbMHz: 80 },
}

const ignoreSignals = { image: () => {}, imu: () => {}, trigger: () => {} }

/** Decoding alone, on this thread, as fast as it goes. */
export function benchDecode(stream: WordStream, events: number): HotPathResult {
  let found = 0
  const sink: DecoderSink = {
    ...ignoreSignals,
    events: (batch) => {
      found += batch.length
    },
    time: () => {},
    gap: () => {},
  }
  const result = play(stream, events, sink)
  expect(stream, { found: found - result.warmUp, played: result.events })
  return result
}

/** Decoding, filters, aggregation and the frame pool; a reader gives every window back at once. */
export function benchPipeline(
  stream: WordStream,
  events: number,
  config: PipelineConfig,
): PipelineResult {
  const memory = allocateFramePool({ size: DAVIS346_SIZE, slots: 4 })
  const writer = new FrameWriter(memory)
  const reader = new FrameReader(memory)
  const pipeline = new Pipeline(config, DAVIS346_SIZE, writer)
  const sink: DecoderSink = {
    ...ignoreSignals,
    events: (batch) => {
      pipeline.events(batch)
      const frame = reader.takeNewest()
      if (frame !== undefined) reader.release(frame.slot)
    },
    time: (tUs, hostUs) => pipeline.time(tUs, hostUs),
    gap: (gap) => pipeline.gap(gap),
  }
  let before = { kept: 0, windows: 0, found: 0 }
  const now = () => {
    const filters = pipeline.filters.counters.snapshot()
    const windows = pipeline.aggregator.counters.snapshot().windows
    return { kept: filters.eventsOut, windows, found: filters.eventsIn }
  }
  const result = play(stream, events, sink, () => {
    before = now()
  })
  const after = now()
  expect(stream, { found: after.found - before.found, played: result.events })
  return {
    ...result,
    eventsKept: after.kept - before.kept,
    windows: after.windows - before.windows,
  }
}

/** A figure for a stream that was not decoded whole would be worthless. */
function expect(stream: WordStream, count: { found: number; played: number }): void {
  if (count.found !== count.played)
    throw new Error(`${stream.name}: ${count.found} events found of ${count.played}`)
}

function play(
  stream: WordStream,
  events: number,
  sink: DecoderSink,
  onWarm: () => void = () => {},
): HotPathResult & { readonly warmUp: number } {
  const decoder = createDecoder({ layout: LAYOUT, sink })
  const rounds = (count: number): number => Math.max(1, Math.ceil(count / stream.events))
  const playRounds = (count: number): void => {
    for (let round = 0; round < count; round++)
      for (const transfer of stream.transfers) decoder.decode(transfer, 0)
  }
  const warmUpRounds = rounds(WARM_UP_EVENTS)
  playRounds(warmUpRounds)
  onWarm()
  const measured = rounds(events)
  const heapBefore = collectedHeapBytes()
  const cpuBefore = process.cpuUsage()
  const start = process.hrtime.bigint()
  playRounds(measured)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const cpu = process.cpuUsage(cpuBefore)
  const heapGrowthBytes = collectedHeapBytes() - heapBefore
  const played = measured * stream.events
  return {
    stream: stream.name,
    events: played,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    eventsPerSecond: played / seconds,
    nsPerEvent: (seconds * 1e9) / played,
    deviceSeconds: (measured * stream.spanUs) / 1e6,
    heapGrowthBytes,
    warmUp: warmUpRounds * stream.events,
  }
}

/** Bytes in use on the JavaScript heap after a full collection, whether or not the process was started for it. */
function collectedHeapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
