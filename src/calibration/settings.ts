import type { Preset } from '../davis346/schema.js'
import type { FiltersConfig, Region } from '../pipeline/schema.js'
import type { CountZone } from '../tracking/zones.js'
import type { GroundSurvey } from './ground/ground.js'
import type { LensModel } from './lens/model.js'

/**
 * What an active calibration changes in the daemon. Each kind fills its own part; parts of several kinds add up, and a
 * later activation of a kind replaces its earlier one. Everything here is plain JSON.
 */
export interface Settings {
  /** Pixels to be masked by the host, beside those of the configuration. */
  readonly hotPixels?: readonly (readonly [number, number])[]
  /** Replace the keys of [filters]. */
  readonly filters?: Partial<
    Pick<FiltersConfig, 'backgroundActivityUs' | 'backgroundActivitySupport' | 'refractoryUs'>
  >
  /** Parts of the sensor to watch or to ignore, after those of the configuration. */
  readonly regions?: readonly Region[]
  /** Replace the keys of the camera's preset. */
  readonly preset?: {
    readonly biases?: Partial<Preset['biases']>
    readonly dvs?: Partial<Preset['dvs']>
    readonly aps?: Partial<Preset['aps']>
  }
  /** Areas in which tracks are counted. */
  readonly zones?: readonly CountZone[]
  /** The camera's clock, known before it could be measured anew. */
  readonly clock?: { readonly driftPpm: number; readonly driftErrorPpm: number }
  /** Distortion is taken out of tracks. */
  readonly lens?: LensModel
  /** Tracks get metres. */
  readonly ground?: GroundSurvey
  /** At rest: what the gyroscope shows, and where up is. */
  readonly imu?: {
    readonly gyroBiasDegPerSecond: readonly [number, number, number]
    /** Unit vector that points up in the axes of the camera (X right, Y up, Z toward the lens). */
    readonly up: readonly [number, number, number]
  }
}

/** What the daemon would run with: the configuration's own values with the active calibrations in them. */
export interface Effective {
  readonly filters: FiltersConfig
  readonly preset: Preset
}

/** Pure. Later settings win where two name the same key; hot pixels and regions add up. */
export function applySettings(base: Effective, settings: readonly Settings[]): Effective {
  return {
    filters: calibratedFilters(base.filters, settings),
    preset: calibratedPreset(base.preset, settings),
  }
}

/** As applySettings, the part of the host. */
export function calibratedFilters(
  base: FiltersConfig,
  settings: readonly Settings[],
): FiltersConfig {
  let filters = base
  for (const each of settings) {
    const known = new Set(filters.hotPixels.map(([x, y]) => `${x},${y}`))
    const fresh = (each.hotPixels ?? []).filter(([x, y]) => !known.has(`${x},${y}`))
    filters = {
      ...filters,
      ...each.filters,
      hotPixels: [...filters.hotPixels, ...fresh.map(([x, y]): [number, number] => [x, y])],
      regions: [...filters.regions, ...(each.regions ?? [])],
    }
  }
  return filters
}

/** As applySettings, the part of the camera. */
export function calibratedPreset(base: Preset, settings: readonly Settings[]): Preset {
  let preset = base
  for (const each of settings) {
    const { biases, dvs, aps } = each.preset ?? {}
    preset = {
      ...preset,
      biases: { ...preset.biases, ...biases },
      dvs: { ...preset.dvs, ...dvs },
      aps: { ...preset.aps, ...aps },
    }
  }
  return preset
}
