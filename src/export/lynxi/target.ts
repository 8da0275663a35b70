import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PART_NAMES } from '../../inference/exact/network.js'
import type { NetworkTensor } from '../../inference/exact/network-schema.js'
import { openGraph, type TensorInput } from '../../inference/onnx.js'
import { withOutputs } from '../../inference/onnx-outputs.js'
import { createSpikeCounter } from '../../inference/spike-energy.js'
import { checkChip } from '../chips/check.js'
import { invalidExport } from '../errors.js'
import { readNpy, writeFiles, writeNpy } from '../files.js'
import { type GoldenRun, goldenRuns, joined, realValues } from '../golden.js'
import { networkPicture } from '../picture.js'
import type { ExportNetwork, ExportTarget, Manifest, PartReport, VerifiedLayer } from '../target.js'
import { bundleFiles } from './bundle.js'
import { activationBytes, OPSET, type StaticGraph, staticGraph } from './graph.js'

const CONVENTION =
  'estimate for 45 nm: every layer multiplied densely, 4.6 pJ per multiply-accumulate, as a processor does that does ' +
  'not skip zeros; accumulates are what spikes alone would need; memory and host not included'

/** A bundle for the compiler of the Lynxi KA200 and its kind: ONNX of fixed shapes, scripts, golden vectors. */
export const lynxi: ExportTarget = {
  name: 'lynxi',
  title: 'Lynxi KA200, ONNX of fixed shapes for its compiler',
  check: (network) => checkChip(network, 'lynxi'),

  async write(network, dir, options) {
    const goldens = goldenRuns(network, options.golden)
    const graphs = {
      template: staticGraph(network.network, 'template'),
      search: staticGraph(network.network, 'search'),
    }
    for (const part of PART_NAMES) await writeGolden(network, { part, goldens, dir })
    await writeFiles(dir, {
      ...bundleFiles(network, goldens.length),
      'template.onnx': graphs.template.bytes,
      'search.onnx': graphs.search.bytes,
      'network.svg': networkPicture(network.network.description, {
        title: `${network.pkg.spec.name}: everything on the chip`,
        onHost: () => false,
      }),
    })
    return {
      report: {
        convention: CONVENTION,
        counted_on: goldens.map(({ name }) => name).join(', '),
        parts: PART_NAMES.map((part) => reportOf(network, { part, goldens, graph: graphs[part] })),
      },
      host: [],
      details: {
        opset: OPSET,
        operators: [...new Set(PART_NAMES.flatMap((part) => graphs[part].operators))].sort(),
        precision: 'float32; fp16 is not exact',
        golden_layers: Object.fromEntries(
          PART_NAMES.map((part) => [part, goldenLayers(network, part).map(({ tensor }) => tensor)]),
        ),
      },
    }
  },

  async verify(dir, manifest) {
    const layers: VerifiedLayer[] = []
    for (const part of PART_NAMES) layers.push(...(await verifyPart(dir, manifest, part)))
    return {
      target: 'lynxi',
      executed: 'both ONNX graphs in ONNX Runtime on the CPU, layer by layer',
      exact: layers.every(({ mismatches }) => mismatches === 0),
      layers,
      notes: ['The compiled network was not run: its compiler and chip were not at hand.'],
    }
  },
}

type Part = (typeof PART_NAMES)[number]

/** Layers that fire, and what the part hands on. */
function goldenLayers({ network }: ExportNetwork, part: Part): GoldenLayer[] {
  const { layers, outputs } = network.description.parts[part]
  return layers.flatMap(({ name, output, kind }) => {
    const handed = outputs.find(({ layer }) => layer === name)
    const fires = output.type === 'spikes' && (kind === 'conv' || kind === 'spike')
    if (handed === undefined && !fires) return []
    return [{ layer: name, tensor: handed?.name ?? name, output }]
  })
}

interface GoldenLayer {
  readonly layer: string
  /** Its name in the graph: an output has one of its own. */
  readonly tensor: string
  readonly output: NetworkTensor
}

async function writeGolden(
  network: ExportNetwork,
  of: { readonly part: Part; readonly goldens: readonly GoldenRun[]; readonly dir: string },
): Promise<void> {
  const { part, goldens, dir } = of
  const { inputs } = network.network.description.parts[part]
  for (const { name, shape } of inputs) {
    const given = goldens.map(({ inputs }) =>
      realValues({ network: network.network, part, layer: name }, inputs[part][name]!),
    )
    const path = join(dir, 'golden', part, `${name}.npy`)
    await writeNpy(path, { shape: [goldens.length, ...shape], data: joined(given) })
  }
  for (const { layer, tensor, output } of goldenLayers(network, part)) {
    const values = goldens.map(({ runs }) =>
      realValues({ network: network.network, part, layer }, runs[part].tensors.get(layer)!),
    )
    const data = joined(values)
    const path = join(dir, 'golden', part, `${tensor}.npy`)
    await writeNpy(path, {
      shape: [goldens.length, ...output.shape],
      data: output.type === 'spikes' ? Uint8Array.from(data) : data,
    })
  }
}

function reportOf(
  network: ExportNetwork,
  of: { readonly part: Part; readonly goldens: readonly GoldenRun[]; readonly graph: StaticGraph },
): PartReport {
  const { description } = network.network
  const { part, goldens, graph } = of
  const counter = createSpikeCounter(description, part)
  const counts = goldens.map(({ runs }) => counter.count(runs[part].tensors))
  const mean = (of: (layer: (typeof counts)[number][number]) => number) =>
    counts.flat().reduce((sum, layer) => sum + of(layer), 0) / goldens.length
  const firing = description.parts[part].layers.filter(
    ({ output, kind }) => output.type === 'spikes' && (kind === 'conv' || kind === 'spike'),
  )
  const spikes = goldens.flatMap(({ runs }) =>
    firing.map(({ name }) => runs[part].tensors.get(name)!.reduce((a, b) => a + b, 0)),
  )
  const multiplications = mean(({ denseMacs }) => denseMacs)
  return {
    part,
    spikes: spikes.reduce((a, b) => a + b, 0) / goldens.length,
    synapticOperations: mean(({ kind, operations }) => (kind === 'AC' ? operations : 0)),
    multiplications,
    neurons: firing.reduce((sum, { output }) => sum + output.shape.reduce((a, b) => a * b, 1), 0),
    weightBytes: graph.constantBytes,
    stateBytes: activationBytes(network.network, part),
    microjoules: (multiplications * network.pkg.manifest.energy.picojoulePerMac) / 1e6,
  }
}

async function verifyPart(dir: string, manifest: Manifest, part: Part): Promise<VerifiedLayer[]> {
  const listed = manifest.details['golden_layers'] as Record<string, unknown> | undefined
  const names = listed?.[part]
  if (!Array.isArray(names) || names.length === 0) {
    throw invalidExport(dir, `manifest.json lists no golden layers of the ${part}`)
  }
  const layers = names.map(String)
  const bytes = new Uint8Array(await readFile(join(dir, `${part}.onnx`)))
  const plain = await openGraph(bytes, { name: `${part}.onnx`, threads: 1 })
  const inputs = plain.inputs
  const outputs = new Set(plain.outputs.map(({ name }) => name))
  await plain.close()
  const hidden = layers.filter((name) => !outputs.has(name))
  const graph = await openGraph(withOutputs(bytes, hidden), { name: `${part}.onnx`, threads: 1 })
  try {
    const given = new Map<string, Awaited<ReturnType<typeof readNpy>>>()
    for (const { name } of inputs) given.set(name, await readNpy(dir, `golden/${part}/${name}.npy`))
    const golden = new Map<string, Awaited<ReturnType<typeof readNpy>>>()
    for (const name of layers) golden.set(name, await readNpy(dir, `golden/${part}/${name}.npy`))
    const wrong = new Map(layers.map((name) => [name, 0]))
    const samples = golden.get(layers[0]!)!.shape[0]!
    for (let sample = 0; sample < samples; sample++) {
      const feeds: Record<string, TensorInput> = {}
      for (const { name, shape } of inputs) {
        const { data } = given.get(name)!
        const each = data.length / samples
        const values = Float32Array.from(data.subarray(sample * each, (sample + 1) * each))
        feeds[name] = { data: values, dims: shape.map(Number) }
      }
      const found = await graph.run(feeds)
      for (const name of layers) {
        const { data } = golden.get(name)!
        const each = data.length / samples
        const values = found[name]!
        let mismatches = each === values.length ? 0 : each
        for (let i = 0; i < each && each === values.length; i++) {
          if (values[i] !== data[sample * each + i]) mismatches++
        }
        wrong.set(name, wrong.get(name)! + mismatches)
      }
    }
    return layers.map((layer) => ({
      part,
      layer,
      neurons: golden.get(layer)!.data.length,
      mismatches: wrong.get(layer)!,
    }))
  } finally {
    await graph.close()
  }
}
