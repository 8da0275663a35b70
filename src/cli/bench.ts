import { cpus } from 'node:os'
import { benchStart } from '../daemon/bench/child.js'
import { benchDecode, benchPipeline } from '../daemon/bench/hot-path.js'
import { benchBatch, benchInference } from '../daemon/bench/inference.js'
import { benchLatency } from '../daemon/bench/latency.js'
import { benchUsb } from '../daemon/bench/usb.js'
import { sceneStream, type WordStream, worstStream } from '../daemon/bench/word-streams.js'
import { loadConfig } from '../daemon/load-config.js'
import { modelDir } from '../daemon/models.js'
import { EvtrackError } from '../events/errors.js'
import { loadModelPackage } from '../inference/model-package.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene } from '../sources/scene/scene.js'
import { print, printJson, table } from './output.js'

/** One measured row. `target` is what the project set itself; null where there is none. */
interface Row {
  readonly row: string
  readonly what: string
  readonly value: number | null
  readonly unit: string
  readonly target: string | null
  readonly met: boolean | null
  readonly detail?: unknown
}

const ROWS = [
  'decode',
  'pipeline',
  'scene',
  'heap',
  'inference',
  'latency',
  'usb',
  'start',
  'soak',
] as const
type RowName = (typeof ROWS)[number]

/** The soak takes minutes, so it runs only when asked for. */
const DEFAULT_ROWS = ROWS.filter((row) => row !== 'soak')

const EVENTS = 60_000_000
const HEAP_EVENTS = 100_000_000

interface BenchOptions {
  readonly only?: string
  readonly soakSeconds?: string
  readonly json?: boolean
}

export async function bench(options: BenchOptions): Promise<void> {
  const soakSeconds = Number(options.soakSeconds ?? 60)
  if (!Number.isInteger(soakSeconds) || soakSeconds < 2) {
    throw new EvtrackError(
      'CONFIG_INVALID',
      `--soak-seconds ${options.soakSeconds} is not a whole number of seconds.`,
      {
        next: 'Give at least 2, for example --soak-seconds 600.',
      },
    )
  }
  const rows: Row[] = []
  for (const name of wanted(options)) {
    process.stderr.write(`evtrackd: measuring ${name}\n`)
    try {
      rows.push(...(await MEASURE[name](soakSeconds)))
    } catch (error) {
      // One row that cannot be measured does not cost the others.
      const detail = error instanceof Error ? error.message : String(error)
      rows.push({ row: name, what: detail, value: null, unit: '', target: null, met: false })
    }
  }
  const machine = {
    cpu: cpus()[0]?.model ?? '?',
    cores: cpus().length,
    node: process.version,
    arch: process.arch,
  }
  if (options.json) {
    printJson({ machine, rows })
    return
  }
  print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.arch}`)
  print(
    table(
      ['row', 'what', 'value', 'unit', 'target', 'met'],
      rows.map((r) => [
        r.row,
        r.what,
        r.value === null ? '-' : String(round(r.value)),
        r.unit,
        r.target ?? '',
        r.met === null ? '' : r.met ? 'yes' : 'no',
      ]),
    ),
  )
}

function wanted(options: BenchOptions): readonly RowName[] {
  if (options.only === undefined) {
    return options.soakSeconds === undefined ? DEFAULT_ROWS : [...DEFAULT_ROWS, 'soak']
  }
  return options.only.split(',').map((text) => {
    const row = ROWS.find((name) => name === text.trim())
    if (row !== undefined) return row
    throw new EvtrackError('CONFIG_INVALID', `There is no benchmark row ${text}.`, {
      next: `Choose from ${ROWS.join(', ')}.`,
    })
  })
}

function round(value: number): number {
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

const MEASURE: Record<RowName, (soakSeconds: number) => Promise<Row[]>> = {
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
