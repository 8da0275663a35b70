import { join } from 'node:path'
import { elements, PART_NAMES, type PartName } from '../../inference/exact/network.js'
import { microjoules } from '../../inference/spike-energy.js'
import type { GoldenRun } from '../golden.js'
import { readHdf5 } from '../hdf5.js'
import type { ExportNetwork, PartReport } from '../target.js'
import { executePart } from './execute.js'
import type { NirGraph } from './graph.js'
import { readNirGraph } from './read-graph.js'
import type { NirSchedule } from './schedule-schema.js'

export const NIR_CONVENTION =
  'estimate for 45 nm: 0.9 pJ for each weight, not zero, that a binary spike reaches (roundings and gates included), 4.6 pJ ' +
  'for each that a byte or a result of the host meets; memory, membranes and host not included'

/** Counted while the written graphs run on the first golden input. */
export async function reportNir(
  { pkg }: ExportNetwork,
  of: {
    readonly dir: string
    readonly schedule: NirSchedule
    readonly graphs: Readonly<Record<PartName, NirGraph>>
    readonly goldens: readonly GoldenRun[]
  },
): Promise<PartReport[]> {
  const { schedule, graphs } = of
  const golden = of.goldens[0]!
  const reports: PartReport[] = []
  for (const part of PART_NAMES) {
    const graph = readNirGraph(await readHdf5(join(of.dir, schedule.parts[part].file)))
    const { activity } = executePart(
      graph,
      { schedule: schedule.parts[part], reset: 'subtract' },
      golden.inputs[part],
    )
    const given = new Set(schedule.parts[part].given.map(({ node }) => node))
    let macs = 0
    let acs = activity.accumulates
    for (const [node, count] of activity.multiplications) {
      // Gates are 0, 1 or -1, and what passes between two nodes is a sum on its way: additions.
      if (graph.get(node)!.inputs.some((from) => given.has(from))) macs += count
      else acs += count
    }
    const neurons = [...graph.values()]
      .filter(({ type }) => type === 'IF')
      .reduce((sum, { shape }) => sum + elements(shape), 0)
    const energy = [
      { kind: 'AC' as const, operations: acs },
      { kind: 'MAC' as const, operations: macs },
    ]
    reports.push({
      part,
      spikes: [...activity.spikes.values()].reduce((a, b) => a + b, 0),
      synapticOperations: acs,
      multiplications: macs,
      neurons,
      weightBytes: graphs[part].parameters.nonZero * 4,
      stateBytes: neurons * 4,
      microjoules: microjoules(energy, pkg.manifest.energy),
    })
  }
  return reports
}
