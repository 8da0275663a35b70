import type { EventBatch } from '../events/batch.js'
import { createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import {
  type ApsImage,
  type Gap,
  type ImuSample,
  TRIGGER_KINDS,
  type Trigger,
} from '../events/signals.js'
import { encodeImage, encodeImu, encodeTriggers, IMU_ROW, TRIGGER_ROW } from './aedat4/encode.js'
import { EventPacker } from './aedat4/event-packer.js'
import { Aedat4Writer, type OutgoingPacket } from './aedat4/writer.js'
import { createFileTime, type FileTime } from './file-time.js'
import { COUNTED, COUNTERS, DROPPED } from './recorder-counters.js'
import {
  pathOf,
  RECORDER_LIMITS,
  type Recorder,
  type RecorderLimits,
  type RecorderOptions,
  type RecorderStatus,
  sourceName,
} from './recorder-options.js'
import { createRowBuffer, type RowBuffer } from './row-buffer.js'

/** Longest device time in one packet, and so between two appends to the file. */
const PACKET_SPAN_US = 10_000
const PACKET_SAMPLES = 32
/** A power cut costs at most this much of what was seen, and the packet being filled. */
const SYNC_EVERY_MS = 1000

/** Creates the file and starts. Rejects with CONFIG_INVALID where it cannot be created; an existing file is kept. */
export async function createRecorder(options: RecorderOptions): Promise<Recorder> {
  const path = pathOf(options)
  const limits = { ...RECORDER_LIMITS, ...options.limits }
  if (!path.endsWith('.aedat4')) {
    throw new EvtrackError('CONFIG_INVALID', `${path} does not end in .aedat4.`, {
      next: 'Give the recording a name that ends in .aedat4: other programs go by it.',
      data: { path },
    })
  }
  const compression = options.compression ?? 'LZ4'
  try {
    const writer = await Aedat4Writer.create({ path, limits, compression }, (packet) =>
      recorder.dropped(packet),
    )
    const recorder = new FileRecorder(options, limits, writer)
    return recorder
  } catch (cause) {
    throw new EvtrackError('CONFIG_INVALID', `The recording ${path} cannot be created.`, {
      next: 'Check that the directory exists and may be written, and that the file does not exist yet.',
      cause,
      data: { path },
    })
  }
}

class FileRecorder implements Recorder {
  #options: RecorderOptions
  #limits: RecorderLimits
  #writer: Aedat4Writer
  #counters = createCounters(COUNTERS)
  #events: EventPacker
  #imu = createRowBuffer({ width: IMU_ROW, capacity: PACKET_SAMPLES })
  #triggers = createRowBuffer({ width: TRIGGER_ROW, capacity: PACKET_SAMPLES })
  #lastImageUs = 0
  #backward = 0
  #time: FileTime
  #overtime = false
  #ending = new AbortController()
  #keeper: Promise<void>
  #closed: Promise<void> | undefined

  constructor(options: RecorderOptions, limits: RecorderLimits, writer: Aedat4Writer) {
    this.#options = options
    this.#limits = limits
    this.#writer = writer
    this.#time = createFileTime({ clock: options.clock, tsOffsetUs: options.tsOffsetUs })
    this.#events = new EventPacker(
      { size: options.camera.size, spanUs: PACKET_SPAN_US },
      (packet) => writer.enqueue(packet),
    )
    this.#keeper = this.#keep()
  }

  /** The writer's word that a packet, counted when it was handed over, will not be in the file. */
  dropped(packet: OutgoingPacket): void {
    const { values, index } = this.#counters
    values[index[COUNTED[packet.kind]]]! -= packet.elements
    values[index[DROPPED[packet.kind]]]! += packet.elements
  }

  get path(): string {
    return this.#writer.path
  }

  events(batch: EventBatch): void {
    const { length } = batch
    if (length === 0) return
    if (this.#refuses()) {
      this.#counters.values[this.#counters.index.eventsDropped]! += length
      return
    }
    this.#anchor(batch.t0Us + batch.dtUs[length - 1]!, batch.hostUs)
    const taken = this.#events.add(batch, this.#time.offsetUs)
    this.#counters.values[this.#counters.index.events]! += taken
    if (taken > 0) this.#reach(this.#events.lastUs)
  }

  time(tUs: number): void {
    const oldestUs = Math.min(this.#events.firstUs, this.#imu.firstUs, this.#triggers.firstUs)
    if (tUs + this.#time.offsetUs - oldestUs >= PACKET_SPAN_US) this.#flush()
  }

  image(image: ApsImage): void {
    const { values, index } = this.#counters
    if (this.#refuses()) {
      values[index.imagesDropped]!++
      return
    }
    this.#anchor(image.tUs, 0)
    values[index.images]!++
    const offsetUs = this.#time.offsetUs
    const tUs = this.#forward(image.tUs + offsetUs, this.#lastImageUs)
    this.#lastImageUs = tUs
    this.#writer.enqueue({
      kind: 'images',
      bytes: encodeImage(
        tUs === image.tUs + offsetUs ? image : { ...image, tUs: tUs - offsetUs },
        offsetUs,
      ),
      elements: 1,
      firstUs: tUs,
      lastUs: tUs,
    })
    this.#reach(tUs)
  }

  imu(sample: ImuSample): void {
    const { tUs, temperatureC, accel, gyro } = sample
    this.#sample('imu', tUs, [temperatureC, ...accel, ...gyro])
  }

  trigger(trigger: Trigger): void {
    this.#sample('triggers', trigger.tUs, [TRIGGER_KINDS.indexOf(trigger.kind)])
  }

  gap(gap: Gap): void {
    this.#flush()
    // Device time starts anew, so what makes it Unix time is found anew with the next data.
    if (gap.reason === 'reset' || gap.reason === 'reconnect') this.#time.restart()
  }

  status(): RecorderStatus {
    return {
      path: this.path,
      fileBytes: this.#writer.fileBytes,
      durationUs: this.#time.firstUs < 0 ? 0 : this.#time.newestUs - this.#time.firstUs,
      stopped: this.#writer.stopped ?? (this.#overtime ? 'duration-limit' : undefined),
      failure: this.#writer.failure?.message,
    }
  }

  counters(): Record<string, number> {
    const { values, index } = this.#counters
    values[index.eventsOffSensor] = this.#events.offSensor
    values[index.backInTime] = this.#backward + this.#events.backward
    values[index.timeAnchors] = this.#time.anchors
    values[index.packets] = this.#writer.packets
    values[index.fileBytes] = this.#writer.fileBytes
    return this.#counters.snapshot()
  }

  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#flush()
    // A file without data is still a file: its header is written, with the present as its time.
    this.#begin(this.#options.tsOffsetUs ?? this.#options.clock.wallUs())
    this.#ending.abort()
    await this.#keeper
    await this.#writer.close()
  }

  /** Once a second: what is pending goes out, what is out goes to the disk. */
  async #keep(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      try {
        await this.#options.clock.sleep(SYNC_EVERY_MS, signal)
      } catch {
        return
      }
      this.#flush()
      await this.#writer.sync()
    }
  }

  #refuses(): boolean {
    return this.#overtime || this.#closed !== undefined || this.#writer.stopped !== undefined
  }

  #begin(tsOffsetUs: number): void {
    const { camera, compression } = this.#options
    this.#writer.begin({
      compression: compression ?? 'LZ4',
      size: camera.size,
      source: sourceName(camera),
      tsOffsetUs,
    })
  }

  /** Called with the device time of all data, before it is put anywhere. */
  #anchor(tUs: number, hostUs: number): void {
    const time = this.#time
    if (time.holds(tUs)) return
    this.#flush()
    time.anchor(tUs, hostUs)
    this.#begin(time.offsetUs)
  }

  #reach(tUs: number): void {
    const time = this.#time
    time.reach(tUs)
    if (time.newestUs - time.firstUs >= this.#limits.maxDurationUs) this.#overtime = true
  }

  /** Keeps a stream's time from going back. */
  #forward(tUs: number, lastUs: number): number {
    if (tUs >= lastUs) return tUs
    this.#backward++
    return lastUs
  }

  #sample(kind: 'imu' | 'triggers', deviceUs: number, values: readonly number[]): void {
    const counters = this.#counters
    if (this.#refuses()) {
      counters.values[counters.index[DROPPED[kind]]]!++
      return
    }
    this.#anchor(deviceUs, 0)
    counters.values[counters.index[COUNTED[kind]]]!++
    const rows = kind === 'imu' ? this.#imu : this.#triggers
    const tUs = this.#forward(deviceUs + this.#time.offsetUs, rows.lastUs)
    if (rows.count === PACKET_SAMPLES || tUs - rows.firstUs >= PACKET_SPAN_US) {
      this.#flushRows(kind, rows)
    }
    rows.add(tUs, values)
    this.#reach(tUs)
  }

  /** Hands every packet that has something in it to the writer. */
  #flush(): void {
    this.#events.flush()
    this.#flushRows('imu', this.#imu)
    this.#flushRows('triggers', this.#triggers)
  }

  #flushRows(kind: 'imu' | 'triggers', rows: RowBuffer): void {
    if (rows.count === 0) return
    const encode = kind === 'imu' ? encodeImu : encodeTriggers
    this.#writer.enqueue({
      kind,
      bytes: encode(rows.values, rows.count),
      elements: rows.count,
      firstUs: rows.firstUs,
      lastUs: rows.lastUs,
    })
    rows.clear()
  }
}
