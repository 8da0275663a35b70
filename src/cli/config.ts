import { stringify } from 'smol-toml'
import { type CameraPlan, planCameras } from '../daemon/camera-plan.js'
import { mapKeys, snakeKey } from '../daemon/config-keys.js'
import { leaves, readLayers } from '../daemon/config-layers.js'
import { loadConfig } from '../daemon/load-config.js'
import { configFileSchema } from '../daemon/schema.js'
import { print, printJson, table } from './output.js'

interface ShowOptions {
  readonly json?: boolean
  readonly origin?: boolean
}

/** One file by itself: neither drop-ins nor the environment make it valid or not. */
export function check(file: string, options: { json?: boolean }): void {
  loadConfig(file)
  if (options.json) printJson({ valid: true, file })
  else print(`${file} is valid.`)
}

/** What `run` would go by. Passwords are in files of their own, so nothing here is secret. */
export function show(file: string | undefined, options: ShowOptions): void {
  const cameras = planCameras(readLayers({ file, env: process.env }), { env: process.env })
  if (options.origin) showOrigins(cameras, options)
  else if (options.json) printJson(cameras.length === 1 ? plain(cameras[0]) : cameras.map(plain))
  else {
    for (const camera of cameras) {
      if (camera.id !== '') print(`# camera ${camera.id}`)
      print(stringify(plain(camera)).trimEnd())
    }
  }
}

/** Through JSON: absent optional keys must be absent, not undefined. */
function plain(camera: CameraPlan | undefined): Record<string, unknown> {
  return JSON.parse(JSON.stringify(mapKeys(camera?.config, snakeKey)))
}

function showOrigins(cameras: readonly CameraPlan[], options: ShowOptions): void {
  const rows = cameras.flatMap(({ id, config, origins }) =>
    [...leaves(config)].map(([key, value]) => ({
      ...(id === '' ? {} : { camera: id }),
      key,
      value: mapKeys(value, snakeKey),
      origin: origins.get(key) ?? 'default',
    })),
  )
  if (options.json) {
    printJson(rows)
    return
  }
  const several = cameras.length > 1
  print(
    table(
      [...(several ? ['camera'] : []), 'key', 'value', 'from'],
      rows.map((row) => [
        ...(several ? [row.camera ?? ''] : []),
        row.key,
        JSON.stringify(row.value),
        row.origin,
      ]),
    ),
  )
}

export function schema(): void {
  printJson(configFileSchema())
}
