import { ENERGY_CONVENTION, energyPerInference } from '../inference/energy.js'
import type { ModelPackage } from '../inference/model-package.js'

/** What one inference takes by the package alone, before anything was measured; as it is published. */
export function energyOf(pkg: ModelPackage) {
  const { microjoules } = energyPerInference(pkg.manifest.energy, 'search')
  return {
    mj_per_inference: Math.round(microjoules) / 1000,
    samples: 0,
    convention: ENERGY_CONVENTION,
  }
}
