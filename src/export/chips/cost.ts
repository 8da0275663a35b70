import { PART_NAMES } from '../../inference/exact/network.js'
import { microjoules } from '../../inference/spike-energy.js'
import type { GoldenRun } from '../golden.js'
import type { ExportNetwork, PartReport } from '../target.js'
import { factsOf } from './layer-facts.js'

export const CONVENTION =
  'estimate for 45 nm: 4.6 pJ per multiplication where bytes come in, 0.9 pJ per accumulate of a spike elsewhere; only ' +
  'the layers that are exported; memory, membranes and host not included'

/** Means over the golden inputs of what the exported layers read and do. `onChip`: 'part.layer'. */
export function partReports(
  { pkg, network }: ExportNetwork,
  { runs, onChip }: { readonly runs: readonly GoldenRun[]; readonly onChip: ReadonlySet<string> },
): PartReport[] {
  return PART_NAMES.map((part) => {
    const convs = factsOf(network, part).convs.filter(({ layer }) =>
      onChip.has(`${part}.${layer.name}`),
    )
    const mean = (of: (run: GoldenRun['runs'][typeof part]) => number) =>
      runs.reduce((sum, { runs: run }) => sum + of(run[part]), 0) / Math.max(1, runs.length)
    const sources = new Set(convs.filter(({ first }) => !first).map(({ layer }) => layer.inputs[0]))
    const operations = (first: boolean) =>
      mean((run) =>
        convs
          .filter((conv) => conv.first === first)
          .reduce((sum, { layer }) => sum + (run.operations.get(layer.name) ?? 0), 0),
      )
    const multiplications = operations(true)
    const synapticOperations = operations(false)
    const outputs = convs.reduce((sum, { output: [c, h, w] }) => sum + c * h * w, 0)
    return {
      part,
      spikes: mean((run) =>
        [...sources].reduce((sum, name) => sum + total(run.tensors.get(name)!), 0),
      ),
      synapticOperations,
      multiplications,
      neurons: outputs,
      weightBytes: convs.reduce((sum, { weights, output }) => sum + weights + 4 * output[0], 0),
      stateBytes: 4 * outputs,
      microjoules: microjoules(
        [
          { kind: 'MAC', operations: multiplications },
          { kind: 'AC', operations: synapticOperations },
        ],
        pkg.manifest.energy,
      ),
    }
  })
}

function total(values: Int32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
