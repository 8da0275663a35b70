import { AVAILABLE_KINDS, isKind } from '../calibration/kinds.js'
import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import type { CalibrationPayload } from '../publish/calibration-schema.js'
import type { CommandHandlers, CommandResult } from '../publish/requests.js'
import { ActiveCalibration } from './active-calibration.js'
import type { CalibrateReport } from './calibrate-request.js'
import { type CalibrationNews, calibrationPayload } from './calibration-news.js'
import type { CaptureChange, CaptureDesk } from './capture-desk.js'
import { camelKey, mapKeys } from './config-keys.js'
import type { DaemonFacts } from './facts.js'
import { LiveCalibration } from './live-calibration.js'
import type { Log } from './log.js'
import { Nightly } from './nightly.js'
import { effectivePreset, isCamera } from './plan-source.js'
import type { Config } from './schema.js'

export interface DaemonCalibrationParts {
  readonly log: Log
  readonly clock: Clock
  readonly bootId: string
  readonly size: Size
  readonly facts: DaemonFacts
  /** The configuration that is in effect. */
  readonly config: () => Config
  readonly desk: () => Pick<CaptureDesk, 'configure' | 'lend' | 'set' | 'giveBack'>
  readonly publish: (payload: CalibrationPayload) => void
  /** Where the news are published. */
  readonly topic: () => string
  readonly onNews: ((news: CalibrationNews) => void) | undefined
  /** What is active, or whether one runs, has changed. */
  readonly changed: () => void
}

/** Progress goes out so often at most; the end at once. */
const PROGRESS_EVERY_US = 500_000

/** All that a running daemon has to do with calibrations: those it goes by, and those it makes. */
export class DaemonCalibration {
  readonly active: ActiveCalibration
  readonly live: LiveCalibration
  readonly handlers: Pick<CommandHandlers, 'calibrate/start' | 'calibrate/cancel'>
  readonly #parts: DaemonCalibrationParts
  readonly #nightly: Nightly
  #publishedUs = Number.NEGATIVE_INFINITY

  constructor(parts: DaemonCalibrationParts) {
    const { log, clock, bootId, size, facts, config, desk } = parts
    this.#parts = parts
    this.active = new ActiveCalibration(log)
    this.#load(config().camera.serial)
    this.live = new LiveCalibration({
      log,
      idPrefix: `${bootId}-calibration`,
      size,
      camera: {
        lend: (preset, signals, show) => desk().lend(preset, signals, show),
        set: (preset) => desk().set(preset),
        giveBack: () => desk().giveBack(),
      },
      config,
      source: () => facts.sourceState,
      preset: async () => {
        const preset = await effectivePreset(config().camera)
        return this.active.over({ preset }).preset ?? preset
      },
      activated: () => this.#takeOn(facts.sourceState.serial),
      onNews: (news) => this.#news(news),
    })
    this.handlers = {
      'calibrate/start': (request) => this.#start(request),
      'calibrate/cancel': ({ id }) => this.#cancel(id),
    }
    this.#nightly = new Nightly({ clock, run: () => this.#confirmHotPixels() })
  }

  /** Call it once everything else is there. */
  begin(): void {
    const { config, publish, clock } = this.#parts
    publish(calibrationPayload(undefined, clock.wallUs()))
    this.#nightly.set(config().calibration.nightlyHotPixels)
  }

  /** The camera has said who it is. */
  known(serial: string | undefined): void {
    if (serial === undefined) return
    this.#takeOn(serial).catch((error: Error) => this.#parts.log.warning(error.message))
  }

  /**
   * The configuration has changed by `change`, and files may have: what the capture thread is to be told, with the
   * calibrations that are active now in it.
   */
  async reread(config: Config, change: CaptureChange): Promise<CaptureChange> {
    const { facts } = this.#parts
    this.#nightly.set(config.calibration.nightlyHotPixels)
    const before = this.active.ids.length > 0
    const { serial = config.camera.serial } = facts.sourceState
    if (!this.#load(serial)) return { ...change, ...this.active.over(change) }
    if (before || this.active.ids.length > 0) this.#parts.changed()
    return { ...change, ...(await this.active.whole(config, isCamera(config))) }
  }

  /** Cancels what runs, and waits until the camera is as before. Idempotent. */
  async close(): Promise<void> {
    this.#nightly.close()
    await this.live.close()
  }

  #load(serial: string | undefined): boolean {
    const { config, facts } = this.#parts
    const changed = this.active.load(config(), serial)
    facts.knownDriftPpm = this.active.driftPpm
    return changed
  }

  async #takeOn(serial: string | undefined): Promise<void> {
    const { config, desk, changed } = this.#parts
    if (!this.#load(serial)) return
    changed()
    await desk().configure(await this.active.whole(config(), isCamera(config())))
  }

  async #start(request: Parameters<CommandHandlers['calibrate/start']>[0]): Promise<CommandResult> {
    const { kind, seconds, dryRun, options = {} } = request
    if (!isKind(kind)) {
      const message = `kind: there is no calibration of this name; ${AVAILABLE_KINDS.join(', ')}`
      return { ok: false, code: 'REQUEST_INVALID', message }
    }
    const accepted = await this.live.start({
      kind,
      origin: 'mqtt',
      options: mapKeys(options, camelKey) as Record<string, unknown>,
      ...(seconds !== undefined && { seconds }),
      ...(dryRun !== undefined && { dryRun }),
    })
    const { id, ask } = accepted
    const topic = this.#parts.topic()
    return { ok: true, result: { id, kind, ask, seconds: accepted.seconds, topic } }
  }

  async #cancel(id: string | undefined): Promise<CommandResult> {
    const kind = this.live.running
    if (await this.live.cancel(id)) return { ok: true, result: { kind: kind ?? null } }
    return {
      ok: false,
      code: 'CALIBRATION_NONE',
      message: 'No such calibration is under way.',
    }
  }

  /** Unattended: it may add to the mask and never takes from it. */
  async #confirmHotPixels(): Promise<void> {
    const { log, bootId } = this.#parts
    const kind = 'hot-pixels'
    try {
      const { over } = await this.live.start({
        kind,
        origin: 'schedule',
        options: { onlyAdd: true },
        worthKeeping: (report, previous) =>
          report.verdict !== 'FAIL' && pixelsIn(report.outcome.data) > pixelsIn(previous),
        skip: ({ verdict }: CalibrateReport) => verdict === 'FAIL',
      })
      await over
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      log.warning(`the nightly ${kind} is skipped: ${error.message}`, { code: error.code })
      this.#news({
        id: `${bootId}-calibration-skipped`,
        kind,
        title: kind,
        ask: '',
        origin: 'schedule',
        state: 'skipped',
        error,
      })
    }
  }

  #news(news: CalibrationNews): void {
    const { facts, clock, publish, changed, onNews } = this.#parts
    const { running } = this.live
    if (facts.calibrating !== running) {
      facts.calibrating = running
      changed()
    }
    const now = clock.nowUs()
    if (news.state !== 'running' || now - this.#publishedUs >= PROGRESS_EVERY_US) {
      this.#publishedUs = now
      publish(calibrationPayload(news, clock.wallUs()))
    }
    onNews?.(news)
  }
}

function pixelsIn(data: Readonly<Record<string, unknown>> | undefined): number {
  const pixels = data?.['pixels']
  return Array.isArray(pixels) ? pixels.length : 0
}
