import { buildPassMap } from '../pipeline/mask.js'
import type { CaptureChange } from './capture-desk.js'
import { leaves } from './config-layers.js'
import { mergeConfig } from './load-config.js'
import { effectivePreset, type SourcePlan } from './plan-source.js'
import type { Config } from './schema.js'

/** Keys that a running daemon takes on, as the file writes them; what lies below one of them counts. */
const LIVE = [
  'camera.preset',
  'camera.biases',
  'filters',
  'guard',
  'calibration',
  'model.name',
  'recording',
  'mqtt.tracks_per_second',
  'mqtt.health_interval_ms',
  'mqtt.spool.replay_per_second',
  'log_level',
] as const

export interface ReloadPlan {
  /** What to run with now: the running configuration with the live keys of the new one. */
  readonly config: Config
  /** Keys that change now, and keys that wait for a restart. */
  readonly live: readonly string[]
  readonly restart: readonly string[]
}

/** What becomes of the difference between two configurations. Pure. */
export function planReload(running: Config, next: Config): ReloadPlan {
  const before = leaves(running)
  const after = leaves(next)
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)),
  )
  const isLive = (key: string) => LIVE.some((live) => key === live || key.startsWith(`${live}.`))
  const { camera, filters, guard, calibration, model, recording, mqtt, logLevel } = next
  const { tracksPerSecond, healthIntervalMs, spool } = mqtt
  const merged = mergeConfig(running, {
    camera: { preset: camera.preset },
    model: { name: model.name },
    mqtt: {
      tracksPerSecond,
      healthIntervalMs,
      spool: { replayPerSecond: spool.replayPerSecond },
    },
    logLevel,
  }) as Config
  // Biases and filters are taken over whole: what the new ones do not name is gone.
  const config = {
    ...merged,
    filters,
    guard,
    calibration,
    recording,
    camera: { ...merged.camera, biases: camera.biases },
  }
  return {
    config,
    live: changed.filter(isLive).sort(),
    restart: changed.filter((key) => !isLive(key)).sort(),
  }
}

/** What the capture thread has to be told of a change. Rejects with CONFIG_INVALID for what it could not follow. */
export async function captureChange(
  before: Config,
  next: Config,
  source: SourcePlan,
): Promise<CaptureChange> {
  buildPassMap(next.filters, source.size)
  const { kind } = source.request
  const differs = (pick: (config: Config) => unknown) =>
    JSON.stringify(pick(before)) !== JSON.stringify(pick(next))
  const newPreset =
    (kind === 'camera' || kind === 'emulator') &&
    differs(({ camera }) => [camera.preset, camera.biases])
  return {
    ...(differs(({ filters }) => filters) && { filters: next.filters }),
    ...(differs(({ guard }) => guard) && { guard: next.guard }),
    ...(newPreset && { preset: await effectivePreset(next.camera) }),
  }
}
