import { basename } from 'node:path'
import type { CalibrationKind, KindName, MeasurementContext, Outcome } from '../calibration/kind.js'
import { worst } from '../calibration/kind.js'
import { lockCamera } from '../calibration/lock.js'
import { calibratedPreset, type Settings } from '../calibration/settings.js'
import { CalibrationStore, type StoredResult } from '../calibration/store.js'
import type { Preset } from '../davis346/schema.js'
import type { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE, type Size } from '../events/geometry.js'
import type { CalibrateReport } from './calibrate-request.js'
import type { Config } from './schema.js'
import { stateDir } from './state-dir.js'
import { VERSION } from './version.js'

/** `previous`: data of the result that is active now, absent without one. */
export type WorthKeeping = (
  report: CalibrateReport,
  previous: Readonly<Record<string, unknown>> | undefined,
) => boolean

export interface CalibrationCaseOptions {
  readonly config: Config
  readonly kind: Pick<CalibrationKind, 'name' | 'dataVersion'>
  /** Judged; of the kind. */
  readonly options: unknown
  readonly dryRun: boolean
  /** What is not worth keeping is neither written nor made active; default: everything is. */
  readonly worthKeeping?: WorthKeeping
  /** An active result that cannot be read: this goes on without it. */
  readonly onLeftOut?: (error: EvtrackError) => void
}

/**
 * One calibration of one camera, from what is active for it now to what is kept of it: its lock, what the measurement
 * is told, and its result. Who measures, and where, is not its business.
 */
export class CalibrationCase {
  readonly #given: CalibrationCaseOptions
  readonly #startedAt = new Date().toISOString()
  #store: CalibrationStore | undefined
  #active: ReadonlyMap<KindName, StoredResult> = new Map()
  #release: () => void = () => {}

  constructor(given: CalibrationCaseOptions) {
    this.#given = given
  }

  /** Undefined until it is known which camera this is about. */
  get serial(): string | undefined {
    return this.#store?.serial
  }

  /**
   * From here on this is about one camera: nobody else calibrates it meanwhile. Throws CALIBRATION_BUSY, and
   * CALIBRATION_INVALID for a serial that can name no folder or when nothing can be read of what is active.
   */
  adopt(serial: string): void {
    const { config, kind, dryRun, onLeftOut = () => {} } = this.#given
    const store = new CalibrationStore(stateDir(config), serial)
    this.#active = store.active(onLeftOut)
    this.#store = store
    if (!dryRun) this.#release = lockCamera(store.dir, kind.name)
  }

  /** Others may calibrate the camera again. Idempotent. */
  release(): void {
    this.#release()
  }

  /** The preset with what is active for the camera in it. */
  effective(preset: Preset): Preset {
    return calibratedPreset(preset, settingsOf(this.#active.values()))
  }

  /** What a measurement is told. */
  context(of: {
    readonly seconds: number
    readonly size?: Size
    readonly preset?: Preset | undefined
  }): MeasurementContext<unknown> {
    const { seconds, size = DAVIS346_SIZE, preset } = of
    const { kind, options } = this.#given
    const active = new Map(this.#active)
    const previous = this.#previous()
    active.delete(kind.name)
    return {
      size,
      seconds,
      options,
      others: settingsOf(active.values()),
      ...(preset !== undefined && { preset }),
      ...(previous !== undefined && { previous }),
    }
  }

  /** Judges, writes and, unless it failed, makes active what was found. Throws CALIBRATION_FAILED when it cannot. */
  conclude(outcome: Outcome, seconds: number): CalibrateReport {
    const { kind, dryRun, config, worthKeeping = () => true } = this.#given
    const { name, dataVersion } = kind
    const verdict = worst(outcome.rows)
    const store = this.#store
    const report = { kind: name, verdict, outcome, seconds, serial: this.serial, activated: false }
    if (dryRun || store === undefined || !worthKeeping(report, this.#previous())) return report
    const { rows, data, settings } = outcome
    const stored = store.write(
      {
        kind: name,
        dataVersion,
        serial: store.serial,
        verdict,
        at: this.#startedAt,
        seconds,
        source: sourceName(config),
        evtrackd: VERSION,
        rows,
        data,
        ...(settings !== undefined && verdict !== 'FAIL' && { settings }),
      },
      outcome,
    )
    const activated = verdict !== 'FAIL' && settings !== undefined
    if (activated) store.activate(stored)
    return { ...report, stored, activated }
  }

  #previous(): Readonly<Record<string, unknown>> | undefined {
    const { name, dataVersion } = this.#given.kind
    const own = this.#active.get(name)
    return own?.dataVersion === dataVersion ? own.data : undefined
  }
}

function settingsOf(results: Iterable<StoredResult>): Settings[] {
  return [...results].flatMap(({ settings }) => settings ?? [])
}

function sourceName({ source: { kind, file } }: Config): string {
  return kind === 'recording' ? basename(file!) : kind
}
