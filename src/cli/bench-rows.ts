import { benchStart } from '../daemon/bench/child.js'
import { benchDecode, benchPipeline } from '../daemon/bench/hot-path.js'
import { benchBatch, benchInference } from '../daemon/bench/inference.js'
import { benchLatency } from '../daemon/bench/latency.js'
import { benchRunner } from '../daemon/bench/runner.js'
import { benchUsb } from '../daemon/bench/usb.js'
import { benchWatched } from '../daemon/bench/watched.js'
import { sceneStream, type WordStream, worstStream } from '../daemon/bench/word-streams.js'
import { loadConfig } from '../daemon/load-config.js'
import { modelDir } from '../daemon/models.js'
import { loadModelPackage } from '../inference/model-package.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene } from '../sources/scene/scene.js'

/** One measured row. `target` is what the project set itself; null where there is none. */
export interface Row {
  readonly row: string
  readonly what: string
  readonly value: number | null
  readonly unit: string
  readonly target: string | null
  readonly met: boolean | null
  readonly detail?: unknown
}

export const ROWS = [
  'decode',
  'pipeline',
  'scene',
  'heap',
  'inference',
  'runner',
  'latency',
  'usb',
  'start',
  'watched',
  'soak',
] as const
export type RowName = (typeof ROWS)[number]

const EVENTS = 60_000_000
const HEAP_EVENTS = 100_000_000

export function round(value: number): number {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
}

function atLeast(target: number, value: number): Pick<Row, 'target' | 'met'> {
  return { target: `>= ${target}`, met: Number.isFinite(value) && value >= target }
}

function atMost(target: number, value: number | null): Pick<Row, 'target' | 'met'> {
  return {
    target: `<= ${round(target)}`,
    met: value !== null && Number.isFinite(value) && value <= target,
  }
}

/** Every event has a timestamp, a row and a column word; at twice the sensor's documented maximum, or 1 an us. */
const worst = (eventsPerUs: number) => worstStream({ eventsPerUs, wraps: 16 })

function pipelineConfig() {
  const { filters, aggregation } = loadConfig(undefined)
  // A hundred hot pixels, so that the mask has work to do.
  const hotPixels = Array.from({ length: 100 }, (_, i): [number, number] => [
    (i * 37) % 346,
    (i * 71) % 260,
  ])
  return { filters: { ...filters, hotPixels }, aggregation }
}

function hotPathRow(
  row: string,
  stream: WordStream,
  stage: 'decode' | 'pipeline',
  target: number | null,
): Row {
  const result =
    stage === 'decode'
      ? benchDecode(stream, EVENTS)
      : benchPipeline(stream, EVENTS, pipelineConfig())
  const value = result.eventsPerSecond / 1e6
  return {
    row,
    what: `${stage === 'decode' ? 'decoding' : 'decoding + filters + aggregation'}, ${result.stream}`,
    value,
    unit: 'M events/s',
    ...(target === null ? { target: null, met: null } : atLeast(target, value)),
    detail: result,
  }
}

/** What each row measures; the soak takes the seconds it is given. */
export const MEASURE: Record<RowName, (soakSeconds: number) => Promise<Row[]>> = {
  decode: async () => [
    hotPathRow('decode', worst(1), 'decode', 36),
    hotPathRow('decode', worst(12), 'decode', 36),
  ],
  pipeline: async () => [
    hotPathRow('pipeline', worst(1), 'pipeline', 24),
    hotPathRow('pipeline', worst(12), 'pipeline', 24),
  ],
  scene: async () => {
    const stream = sceneStream(createScene(sceneByName('ego-motion')), { wraps: 32 })
    return [hotPathRow('scene', stream, 'decode', 36), hotPathRow('scene', stream, 'pipeline', 24)]
  },
  heap: async () => {
    const result = benchPipeline(worst(12), HEAP_EVENTS, pipelineConfig())
    const value = result.heapGrowthBytes / 1e6
    return [
      {
        row: 'heap',
        what: `heap growth over ${HEAP_EVENTS / 1e6} M events, whole pipeline`,
        value,
        unit: 'MB',
        ...atMost(1, value),
        detail: result,
      },
    ]
  },
  inference: async () => {
    const pkg = await loadModelPackage(modelDir(loadConfig(undefined).model.name))
    const rows: Row[] = []
    for (const [graph, batch] of [
      ['int8', 1],
      ['int8', 8],
      ['fp32', 1],
    ] as const) {
      const result = await benchInference(pkg, { graph, batch, runs: 200 })
      rows.push({
        row: 'inference',
        what: `${pkg.spec.name} ${graph}, ${batch} target${batch > 1 ? 's' : ''}, one thread, p50`,
        value: result.msP50,
        unit: 'ms',
        ...(graph === 'int8' && batch === 1
          ? atMost(10, result.msP50)
          : { target: null, met: null }),
        detail: result,
      })
    }
    const lanes = 2
    const batch = await benchBatch(pkg, { batch: 8, lanes, runs: 200 })
    rows.push({
      row: 'inference',
      what: `${pkg.spec.name} int8, 8 targets on ${lanes} lanes / one target on one thread, p50 taken in turns`,
      value: batch.ratio,
      unit: 'x',
      ...atMost(4, batch.ratio),
      detail: batch,
    })
    return rows
  },
  runner: async () => {
    const pkg = await loadModelPackage(modelDir(loadConfig(undefined).model.name))
    const result = await benchRunner(pkg, { batch: 1, runs: 500 })
    const what = `${pkg.spec.name} int8, 1 target, one thread`
    const plain = { row: 'runner', unit: 'ms', target: null, met: null }
    return [
      { ...plain, what: `${what}, in this process, p50`, value: result.inProcess.msP50 },
      { ...plain, what: `${what}, reference runner, p50`, value: result.runner.msP50 },
      {
        ...plain,
        what: 'what the way to the runner and back costs, p50 taken in turns',
        value: result.overheadMs,
        ...atMost(1, result.overheadMs),
        detail: result,
      },
    ]
  },
  latency: async () => {
    const result = await benchLatency({ seconds: 20, scene: 'clutter', maxTargets: 1 })
    const limit = (result.inferenceMsP50 ?? 0) + 3
    return [
      {
        row: 'latency',
        what: `last event of a window to subscriber, p50, ${round(result.windowsPerSecond)} windows/s`,
        value: result.msP50,
        unit: 'ms',
        ...atMost(limit, result.msP50),
        detail: result,
      },
      {
        row: 'latency',
        what: 'the same, p99',
        value: result.msP99,
        unit: 'ms',
        ...atMost(2 * (result.msP50 ?? 0), result.msP99),
      },
    ]
  },
  usb: async () => [usbRow()],
  start: async () => {
    const result = await benchStart(5)
    return [
      {
        row: 'start',
        what: 'evtrackd run, process start to ready',
        value: result.readyMs / 1000,
        unit: 's',
        ...atMost(2, result.readyMs / 1000),
        detail: result,
      },
      {
        row: 'start',
        what: 'resident memory 5 s later',
        value: result.rssMb.at(-1) ?? null,
        unit: 'MB',
        ...atMost(250, result.rssMb.at(-1) ?? null),
      },
    ]
  },
  watched: async () => {
    const result = await benchWatched(20)
    const value = 100 * (result.watchedCores - result.plainCores)
    return [
      {
        row: 'watched',
        what: 'live page that nobody looks at and /metrics read each second: processor time beside a daemon without',
        value,
        unit: '% of a core',
        target: null,
        met: null,
        detail: result,
      },
      {
        row: 'watched',
        what: 'one answer of /metrics, p50',
        value: result.scrapeMsP50,
        unit: 'ms',
        target: null,
        met: null,
      },
    ]
  },
  soak: async (seconds) => {
    const { rssMb } = await benchStart(seconds)
    const half = rssMb.slice(Math.floor(rssMb.length / 2))
    const early = Math.max(...rssMb.slice(0, Math.max(1, Math.floor(rssMb.length / 2))))
    const late = Math.max(...half)
    return [
      {
        row: 'soak',
        what: `largest resident memory over ${seconds} s`,
        value: late,
        unit: 'MB',
        ...atMost(250, Math.max(early, late)),
        detail: { rssMb: rssMb.map(Math.round) },
      },
      {
        row: 'soak',
        what: 'growth of the largest from first to second half',
        value: late - early,
        unit: 'MB',
        target: null,
        met: null,
      },
    ]
  },
}

function usbRow(): Row {
  const what = 'through libusb under the USB shim, 12 M events/s for 10 s: events lost'
  const detail = benchUsb()
  if (detail === undefined) {
    const how = `${what} (needs the development tree: npm run build)`
    return { row: 'usb', what: how, value: null, unit: '', target: '<= 0', met: null }
  }
  const lost = detail.overruns + detail.dropped
  const rate = `${round(detail.events_per_s / 1e6)} M events/s`
  return {
    row: 'usb',
    what: `${what} (${rate})`,
    value: lost,
    unit: '',
    ...atMost(0, lost),
    detail,
  }
}
