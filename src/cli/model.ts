import { join } from 'node:path'
import { planCameras } from '../daemon/camera-plan.js'
import { readLayers } from '../daemon/config-layers.js'
import type { ModelStore } from '../daemon/model-store.js'
import { modelDir, modelNames } from '../daemon/models.js'
import { EvtrackError } from '../events/errors.js'
import { ENERGY_CONVENTION, energyPerInference } from '../inference/energy.js'
import { loadModelPackage } from '../inference/model-package.js'
import { print, printJson, table } from './output.js'

interface ListOptions {
  readonly config?: string
  readonly stateDir?: string
  readonly json?: boolean
}

/** A package, and where it stands among the others. */
interface Place {
  readonly name: string
  readonly dir: string
  /** In the state directory; else it came with the program. */
  readonly installed: boolean
  /** A configured camera goes by it. */
  readonly active: boolean
  /** What `model rollback` leads to. */
  readonly previous: boolean
}

/** Every package that can be named, those of the program and the installed ones, and which is in use. */
export async function list(options: ListOptions): Promise<void> {
  const { env } = process
  const flags = options.stateDir === undefined ? {} : { stateDir: options.stateDir }
  const plans = planCameras(readLayers({ file: options.config, env, flags }), { env })
  const inUse = plans.map(({ config }) => config.model.name)
  const rows = []
  for (const place of places(plans[0]!.store, inUse)) rows.push(await rowOf(place))
  if (options.json) {
    printJson({ models: rows, energy_convention: ENERGY_CONVENTION })
    return
  }
  print(
    table(
      ['', 'name', 'from', 'parameters', 'MMAC', 'mJ', 'kB', 'sha256'],
      rows.map((row) => [
        row.active ? 'active' : row.previous ? 'previous' : '',
        row.name,
        row.installed ? 'installed' : 'program',
        ...('problem' in row
          ? ['-', '-', '-', '-', row.problem]
          : [
              String(row.parameters),
              (row.search_macs / 1e6).toFixed(0),
              row.energy_mj.toFixed(3),
              (row.bytes / 1e3).toFixed(0),
              row.sha256.slice(0, 16),
            ]),
      ]),
    ),
  )
  print(`mJ: ${ENERGY_CONVENTION}.`)
}

function places(store: ModelStore, inUse: readonly string[]): Place[] {
  const { previous } = store.pointer()
  const own = modelNames().map((name) => ({
    name,
    dir: modelDir(name),
    installed: false,
    active: inUse.includes(name) || inUse.includes(modelDir(name)),
    previous: false,
  }))
  const installed = store.names().map((name) => {
    const dir = join(store.dir, name)
    return { name, dir, installed: true, active: inUse.includes(dir), previous: name === previous }
  })
  return [...own, ...installed]
}

async function rowOf({ dir, ...place }: Place) {
  try {
    const { spec, manifest } = await loadModelPackage(dir)
    return {
      ...place,
      sha256: spec.sha256,
      parameters: manifest.network.parameters,
      search_macs: manifest.network.macs.search,
      energy_mj: energyPerInference(manifest.energy, 'search').microjoules / 1000,
      bytes: Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0),
      description: manifest.description,
    }
  } catch (error) {
    // One that is damaged does not hide the others.
    if (!(error instanceof EvtrackError)) throw error
    return { ...place, problem: `${error.code}: ${error.message}` }
  }
}
