import { createReadStream, type ReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { createBatch } from '../events/batch.js'
import { createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE, type Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import { MAX_SENSOR_SIDE } from './aedat4/format.js'
import type { Source, SourceInfo, SourceSink } from './source.js'

export interface TextEventsOptions {
  readonly path: string
  readonly clock: Clock
  /** A DAVIS346's where not given and the file does not say. */
  readonly size?: Size
}

const BATCH_EVENTS = 8192
const COUNTERS = ['events', 'eventsOffSensor', 'eventsBackInTime', 'badLines'] as const

/**
 * Events as lines `t x y p`, separated by spaces, tabs or commas, in order of time. Times with a decimal point in the
 * first row are seconds, others microseconds; p above 0 is ON (so 0/1 and -1/1 both work). Lines that start with # are
 * comments, and so is one line of column names at the start; a first line of two whole numbers is the sensor's width
 * and height. What cannot be read, lies off the sensor or goes back in time is left out and counted.
 *
 * Read as fast as the sink takes it. Rejects with RECORDING_CORRUPT when the file cannot be read, run() when no line of
 * it is an event.
 */
export async function createTextEventsSource(options: TextEventsOptions): Promise<Source> {
  const { path } = options
  try {
    const file = await open(path, 'r')
    const head = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0).finally(() => file.close())
    const size = options.size ?? statedSize(head.toString('utf8', 0, bytesRead)) ?? DAVIS346_SIZE
    return new TextEvents({ ...options, size })
  } catch (cause) {
    throw unreadable(path, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const HEAD_BYTES = 4096

function statedSize(head: string): Size | undefined {
  const first = head.split(/\r?\n/).find((line) => line.trim() !== '' && !line.startsWith('#'))
  const match = /^\s*(\d+)[\s,]+(\d+)\s*$/.exec(first ?? '')
  if (match === null) return undefined
  const size = { width: Number(match[1]), height: Number(match[2]) }
  const sane = (side: number) => side >= 1 && side <= MAX_SENSOR_SIDE
  return sane(size.width) && sane(size.height) ? size : undefined
}

class TextEvents implements Source {
  readonly info: SourceInfo
  readonly #options: TextEventsOptions
  readonly #counters = createCounters(COUNTERS)
  #stream: ReadStream | undefined

  constructor(options: TextEventsOptions & { readonly size: Size }) {
    this.#options = options
    this.info = {
      kind: 'recording',
      name: options.path,
      size: options.size,
    }
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot()
  }

  async run(sink: SourceSink, signal: AbortSignal): Promise<'end' | 'aborted'> {
    const { path, clock } = this.#options
    const { width, height } = this.info.size
    const { values, index } = this.#counters
    values.fill(0)
    const batch = createBatch(BATCH_EVENTS)
    const hand = async () => {
      if (batch.length === 0) return
      batch.hostUs = clock.nowUs()
      const busy = sink.events(batch)
      if (busy !== undefined) await busy
      batch.length = 0
    }
    const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })
    this.#stream = stream
    let lastUs = Number.NEGATIVE_INFINITY
    let scale = 0
    let lines = 0
    try {
      for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
        if (signal.aborted) return 'aborted'
        lines++
        if (line === '' || line.startsWith('#')) continue
        const cells = line.trim().split(/[\s,]+/)
        const [t, x, y, p] = cells.map(Number)
        if (cells.length !== 4 || !isEvent(t!, x!, y!, p!)) {
          if (lines > 1) values[index.badLines]!++
          continue
        }
        if (scale === 0) scale = cells[0]!.includes('.') ? 1e6 : 1
        const tUs = Math.round(t! * scale)
        if (tUs < lastUs) values[index.eventsBackInTime]!++
        else if (x! < 0 || y! < 0 || x! >= width || y! >= height) values[index.eventsOffSensor]!++
        else {
          if (batch.length === batch.capacity || tUs - batch.t0Us > 1e6) await hand()
          if (batch.length === 0) batch.t0Us = tUs
          const i = batch.length++
          batch.dtUs[i] = tUs - batch.t0Us
          batch.x[i] = x!
          batch.y[i] = y!
          batch.on[i] = p! > 0 ? 1 : 0
          values[index.events]!++
          lastUs = tUs
        }
      }
    } catch (error) {
      if (error !== stream.errored) throw error
      throw unreadable(path, stream.errored?.message ?? '', error)
    } finally {
      stream.destroy()
    }
    await hand()
    if (values[index.events] === 0) throw unreadable(path, 'no line is an event `t x y p`')
    sink.time(lastUs, clock.nowUs())
    return 'end'
  }

  async close(): Promise<void> {
    this.#stream?.destroy()
  }
}

function isEvent(t: number, x: number, y: number, p: number): boolean {
  return Number.isFinite(t) && Number.isInteger(x) && Number.isInteger(y) && Number.isFinite(p)
}

function unreadable(path: string, why: string, cause?: unknown): EvtrackError {
  return new EvtrackError('RECORDING_CORRUPT', `${path} cannot be read: ${why}.`, {
    next: 'Give a text file with one event a line: time, column, row, polarity.',
    ...(cause === undefined ? {} : { cause }),
  })
}
