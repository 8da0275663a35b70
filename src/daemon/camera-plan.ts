import { join } from 'node:path'
import { type Layer, type LayeredConfig, readKept, resolveLayers } from './config-layers.js'
import { ModelStore } from './model-store.js'
import { installedModelsDir, keptConfigFile, stateDir } from './state-dir.js'

type Env = Readonly<Record<string, string | undefined>>

/** One camera of the daemon with the configuration it runs by. */
export interface CameraPlan extends LayeredConfig {
  /** Id of the camera in [[cameras]]; '' when there is only the one. */
  readonly id: string
  /** Installed model packages, the same for all cameras. */
  readonly store: ModelStore
}

interface RawCamera {
  readonly id: string
  readonly serial?: string
  readonly preset?: string
  readonly filters?: unknown
}

/**
 * The layer that makes one of several cameras out of what holds for all: its own device over MQTT, its own folder of
 * state, so that nothing of two cameras meets.
 */
function cameraLayer(base: LayeredConfig, camera: RawCamera, env: Env): Layer {
  const { id, serial, preset, filters } = camera
  const { config } = base
  return {
    origin: `cameras ${id}`,
    value: {
      camera: { ...(serial !== undefined && { serial }), ...(preset !== undefined && { preset }) },
      ...(filters !== undefined && { filters }),
      mqtt: {
        cameraId: id,
        deviceName: `${config.mqtt.deviceName}-${id}`,
        ...(config.mqtt.spool.dir !== undefined && {
          spool: { dir: join(config.mqtt.spool.dir, id) },
        }),
      },
      stateDir: join(stateDir(config, env), id),
    },
  }
}

/**
 * The cameras that a configuration asks for, each with what `camera/configure` was asked to keep for it and, where
 * given, what it changed for now. Throws CONFIG_INVALID.
 */
export function planCameras(
  given: readonly Layer[],
  options: { readonly env: Env; readonly changes?: ReadonlyMap<string, readonly Layer[]> },
): CameraPlan[] {
  const { env, changes } = options
  const configured = resolveLayers(given)
  const store = new ModelStore(installedModelsDir(configured.config, env))
  const layers = [...given, ...store.layers()]
  const base = resolveLayers(layers)
  // As written, not as completed by the schema: a key that is absent is taken from [filters].
  const { cameras = [] } = base.merged as { cameras?: readonly RawCamera[] }
  const rows: readonly (RawCamera | undefined)[] = cameras.length === 0 ? [undefined] : cameras
  return rows.map((camera) => {
    const id = camera?.id ?? ''
    const own = camera === undefined ? [] : [cameraLayer(base, camera, env)]
    const { config } = own.length === 0 ? base : resolveLayers([...layers, ...own])
    const all = [...layers, ...own, ...(changes?.get(id) ?? readKept(keptConfigFile(config, env)))]
    return { id, store, ...withInstalledModel(all, store) }
  })
}

/** A model that is named as it was installed is found in the folder of installed ones. */
function withInstalledModel(layers: readonly Layer[], store: ModelStore): LayeredConfig {
  const plan = resolveLayers(layers)
  const name = store.path(plan.config.model.name)
  if (name === undefined) return plan
  const origin = plan.origins.get('model.name') ?? 'default'
  return resolveLayers([...layers, { origin, value: { model: { name } } }])
}
