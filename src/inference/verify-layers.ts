import { type Backend, type Difference, Ledger, type VerifiedLayer } from './difference-ledger.js'
import { execute, type Run } from './exact/executor.js'
import { openNetwork, type PartName } from './exact/network.js'
import { EXACT_SUMS, type Proof, proveExact } from './exact/prove.js'
import { describedNetwork, type LayerGraph, openLayerGraph } from './layer-graph.js'
import type { ModelPackage } from './model-package.js'
import { createTrackerSession, type LogitSession } from './session.js'
import type { TemplateState } from './tracker-session.js'
import { goldenInputs, randomInputs, type VerificationInput } from './verification-inputs.js'

export interface Verification {
  readonly exact: boolean
  readonly inputs: readonly string[]
  readonly layers: readonly VerifiedLayer[]
  /** The first layer, in the order of the network, that differs anywhere. */
  readonly firstDifference: Difference | null
  /** What holds for every input; null where nothing is known of the integers. */
  readonly proof: (Pick<Proof, 'largestSum' | 'problems'> & { readonly limit: number }) | null
}

/**
 * Runs golden and random inputs through the integer executor and the chosen backends, and compares every tensor of every
 * layer, and the outputs of the graphs as they are shipped, for equality.
 * @throws EvtrackError MODEL_UNSUPPORTED for a package without network.json, MODEL_INVALID where a graph lacks a layer.
 */
export async function verifyLayers(
  pkg: ModelPackage,
  options: {
    readonly backends: readonly Backend[]
    readonly random: number
    readonly seed?: number
  },
): Promise<Verification> {
  const description = describedNetwork(pkg)
  const network = openNetwork(description, pkg.files[description.data]!)
  const { problems, largestSum } = proveExact(network)
  const inputs = [...goldenInputs(pkg), ...randomInputs(pkg, options.random, options.seed)]
  const ledger = new Ledger(network)
  const opened: GraphPair[] = []
  try {
    for (const backend of options.backends) {
      if (backend !== 'executor') opened.push(await openPair(pkg, backend))
    }
    for (const input of inputs) {
      const template = execute(network, 'template', { crop: input.template })
      const search = execute(network, 'search', { crop: input.search, ...template.outputs })
      const runs = { template, search }
      ledger.countSpikes(input, runs)
      if (options.backends.includes('executor')) ledger.compareGolden(input, runs)
      for (const pair of opened) await comparePair(pair, { input, runs, ledger })
    }
  } finally {
    for (const pair of opened) await pair.close()
  }
  const firstDifference = ledger.first()
  return {
    exact: firstDifference === null && problems.length === 0,
    inputs: inputs.map((input) => input.name),
    layers: ledger.layers(options.backends),
    firstDifference,
    proof: { largestSum, problems, limit: EXACT_SUMS },
  }
}

/** One dialect of the graphs: with its layers shown, and as shipped. */
interface GraphPair {
  readonly backend: Backend
  readonly graphs: Readonly<Record<PartName, LayerGraph>>
  readonly shipped: LogitSession
  close(): Promise<void>
}

async function openPair(
  pkg: ModelPackage,
  backend: Exclude<Backend, 'executor'>,
): Promise<GraphPair> {
  const graph = backend === 'cpu-int8' ? 'int8' : 'fp32'
  const template = await openLayerGraph(pkg, { graph, part: 'template' })
  const search = await openLayerGraph(pkg, { graph, part: 'search' })
  // Its golden vectors are compared below, tensor by tensor, rather than refused at the first difference.
  const shipped = await createTrackerSession(pkg, { graph, skipGolden: true })
  const close = async () => {
    await template.close()
    await search.close()
    await shipped.close()
  }
  return { backend, graphs: { template, search }, shipped, close }
}

async function comparePair(
  { backend, graphs, shipped }: GraphPair,
  with_: {
    readonly input: VerificationInput
    readonly runs: Readonly<Record<PartName, Run>>
    readonly ledger: Ledger
  },
): Promise<void> {
  const { input, runs, ledger } = with_
  const template = await graphs.template.run({ crop: input.template })
  const search = await graphs.search.run({ crop: input.search, ...template.outputs })
  ledger.compare({ backend, input: input.name, part: 'template' }, runs.template, template.layers)
  ledger.compare({ backend, input: input.name, part: 'search' }, runs.search, search.layers)
  const state: TemplateState = await shipped.template(input.template)
  const { score, size, offset } = await shipped.searchLogits(input.search, [state])
  const logits = { score_logit: score, size_logit: size, offset_logit: offset }
  ledger.compareOutputs(
    { backend, input: input.name, part: 'template' },
    runs.template,
    state.tensors,
  )
  ledger.compareOutputs({ backend, input: input.name, part: 'search' }, runs.search, logits)
}
