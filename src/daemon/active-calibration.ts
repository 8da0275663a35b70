import { TrackPlacer } from '../calibration/ground/track-placer.js'
import { calibratedFilters, calibratedPreset, type Settings } from '../calibration/settings.js'
import { CalibrationStore } from '../calibration/store.js'
import { EvtrackError } from '../events/errors.js'
import { ZoneWatch } from '../tracking/zones.js'
import type { CaptureChange } from './capture-desk.js'
import type { Log } from './log.js'
import { effectivePreset } from './plan-source.js'
import type { Config } from './schema.js'
import { stateDir } from './state-dir.js'

/** The calibrations that a running daemon goes by: those that are active for the camera it has. */
export class ActiveCalibration {
  zones = new ZoneWatch([])
  places = new TrackPlacer()
  readonly #log: Log
  #ids: readonly string[] = []
  #settings: readonly Settings[] = []

  constructor(log: Log) {
    this.#log = log
  }

  get ids(): readonly string[] {
    return this.#ids
  }

  /** Share of the clock's drift that was measured at leisure, host against camera; undefined when never. */
  get driftPpm(): number | undefined {
    return this.#settings.findLast(({ clock }) => clock !== undefined)?.clock?.driftPpm
  }

  /**
   * Takes on what is active for this camera; true when that is something else than before. A calibration that cannot be
   * read is left out and told: the camera works without it.
   */
  load(config: Config, serial: string | undefined): boolean {
    const results = config.calibration.use && serial !== undefined ? this.#read(config, serial) : []
    const ids = results.map(({ id }) => id)
    if (ids.join() === this.#ids.join()) return false
    this.#ids = ids
    this.#settings = results.flatMap(({ settings }) => settings ?? [])
    this.zones = new ZoneWatch(this.#settings.flatMap(({ zones }) => zones ?? []))
    this.places = new TrackPlacer(this.#settings)
    if (ids.length > 0) this.#log.info('calibrations in use', { serial, ids: ids.join(',') })
    return true
  }

  /** What the capture thread is to be told, with the calibrations in it. */
  over({ filters, preset }: CaptureChange): Pick<CaptureChange, 'filters' | 'preset'> {
    return {
      ...(filters !== undefined && { filters: calibratedFilters(filters, this.#settings) }),
      ...(preset !== undefined && { preset: calibratedPreset(preset, this.#settings) }),
    }
  }

  /** Everything that calibrations can change. */
  async whole(config: Config, isCamera: boolean): Promise<CaptureChange> {
    const { filters, camera } = config
    return this.over({ filters, ...(isCamera && { preset: await effectivePreset(camera) }) })
  }

  #read(config: Config, serial: string) {
    try {
      const store = new CalibrationStore(stateDir(config), serial)
      return [...store.active((error) => this.#warn(error)).values()]
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      this.#warn(error)
      return []
    }
  }

  #warn({ message, code, next }: EvtrackError): void {
    this.#log.warning(`a calibration is left out: ${message}`, { code, next })
  }
}
