import { setImmediate as nextTurn } from 'node:timers/promises'
import { createBatch, type EventBatch } from '../events/batch.js'
import { createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE, type Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import {
  createEventCursor,
  type EventCursor,
  fillBatch,
  openEvents,
  restart,
} from './aedat4/events.js'
import { MAX_SENSOR_SIDE, type Problem } from './aedat4/format.js'
import { Aedat4Reader, type Packet } from './aedat4/reader.js'
import { decodeImage, decodeImu, decodeTriggers } from './aedat4/samples.js'
import { createPacer, type Pacer } from './pacer.js'
import type { Source, SourceInfo, SourceSink } from './source.js'

export interface RecordingOptions {
  readonly path: string
  /** `real` delivers at the speed of recording by `clock`; `fast` as fast as the sink takes it. */
  readonly pace: 'real' | 'fast'
  readonly clock: Clock
  /** Events a batch holds at most; 8192 where not given. */
  readonly batchEvents?: number
}

/** Facts of the file beside those of every source. */
export interface RecordingFacts {
  readonly path: string
  readonly fileBytes: number
  readonly compression: string
  readonly table: { readonly state: 'present' | 'absent' | 'damaged'; readonly entries: number }
  /** The camera as the file names it, such as `DAVIS346_00000489`. */
  readonly camera: string | undefined
  /** What was added to device time to make the file's time, microseconds. */
  readonly tsOffsetUs: number | undefined
  /** Type identifiers of streams in the file that are not read. */
  readonly ignoredStreams: readonly string[]
}

/** A recording as a source. run() may be called again after it ended: it starts over. */
export interface RecordingSource extends Source {
  readonly facts: RecordingFacts
  /** What could not be read in the last run, with file offsets; at most the first 100. */
  problems(): readonly Problem[]
}

const BATCH_EVENTS = 8192
/** Deliveries between two turns of the event loop: about 1 ms of decoding each, so signals and timers stay lively. */
const DELIVERIES_PER_TURN = 8

const COUNTERS = [
  'packets',
  'events',
  'images',
  'imuSamples',
  'triggers',
  'eventsOffSensor',
  'eventsBadTime',
  'eventsBackInTime',
  'timeRestarts',
  'problems',
  'skippedBytes',
] as const

/**
 * Opens an AEDAT 4.0 file as a source. Device time is the file's time (usually Unix time, microseconds); streams are
 * delivered in file order. Rejects with RECORDING_CORRUPT where nothing can be read; damage further in costs only the
 * packets it touches and is reported by `problems()`.
 */
export async function createRecordingSource(options: RecordingOptions): Promise<RecordingSource> {
  const reader = await Aedat4Reader.open(options.path)
  try {
    return new Recording(options, reader)
  } catch (error) {
    await reader.close()
    throw error
  }
}

/** Newest time that the streams have reached; what the end of the file is. */
interface Reached {
  us: number
}

class Recording implements RecordingSource {
  readonly info: SourceInfo
  readonly facts: RecordingFacts
  #options: RecordingOptions
  #reader: Aedat4Reader
  #batch: EventBatch
  #counters = createCounters(COUNTERS)
  #deliveries = 0
  #closed: Promise<void> | undefined

  constructor(options: RecordingOptions, reader: Aedat4Reader) {
    this.#options = options
    this.#reader = reader
    this.#batch = createBatch(options.batchEvents ?? BATCH_EVENTS)
    const { header } = reader
    const camera = header.streams.find((stream) => stream.source !== undefined)?.source
    const serial = /_([^_]+)$/.exec(camera ?? '')?.[1]
    this.info = {
      kind: 'recording',
      name: options.path,
      size: sensorSize(reader, options.path),
      ...(serial === undefined ? {} : { serial }),
    }
    this.facts = {
      path: options.path,
      fileBytes: reader.fileBytes,
      compression: header.compression,
      table: reader.table,
      camera,
      tsOffsetUs: header.streams.find((stream) => stream.tsOffsetUs !== undefined)?.tsOffsetUs,
      ignoredStreams: header.streams.filter((s) => s.kind === undefined).map((s) => s.identifier),
    }
  }

  problems(): readonly Problem[] {
    return this.#reader.problems
  }

  counters(): Record<string, number> {
    const { values, index } = this.#counters
    values[index.problems] = this.#reader.problemCount
    values[index.skippedBytes] = this.#reader.skippedBytes
    return this.#counters.snapshot()
  }

  async run(sink: SourceSink, signal: AbortSignal): Promise<'end' | 'aborted'> {
    this.#reader.rewind()
    this.#counters.values.fill(0)
    const { width, height } = this.info.size
    const cursor = createEventCursor(width, height)
    const pacer = createPacer(this.#options)
    const reached: Reached = { us: -1 }
    try {
      for (;;) {
        signal.throwIfAborted()
        const packet = await this.#reader.next()
        if (packet === undefined) break
        this.#counters.values[this.#counters.index.packets]!++
        if (packet.kind === 'events') {
          await this.#deliverEvents(packet, { cursor, pacer, sink, signal })
          reached.us = Math.max(reached.us, cursor.lastUs)
        } else {
          await this.#deliverSamples(packet, { reached, pacer, sink, signal })
        }
      }
    } catch (error) {
      if (signal.aborted && error === signal.reason) return 'aborted'
      throw error
    }
    if (reached.us >= 0) sink.time(reached.us, this.#options.clock.nowUs())
    return 'end'
  }

  close(): Promise<void> {
    this.#closed ??= this.#reader.close()
    return this.#closed
  }

  async #deliverEvents(
    packet: Packet,
    to: { cursor: EventCursor; pacer: Pacer; sink: SourceSink; signal: AbortSignal },
  ): Promise<void> {
    const { cursor, pacer, sink, signal } = to
    const { values, index } = this.#counters
    const batch = this.#batch
    this.#read(packet, () => openEvents(cursor, packet.bytes))
    while (cursor.next < cursor.end) {
      fillBatch(cursor, batch)
      values[index.eventsOffSensor] = cursor.outside
      values[index.eventsBadTime] = cursor.badTime
      values[index.eventsBackInTime] = cursor.backward
      if (batch.length > 0) {
        values[index.events]! += batch.length
        await pacer.until(cursor.lastUs, signal)
        batch.hostUs = this.#options.clock.nowUs()
        const busy = sink.events(batch)
        if (busy !== undefined) await busy
        await this.#turn(signal)
      }
      if (cursor.restartUs >= 0) {
        values[index.timeRestarts]!++
        sink.gap({ reason: 'reset', tUs: cursor.restartUs })
        pacer.anchor(cursor.restartUs)
        restart(cursor)
      }
    }
  }

  async #deliverSamples(
    packet: Packet,
    to: { reached: Reached; pacer: Pacer; sink: SourceSink; signal: AbortSignal },
  ): Promise<void> {
    const { reached, pacer, sink, signal } = to
    const { values, index } = this.#counters
    const reach = async (tUs: number) => {
      reached.us = Math.max(reached.us, tUs)
      await pacer.until(tUs, signal)
    }
    if (packet.kind === 'images') {
      const image = this.#read(packet, () => decodeImage(packet.bytes))
      if (image === undefined) return
      values[index.images]!++
      await reach(image.tUs)
      sink.image?.(image)
    } else if (packet.kind === 'imu') {
      const samples = this.#read(packet, () => decodeImu(packet.bytes)) ?? []
      values[index.imuSamples]! += samples.length
      await reach(samples.at(-1)?.tUs ?? -1)
      for (const sample of samples) sink.imu?.(sample)
    } else {
      const triggers = this.#read(packet, () => decodeTriggers(packet.bytes)) ?? []
      values[index.triggers]! += triggers.length
      await reach(triggers.at(-1)?.tUs ?? -1)
      for (const trigger of triggers) sink.trigger?.(trigger)
    }
    await this.#turn(signal)
  }

  /** Runs a decoder of this packet; what it throws is the packet's problem. Nothing of the sink may run inside. */
  #read<T>(packet: Packet, decode: () => T): T | undefined {
    try {
      return decode()
    } catch (error) {
      this.#reader.report(packet.offset, `The packet cannot be read: ${(error as Error).message}.`)
      return undefined
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (++this.#deliveries % DELIVERIES_PER_TURN === 0) {
      await nextTurn()
      signal.throwIfAborted()
    }
  }
}

/** The sensor's size as the header says; a DAVIS346's where it says nothing. */
function sensorSize(reader: Aedat4Reader, path: string): Size {
  const { streams } = reader.header
  const stream =
    streams.find((s) => s.kind === 'events' && s.size) ?? streams.find((s) => s.size !== undefined)
  const size = stream?.size ?? DAVIS346_SIZE
  const sane = (side: number) => side >= 1 && side <= MAX_SENSOR_SIDE
  if (!sane(size.width) || !sane(size.height)) {
    throw new EvtrackError(
      'RECORDING_CORRUPT',
      `The recording ${path} claims a sensor of ${size.width} x ${size.height} pixels.`,
      {
        next: `Use a recording of a sensor of at most ${MAX_SENSOR_SIDE} x ${MAX_SENSOR_SIDE} pixels.`,
        data: { path, ...size },
      },
    )
  }
  return size
}
