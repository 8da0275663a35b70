import type { Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import type { SourceSink, SourceState } from '../sources/source.js'
import type { CalibrationKind, Measurement, Outcome, Progress, Stream } from './kind.js'
import type { Depiction } from './pictures/depiction.js'

/** How a measurement stands. */
export interface SessionProgress extends Progress {
  /** 0..1 */
  readonly share: number
  /** Device time measured so far. */
  readonly seconds: number
  /** What people see of it; plain data, the same object until there is a newer one. */
  readonly depiction?: Depiction
}

/** After a change of settings the sensor needs this long before anything counts. */
const SETTLE_US = 300_000
/** A picture is made anew after so much device time. */
const DEPICT_US = 500_000
/** A stream that is needed and has not shown itself by then will not come. */
const STREAM_PATIENCE_US = 5_000_000
/** A camera that does not stream by then is told as not there. */
const CONNECT_PATIENCE_US = 10_000_000

export interface SessionOptions {
  readonly kind: CalibrationKind
  readonly measurement: Measurement
  readonly seconds: number
  /** Recordings are measured from their first event on; a camera settles first. */
  readonly settle: boolean
  /** Cameras only. */
  readonly configure?: (preset: Preset) => Promise<void>
  /** False where nobody sees what is depicted; true where not given. */
  readonly depicts?: boolean
  /** The camera says who it is, before anything is measured; what this throws ends it. */
  readonly onSerial?: (serial: string) => void
}

/**
 * One measurement on one source: a sink that lets the measurement see what counts, tells the time and knows when it is
 * over. Stops by aborting `over`, with the error as reason when nothing came of it.
 */
export class CalibrationSession {
  readonly sink: SourceSink
  readonly #options: SessionOptions
  readonly #over = new AbortController()
  readonly #seen = new Set<Stream>()
  #state: SourceState | undefined
  #firstUs = Number.NaN
  #startUs = Number.NaN
  #nowUs = Number.NaN
  #changing = false
  #finished = false
  #openedUs = Number.NaN
  #streamed = false
  #depiction: Depiction | undefined
  #depictedUs = Number.NEGATIVE_INFINITY

  constructor(options: SessionOptions) {
    this.#options = options
    const { measurement } = options
    this.sink = {
      events: (batch) => {
        if (batch.length === 0) return
        this.#seen.add('events')
        const t = batch.t0Us + batch.dtUs[batch.length - 1]!
        if (this.#counts(t)) measurement.events?.(batch)
      },
      time: (tUs, hostUs) => {
        if (this.#counts(tUs)) measurement.time?.(tUs, hostUs)
      },
      image: (image) => {
        this.#seen.add('images')
        if (this.#counts(image.tUs)) measurement.image?.(image)
      },
      imu: (sample) => {
        this.#seen.add('imu')
        if (this.#counts(sample.tUs)) measurement.imu?.(sample)
      },
      gap: (gap) => {
        // Device time starts again: what was measured so far keeps its length.
        if (gap.reason === 'reset' || gap.reason === 'reconnect') this.#restart()
        measurement.gap?.(gap)
      },
      state: (state) => this.#onState(state),
    }
  }

  /** Aborted when the measurement is over: no reason of its own when it went well, an EvtrackError when not. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** True when there is something to finish. */
  get finished(): boolean {
    return this.#finished
  }

  get serial(): string | undefined {
    return this.#state?.serial
  }

  /** Looks after it; called some fifty times a second, with host time. */
  tick(hostUs: number): void {
    const { measurement, configure } = this.#options
    if (this.#over.signal.aborted) return
    if (Number.isNaN(this.#openedUs)) this.#openedUs = hostUs
    if (measurement.done?.()) this.#end()
    else if (this.#measuredUs() >= this.#options.seconds * 1e6) this.#endWhole()
    else if (this.#state !== undefined && !this.#streamed) this.#lookForCamera(hostUs)
    else if (this.#nowUs - this.#firstUs > STREAM_PATIENCE_US && this.#missing().length > 0)
      this.fail(missingStream(this.#missing(), this.#where))
    if (configure === undefined || this.#changing) return
    const wanted = measurement.want?.()
    if (wanted === undefined) return
    this.#changing = true
    configure(wanted).then(
      () => {
        this.#changing = false
        measurement.applied?.(wanted, hostUs)
      },
      (cause: unknown) => this.fail(lost(cause)),
    )
  }

  /** The recording has ended. */
  ended(): void {
    this.#endWhole()
  }

  finish(): Outcome {
    return this.#options.measurement.finish()
  }

  fail(error: EvtrackError): void {
    if (!this.#over.signal.aborted) this.#over.abort(error)
  }

  progress(): SessionProgress {
    const own = this.#options.measurement.progress()
    const seconds = Math.max(0, this.#measuredUs() / 1e6 || 0)
    const share = Math.min(1, seconds / this.#options.seconds)
    const depiction = this.#depict()
    return {
      ...own,
      share: own.share ?? share,
      seconds,
      ...(depiction !== undefined && { depiction }),
    }
  }

  #depict(): Depiction | undefined {
    if (this.#options.depicts === false) return undefined
    if (!(Math.abs(this.#nowUs - this.#depictedUs) < DEPICT_US)) {
      this.#depictedUs = this.#nowUs
      this.#depiction = this.#options.measurement.depict?.()
    }
    return this.#depiction
  }

  /** A recording is as it is; a camera can be told otherwise. */
  get #where(): 'camera' | 'recording' {
    return this.#options.settle ? 'camera' : 'recording'
  }

  #missing(): Stream[] {
    return this.#options.kind.needs.filter((stream) => !this.#seen.has(stream))
  }

  /** The time is over: something was measured only if every stream was there. */
  #endWhole(): void {
    const missing = this.#missing()
    if (missing.length > 0) this.fail(missingStream(missing, this.#where))
    else this.#end()
  }

  #end(): void {
    this.#finished = true
    if (!this.#over.signal.aborted) this.#over.abort()
  }

  #measuredUs(): number {
    return Number.isNaN(this.#startUs) ? 0 : this.#nowUs - this.#startUs
  }

  /** True when something at this device time is part of the measurement. */
  #counts(tUs: number): boolean {
    if (Number.isNaN(this.#firstUs)) this.#firstUs = tUs
    if (this.#finished) return false
    const settled = tUs - this.#firstUs >= (this.#options.settle ? SETTLE_US : 0)
    if (settled && Number.isNaN(this.#startUs)) this.#startUs = tUs
    if (!(tUs < this.#nowUs)) this.#nowUs = tUs
    return settled
  }

  #restart(): void {
    const measured = this.#measuredUs()
    this.#firstUs = Number.NaN
    this.#nowUs = Number.NaN
    // The new run begins at 0; its first signal puts the start where the length stays.
    this.#startUs = measured > 0 ? -measured : Number.NaN
  }

  #onState(state: SourceState): void {
    const before = this.#state
    this.#state = { ...before, ...state }
    if (state.state === 'refused') this.fail(refusal(state))
    else if (this.#streamed && state.state === 'disconnected') this.fail(lost(state.reason))
    if (state.state === 'streaming') this.#streamed = true
    if (state.serial === undefined || state.serial === before?.serial) return
    try {
      this.#options.onSerial?.(state.serial)
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      this.fail(error)
    }
  }

  #lookForCamera(hostUs: number): void {
    const { code } = this.#state!
    // Told by the driver, this does not change by waiting a little.
    const clear = code === 'CAMERA_NOT_FOUND' || code === 'CAMERA_BUSY'
    if (clear || hostUs - this.#openedUs > CONNECT_PATIENCE_US) this.fail(refusal(this.#state!))
  }
}

function missingStream(missing: readonly Stream[], where: 'camera' | 'recording'): EvtrackError {
  const what = missing.join(' and ')
  return new EvtrackError('CALIBRATION_FAILED', `The ${where} delivers no ${what}.`, {
    next:
      where === 'camera'
        ? `Switch ${what} on in the preset, or look at \`evtrackd doctor\`.`
        : `Record again with a preset that delivers ${what}; \`evtrackd info\` says what a recording holds.`,
    data: { missing },
  })
}

function refusal(state: SourceState): EvtrackError {
  const reason = state.reason ?? 'The camera does not stream.'
  switch (state.code) {
    case 'CAMERA_BUSY':
      return new EvtrackError('CAMERA_BUSY', reason, {
        next: 'An evtrackd that runs measures by itself, if you are in the group evtrackd or use sudo; stop any other program.',
      })
    case 'FIRMWARE_UNSUPPORTED':
      return new EvtrackError('FIRMWARE_UNSUPPORTED', reason, {
        next: 'Use a camera with firmware 6 and logic 18.',
      })
    case 'CAMERA_NOT_FOUND':
      return new EvtrackError('CAMERA_NOT_FOUND', reason, {
        next: 'Plug the camera in; `evtrackd devices` lists what is there. Without one: --source emulator or --from FILE.',
      })
    default:
      return lost(reason)
  }
}

function lost(cause: unknown): EvtrackError {
  return new EvtrackError('CAMERA_LOST', 'The camera was lost while measuring; nothing is kept.', {
    next: 'Look at cable and power, then run again.',
    cause,
  })
}
