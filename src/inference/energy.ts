import type { ModelEnergy } from './schema.js'

/** Published with every figure, because estimates differ by what they count. */
export const ENERGY_CONVENTION =
  'estimate for 45 nm: 4.6 pJ per multiply-accumulate of the first layer, 0.9 pJ per accumulate; ' +
  'accumulates = spikes x fan-out, counted when the package was made; memory, membranes and host not included'

export interface Energy {
  readonly macs: number
  readonly acs: number
  readonly microjoules: number
}

/** Energy of one inference of one crop, from the spike counts in model.json. */
export function energyPerInference(energy: ModelEnergy, crop: 'template' | 'search'): Energy {
  let macs = 0
  let acs = 0
  for (const layer of energy.layers) {
    if (layer.crop !== crop) continue
    if (layer.kind === 'MAC') macs += layer.operations
    else acs += layer.operations
  }
  const microjoules = (macs * energy.picojoulePerMac + acs * energy.picojoulePerAc) / 1e6
  return { macs, acs, microjoules }
}
