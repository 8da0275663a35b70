import { EvtrackError } from '../events/errors.js'
import { execute, type Run } from '../inference/exact/executor.js'
import { PART_NAMES, type PartName } from '../inference/exact/network.js'
import { goldenInputs } from '../inference/verification-inputs.js'
import type { ExportNetwork } from './target.js'

/** One golden input of the package and every integer of the network on it. */
export interface GoldenRun {
  readonly name: string
  /** What each part is given: its crop, and for the search what the template handed over. */
  readonly inputs: Readonly<Record<PartName, Readonly<Record<string, ArrayLike<number>>>>>
  readonly runs: Readonly<Record<PartName, Run>>
}

/**
 * Runs the first golden inputs of the package through the integer executor. What comes out is held against golden.bin,
 * which the training code wrote: a bundle never carries answers that only one program gave.
 * @throws EvtrackError MODEL_INVALID where the two differ.
 */
export function goldenRuns({ pkg, network }: ExportNetwork, count: number): GoldenRun[] {
  return goldenInputs(pkg)
    .slice(0, count)
    .map(({ name, template, search, expected }) => {
      const first = { crop: template }
      const templateRun = execute(network, 'template', first)
      const second = { crop: search, ...templateRun.outputs }
      const runs = { template: templateRun, search: execute(network, 'search', second) }
      for (const part of PART_NAMES) {
        for (const { name: output, layer } of network.description.parts[part].outputs) {
          const golden = expected.get(`${part}.${output}`)
          const values = realValues({ network, part, layer }, runs[part].outputs[output]!)
          if (golden === undefined || values.every((value, i) => value === golden[i])) continue
          throw new EvtrackError(
            'MODEL_INVALID',
            `The integers of ${pkg.spec.name} do not give its golden vectors (${part}.${output}, ${name}).`,
            { next: 'Copy the model package again, and run `evtrackd model verify` on it.' },
          )
        }
      }
      return { name, inputs: { template: first, search: second }, runs }
    })
}

/** Integers of a tensor as the values that they stand for. */
export function realValues(
  of: {
    readonly network: ExportNetwork['network']
    readonly part: PartName
    /** A layer or an input of the part. */
    readonly layer: string
  },
  integers: ArrayLike<number>,
): Float32Array {
  const { description, numbers } = of.network
  const { layers, inputs } = description.parts[of.part]
  const layer = layers.find(({ name }) => name === of.layer)
  const tensor = layer?.output ?? inputs.find(({ name }) => name === of.layer)!
  const channels = layer?.kind === 'conv' ? numbers.get(layer.exponents)!.data : undefined
  const each = integers.length / tensor.shape[0]!
  return Float32Array.from(integers, (integer, i) => {
    const exponent = tensor.exponent ?? channels![Math.floor(i / each)]!
    return integer * 2 ** -exponent
  })
}

/** Arrays of one length, one after the other. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  const each = arrays[0]?.length ?? 0
  const all = new Float32Array(each * arrays.length)
  for (const [i, array] of arrays.entries()) all.set(array, i * each)
  return all
}
