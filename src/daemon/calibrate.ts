import type { CalibrationKind } from '../calibration/kind.js'
import { loadKind } from '../calibration/kinds.js'
import { CalibrationSession } from '../calibration/session.js'
import type { Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import { systemClock } from '../events/time.js'
import type { SourceState } from '../sources/source.js'
import { checkLength, checkSerials, interrupted, noSerial } from './calibrate-refusals.js'
import type { CalibrateReport, CalibrateRequest } from './calibrate-request.js'
import { CalibrationCase } from './calibration-case.js'
import { kindOptions } from './calibration-options.js'
import { noiselessScene, openForCalibration, serialOfCamera } from './calibration-source.js'
import { darkSecondsOf, type EmulatedCameraWorld, worldFor } from './calibration-world.js'
import { effectivePreset } from './plan-source.js'
import { scanRecording } from './scan-recording.js'
import type { Config } from './schema.js'

export type { CalibrateReport, CalibrateRequest } from './calibrate-request.js'

const TICK_MS = 20
/** What lies behind zones and surveyed points. */
const LOOK_SECONDS = 2
const TICKS_PER_PROGRESS = 5

/**
 * Measures, judges, writes and, unless it failed, activates. The camera gets its settings back and nothing is written
 * when it is stopped or breaks. Rejects with EvtrackError.
 */
export async function calibrate(
  config: Config,
  request: CalibrateRequest,
): Promise<CalibrateReport> {
  request.signal.throwIfAborted()
  const kind = await loadKind(request.kind)
  const options = kindOptions(config, kind.name, request.options)
  const run = new CalibrationRun(config, { kind, request, options })
  try {
    return await (run.looks ? run.measure() : run.judge())
  } finally {
    run.release()
  }
}

class CalibrationRun {
  readonly #config: Config
  readonly #kind: CalibrationKind
  readonly #request: CalibrateRequest
  readonly #options: unknown
  readonly #case: CalibrationCase

  constructor(
    config: Config,
    of: { kind: CalibrationKind; request: CalibrateRequest; options: unknown },
  ) {
    const { kind, request, options } = of
    this.#config = config
    this.#kind = kind
    this.#request = request
    this.#options = options
    const { dryRun, onLeftOut } = request
    this.#case = new CalibrationCase({
      config,
      kind,
      options,
      dryRun,
      ...(onLeftOut && { onLeftOut }),
    })
  }

  /** A kind that is judged by its options alone may still be shown over what a camera sees. */
  get looks(): boolean {
    const { seconds } = this.#request
    return (
      this.#kind.seconds > 0 || seconds !== undefined || this.#config.source.kind === 'recording'
    )
  }

  release(): void {
    this.#case.release()
  }

  /** A kind that needs no signals. */
  async judge(): Promise<CalibrateReport> {
    const { onAsk } = this.#request
    const serial = await this.#knownSerial()
    if (serial !== undefined) this.#case.adopt(serial)
    else if (!this.#request.dryRun) throw noSerial()
    onAsk?.(this.#kind.ask)
    const measurement = this.#kind.create(this.#case.context({ seconds: 0 }))
    return this.#case.conclude(measurement.finish(), 0)
  }

  async measure(): Promise<CalibrateReport> {
    const { source } = this.#config
    if (source.kind === 'recording' && this.#kind.needsCamera) {
      throw new EvtrackError(
        'CALIBRATION_FAILED',
        `${this.#kind.name} cannot be calibrated from a recording.`,
        { next: 'Run it on the camera: leave --from out.' },
      )
    }
    return source.kind === 'recording' ? this.#measureRecording() : this.#measureCamera()
  }

  async #measureRecording(): Promise<CalibrateReport> {
    const path = this.#config.source.file!
    const scan = await scanRecording(path, this.#request.signal)
    const wanted = this.#request.seconds ?? (this.#kind.seconds || LOOK_SECONDS)
    const seconds = Math.min(wanted, scan.seconds)
    checkLength(scan.seconds, this.#kind.seconds)
    const serial = this.#serialOfRecording(scan.serial)
    if (serial !== undefined) this.#case.adopt(serial)
    return this.#stream({ seconds })
  }

  /** What the recording says, what the user says: both must agree, and one must be there. */
  #serialOfRecording(recorded: string | undefined): string | undefined {
    const { serial } = this.#config.camera
    checkSerials(serial, recorded)
    const found = serial ?? recorded
    if (found === undefined && !this.#request.dryRun) throw noSerial()
    return found
  }

  async #measureCamera(): Promise<CalibrateReport> {
    const base = await effectivePreset(this.#config.camera)
    return this.#stream({ seconds: this.#request.seconds ?? this.#kind.seconds, base })
  }

  async #stream(of: { seconds: number; base?: Preset }): Promise<CalibrateReport> {
    const { seconds, base } = of
    const { signal, onAsk, onState, onProgress } = this.#request
    const kind = this.#kind
    onAsk?.(kind.ask)
    const opened = await openForCalibration(this.#config, systemClock, this.#world(seconds))
    const stop = new AbortController()
    try {
      const size = opened.source.info.size
      const known = await this.#knownSerial()
      // What is active now shapes the measurement, so the camera has to be known before it begins.
      if (known !== undefined && this.#case.serial === undefined) this.#case.adopt(known)
      const before = base && this.#case.effective(base)
      const during = before && (kind.prepare?.(before, this.#options) ?? before)
      if (during !== undefined) await opened.configure?.(during)
      const session = new CalibrationSession({
        kind,
        seconds,
        settle: base !== undefined,
        depicts: false,
        measurement: kind.create(this.#case.context({ seconds, size, preset: during })),
        ...(opened.configure && { configure: opened.configure }),
        onSerial: (serial) => {
          if (this.#case.serial === undefined) this.#case.adopt(serial)
        },
      })
      // Put back while the camera is open: one that was let go only takes its settings when it is opened again.
      const end = async () => {
        if (before !== undefined) await opened.configure?.(before).catch(() => {})
        stop.abort()
      }
      const interrupt = () => session.fail(interrupted())
      session.over.addEventListener('abort', () => void end(), { once: true })
      signal.addEventListener('abort', interrupt, { once: true })
      let ticks = 0
      const timer = setInterval(() => {
        session.tick(systemClock.nowUs())
        if (++ticks % TICKS_PER_PROGRESS === 0) onProgress?.(session.progress())
      }, TICK_MS)
      try {
        const { sink } = session
        const watched = {
          ...sink,
          state: (state: SourceState) => {
            sink.state?.(state)
            onState?.(state)
          },
        }
        const how = await opened.source.run(watched, stop.signal)
        if (how === 'end') session.ended()
      } finally {
        clearInterval(timer)
        signal.removeEventListener('abort', interrupt)
      }
      if (!session.finished) throw session.over.reason
      onProgress?.({ ...session.progress(), share: 1 })
      return this.#case.conclude(session.finish(), session.progress().seconds)
    } finally {
      await opened.close()
    }
  }

  #world(seconds: number): EmulatedCameraWorld {
    const { scene, seed } = this.#config.source
    const { kind } = this.#request
    const view = this.#kind.emulated
    const darkSeconds = darkSecondsOf(this.#options, seconds)
    return (
      this.#request.world ??
      worldFor({ view, kind, seed, seconds, darkSeconds }, () => noiselessScene(scene, seed))
    )
  }

  /** Undefined when it will be known once the camera is open, or never. */
  async #knownSerial(): Promise<string | undefined> {
    const { source, camera } = this.#config
    if (source.kind === 'recording') return this.#case.serial ?? camera.serial
    return serialOfCamera(this.#config)
  }
}
