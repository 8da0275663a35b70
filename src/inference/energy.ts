import type { ModelEnergy } from './schema.js'
import { microjoules } from './spike-energy.js'

/** Published with every figure, because estimates differ by what they count. */
export const ENERGY_CONVENTION =
  'estimate for 45 nm: 4.6 pJ per multiply-accumulate where bytes come in (the first layer), 0.9 pJ per accumulate ' +
  'elsewhere; accumulates = spikes x fan-out; memory, membranes and host not included'

export interface Energy {
  readonly macs: number
  readonly acs: number
  readonly microjoules: number
}

/** Energy of one inference of one crop, from the spike counts in model.json. */
export function energyPerInference(energy: ModelEnergy, crop: 'template' | 'search'): Energy {
  const layers = energy.layers.filter((layer) => layer.crop === crop)
  const sum = (kind: 'MAC' | 'AC') =>
    layers.reduce((total, layer) => total + (layer.kind === kind ? layer.operations : 0), 0)
  return { macs: sum('MAC'), acs: sum('AC'), microjoules: microjoules(layers, energy) }
}
