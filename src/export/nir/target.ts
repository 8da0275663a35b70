import { join } from 'node:path'
import { elements, PART_NAMES, type PartName } from '../../inference/exact/network.js'
import { writeFiles } from '../files.js'
import { goldenRuns } from '../golden.js'
import { type Hdf5Group, writeHdf5 } from '../hdf5.js'
import { networkPicture } from '../picture.js'
import type { CheckTable, ExportNetwork, ExportTarget, HostLayer, LayerCheck } from '../target.js'
import { GOLDEN_FILE, goldenGroup } from './golden.js'
import { nirGraph } from './graph.js'
import { hostWords } from './host.js'
import { planNir } from './plan.js'
import { isHost } from './population.js'
import { nirReadme } from './readme.js'
import { NIR_CONVENTION, reportNir } from './report.js'
import { hostStepOf, scheduleOf } from './schedule.js'
import type { NirPart, NirSchedule } from './schedule-schema.js'
import { verifyNir } from './verify.js'

/** The exchange format of neuromorphic tools: everything but products of activations, with golden spikes. */
export const nir: ExportTarget = {
  name: 'nir',
  title: 'NIR, the neuromorphic intermediate representation (HDF5)',
  check: checkNir,

  async write(network, dir, options) {
    const { reset = 'subtract' } = options
    const plans = both((part) => planNir(network.network, part, reset))
    const graphs = both((part) => nirGraph(network.network, plans[part]))
    const goldens = goldenRuns(network, options.golden)
    const golden: Record<string, Hdf5Group> = {}
    for (const part of PART_NAMES) {
      golden[part] = goldenGroup(network.network, plans[part], goldens)
      await writeHdf5(join(dir, `${part}.nir`), graphs[part].file)
    }
    await writeHdf5(join(dir, GOLDEN_FILE), golden)
    const inputs = goldens.map(({ name }) => name)
    const schedule: NirSchedule = {
      reset,
      threshold: 'strict',
      golden: { file: GOLDEN_FILE, inputs },
      parts: both((part) => scheduleOf(network, plans[part], graphs[part])),
    }
    await writeFiles(dir, {
      'README.md': nirReadme(network, schedule),
      'network.svg': networkPicture(network.network.description, {
        title: `${network.pkg.spec.name} as NIR: what is in the graph, and what the host computes`,
        onHost: (_, layer) => isHost(layer),
      }),
    })
    return {
      report: {
        convention: NIR_CONVENTION,
        counted_on: inputs[0]!,
        parts: await reportNir(network, { dir, schedule, graphs, goldens }),
      },
      host: PART_NAMES.flatMap((part) => hostLayers(part, schedule.parts[part])),
      details: { ...schedule },
    }
  },

  verify: verifyNir,
}

function both<T>(of: (part: PartName) => T): Record<PartName, T> {
  return { template: of('template'), search: of('search') }
}

function hostLayers(part: PartName, { host }: NirPart): HostLayer[] {
  return host.map((step) => ({
    part,
    layer: step.layer,
    kind: step.kind,
    reads: step.reads,
    does: hostWords(step),
  }))
}

/** The format has no sizes to exceed: a layer is in the graph, or on the host because there is no node for it. */
function checkNir({ network }: ExportNetwork): CheckTable {
  const layers: LayerCheck[] = []
  for (const part of PART_NAMES) {
    const plan = planNir(network, part)
    const populations = new Map(plan.populations.map((each) => [each.layer, each]))
    for (const layer of network.description.parts[part].layers) {
      const population = populations.get(layer.name)
      const host = isHost(layer)
      const neurons = population && population.copies * elements(population.shape)
      const [first, last] = population
        ? [population.open, population.open + population.steps - 1]
        : []
      layers.push({
        part,
        layer: layer.name,
        kind: layer.kind,
        side: host ? 'host' : 'chip',
        fits: true,
        needs: host
          ? hostWords(hostStepOf(layer))
          : neurons === undefined
            ? 'in-edges'
            : `${neurons} neurons, steps ${first} to ${last}`,
        limit: host ? 'no such node' : '',
        over: '',
        remedy: '',
      })
    }
  }
  return {
    target: 'nir',
    title: nir.title,
    fits: true,
    layers,
    notes: [
      'The format has no sizes to exceed; host: NIR has no node for it. Membranes are in-edges of the neurons that read them.',
    ],
  }
}
