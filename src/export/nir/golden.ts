import { elements, type Network, type PartName } from '../../inference/exact/network.js'
import { type GoldenRun, joined, realValues } from '../golden.js'
import type { Hdf5Group } from '../hdf5.js'
import { nodeName } from './graph.js'
import type { NirPlan, Population } from './population.js'

export const GOLDEN_FILE = 'golden.h5'

/**
 * What golden.h5 holds of a part, the golden inputs along the first axis: `inputs` as presented, `spikes` of every IF node
 * as [inputs, steps from its first on, neurons' shape], `outputs` as the part hands them on.
 */
export function goldenGroup(
  network: Network,
  plan: NirPlan,
  goldens: readonly GoldenRun[],
): Hdf5Group {
  const { part } = plan
  const { inputs, layers, outputs } = network.description.parts[part]
  const n = goldens.length
  const given: Record<string, Hdf5Group[string]> = {}
  for (const { name, shape } of inputs) {
    const values = goldens.map((golden) => Float32Array.from(golden.inputs[part][name]!))
    given[name] = { data: joined(values), shape: [n, ...shape] }
  }
  const spikes: Record<string, Hdf5Group[string]> = {}
  for (const population of plan.populations) {
    const { layer, kind, shape, copies, steps } = population
    const neurons = [copies * shape[0], shape[1], shape[2]]
    const low = layers.find(({ name }) => name === layer)!.output.low ?? 0
    const data = new Uint8Array(n * steps * elements(neurons))
    const each = data.length / n
    goldens.forEach(({ runs }, i) => {
      const integers = runs[part].tensors.get(layer)!
      const train = data.subarray(i * each, (i + 1) * each)
      if (kind === 'bits') writeBits(integers, { train, population, low })
      else writeLevels(integers, train)
    })
    spikes[nodeName(layer)] = { data, shape: [n, steps, ...neurons] }
  }
  const handed: Record<string, Hdf5Group[string]> = {}
  for (const { name, layer } of outputs) {
    const values = goldens.map(({ runs }) => outputOf(network, { part, layer, run: runs[part] }))
    const { shape } = layers.find((each) => each.name === layer)!.output
    handed[name] = { data: joined(values), shape: [n, ...shape] }
  }
  return { inputs: given, spikes, outputs: handed }
}

function outputOf(
  network: Network,
  of: {
    readonly part: PartName
    readonly layer: string
    readonly run: GoldenRun['runs'][PartName]
  },
): Float32Array {
  return realValues({ network, part: of.part, layer: of.layer }, of.run.tensors.get(of.layer)!)
}

/** A neuron that fires n times fires in the first n of its steps; of a ladder, the n lowest rungs fire. */
function writeLevels(integers: Int32Array, train: Uint8Array): void {
  const { length } = integers
  for (let step = 0; step * length < train.length; step++) {
    for (let i = 0; i < length; i++) train[step * length + i] = integers[i]! > step ? 1 : 0
  }
}

/** Bit b is the b-th group of neurons and fires, if it is set, in the step before last by b. */
function writeBits(
  integers: Int32Array,
  of: { readonly train: Uint8Array; readonly population: Population; readonly low: number },
): void {
  const { train, population, low } = of
  const { length } = integers
  const { copies } = population
  for (let bit = 0; bit < copies; bit++) {
    const at = (copies - 1 - bit) * copies * length + bit * length
    for (let i = 0; i < length; i++) train[at + i] = ((integers[i]! - low) >> bit) & 1
  }
}
