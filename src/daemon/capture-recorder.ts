import { basename } from 'node:path'
import type { Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import { createRecorder } from '../sources/recorder.js'
import type { Recorder } from '../sources/recorder-options.js'

/** What a recording has come to. */
export interface RecordingReport {
  /** Of the file, in the recordings folder. */
  readonly name: string
  readonly seconds: number
  readonly bytes: number
  readonly events: number
  readonly eventsDropped: number
  /** What ended it, where nobody asked: a limit, a full disk, a failed write. */
  readonly stopped?: string
}

export interface RecordingOrder {
  readonly directory: string
  readonly serial?: string
  readonly limits: {
    readonly maxFileBytes: number
    readonly minFreeBytes: number
    /** Device microseconds. */
    readonly maxDurationUs?: number
  }
}

/** The one recording a capture thread may be making. */
export class CaptureRecorder {
  /** The sink beside the pipeline; undefined while nothing is recorded. */
  sink: Recorder | undefined
  readonly #clock: Clock
  readonly #size: Size
  #changing: Promise<unknown> = Promise.resolve()

  constructor(size: Size, clock: Clock) {
    this.#size = size
    this.#clock = clock
  }

  /** Undefined when one is under way. Rejects with CONFIG_INVALID when the file cannot be created. */
  start(order: RecordingOrder): Promise<RecordingReport | undefined> {
    return this.#inTurn(async () => {
      if (this.sink !== undefined) return undefined
      const { directory, serial, limits } = order
      this.sink = await createRecorder({
        to: { directory },
        camera: { name: 'DAVIS346', size: this.#size, ...(serial !== undefined && { serial }) },
        clock: this.#clock,
        limits,
      })
      return reportOf(this.sink)
    })
  }

  /** Completes the file; undefined when nothing is recorded. */
  stop(): Promise<RecordingReport | undefined> {
    return this.#inTurn(async () => {
      const recorder = this.sink
      if (recorder === undefined) return undefined
      this.sink = undefined
      await recorder.close()
      return reportOf(recorder)
    })
  }

  report(): RecordingReport | undefined {
    return this.sink && reportOf(this.sink)
  }

  /** Whether a limit or the disk has ended it, so that it only needs to be stopped. */
  get ended(): boolean {
    return this.sink?.status().stopped !== undefined
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(action)
    this.#changing = result.catch(() => {})
    return result
  }
}

function reportOf(recorder: Recorder): RecordingReport {
  const { path, durationUs, fileBytes, stopped } = recorder.status()
  const { events = 0, eventsDropped = 0 } = recorder.counters()
  return {
    name: basename(path),
    seconds: durationUs / 1e6,
    bytes: fileBytes,
    events,
    eventsDropped,
    ...(stopped !== undefined && { stopped }),
  }
}
