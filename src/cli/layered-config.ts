import { planCameras } from '../daemon/camera-plan.js'
import { readLayers } from '../daemon/config-layers.js'
import type { Config } from '../daemon/schema.js'
import { EvtrackError } from '../events/errors.js'

interface Given {
  /** --config */
  readonly config?: string | undefined
  /** What the command line says, camelCase. */
  readonly flags: unknown
}

/**
 * What a command about a file goes by: all that `run` reads, without [[cameras]], since the file is none of them.
 * Throws CONFIG_INVALID.
 */
export function fileConfig({ config: file, flags }: Given): Config {
  const { env } = process
  const all = readLayers({ file, env, flags })
  const none = { origin: 'command line', value: { cameras: [] } }
  return planCameras([...all, none], { env })[0]!.config
}

/** What a command about one camera goes by: all that `run` would. Throws CONFIG_INVALID, also when it is not said which. */
export function cameraConfig({
  config: file,
  flags,
  camera,
}: Given & { readonly camera?: string | undefined }): Config {
  const { env } = process
  const plans = planCameras(readLayers({ file, env, flags }), { env })
  const plan =
    camera === undefined && plans.length === 1 ? plans[0] : plans.find(({ id }) => id === camera)
  if (plan !== undefined) return plan.config
  const ids = plans.flatMap(({ id }) => id || [])
  const message =
    camera === undefined
      ? 'Several cameras are configured, and none is named.'
      : `No camera ${camera} is configured.`
  const next =
    ids.length === 0
      ? 'Leave --camera out: the configuration has no [[cameras]].'
      : `Give --camera, one of ${ids.join(', ')}.`
  throw new EvtrackError('CONFIG_INVALID', message, { next, data: { ids } })
}
