import { modelDir, modelNames } from '../daemon/models.js'
import { ENERGY_CONVENTION, energyPerInference } from '../inference/energy.js'
import { loadModelPackage } from '../inference/model-package.js'
import { print, printJson, table } from './output.js'

export async function list(options: { json?: boolean }): Promise<void> {
  const rows = []
  for (const name of modelNames()) {
    const { spec, manifest } = await loadModelPackage(modelDir(name))
    const energy = energyPerInference(manifest.energy, 'search')
    rows.push({
      name,
      sha256: spec.sha256,
      parameters: manifest.network.parameters,
      search_macs: manifest.network.macs.search,
      energy_mj: energy.microjoules / 1000,
      bytes: Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0),
      description: manifest.description,
    })
  }
  if (options.json) {
    printJson({ models: rows, energy_convention: ENERGY_CONVENTION })
    return
  }
  print(
    table(
      ['name', 'parameters', 'MMAC', 'mJ', 'kB', 'sha256'],
      rows.map((r) => [
        r.name,
        String(r.parameters),
        (r.search_macs / 1e6).toFixed(0),
        r.energy_mj.toFixed(3),
        (r.bytes / 1e3).toFixed(0),
        r.sha256.slice(0, 16),
      ]),
    ),
  )
  print(`mJ: ${ENERGY_CONVENTION}.`)
}
