import { planCameras } from '../daemon/camera-plan.js'
import { readLayers } from '../daemon/config-layers.js'
import type { ModelStore } from '../daemon/model-store.js'
import type { Config } from '../daemon/schema.js'
import { print, printJson } from './output.js'

interface StoreOptions {
  /** Configuration file: it may say where the state directory is. */
  readonly config?: string
  readonly stateDir?: string
  readonly json?: boolean
}

const HOW_TO_RELOAD =
  'A running daemon takes it on with `systemctl reload evtrackd`, between two windows.'

/** Takes a package in after its hashes and its golden run were checked, and puts it to use if asked to. */
export async function install(
  path: string,
  options: StoreOptions & { readonly activate?: boolean },
): Promise<void> {
  const { store, config } = open(options)
  const name = await store.install(path, config.model.graph)
  if (options.activate) store.activate(name)
  say(store, options, { installed: name })
  if (!options.json) {
    print(`${name} is installed: hashes and golden vectors match.`)
    if (options.activate) print(`It is in use from the next start on. ${HOW_TO_RELOAD}`)
    else print(`\`evtrackd model activate ${name}\` puts it to use.`)
  }
}

export function activate(name: string, options: StoreOptions): void {
  const { store } = open(options)
  store.activate(name)
  say(store, options)
  if (!options.json) print(`${name} is in use from the next start on. ${HOW_TO_RELOAD}`)
}

export function rollback(options: StoreOptions): void {
  const { store } = open(options)
  const now = store.rollback()
  say(store, options)
  if (options.json) return
  print(
    `In use from the next start on: ${now ?? 'the model of the configuration'}. ${HOW_TO_RELOAD}`,
  )
}

function open(options: StoreOptions): { store: ModelStore; config: Config } {
  const { env } = process
  const { config: file, stateDir } = options
  const flags = stateDir === undefined ? {} : { stateDir }
  return planCameras(readLayers({ file, env, flags }), { env })[0]!
}

function say(store: ModelStore, { json }: StoreOptions, more: Record<string, unknown> = {}): void {
  if (json) printJson({ ...more, directory: store.dir, ...store.pointer() })
}
