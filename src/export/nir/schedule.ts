import type { NetworkLayer } from '../../inference/exact/network-schema.js'
import type { ExportNetwork } from '../target.js'
import { type NirGraph, nodeName } from './graph.js'
import type { NirPlan } from './population.js'
import type { NirPart } from './schedule-schema.js'

/** What the manifest says of a part: everything that it takes to run the graph, and that is not in it. */
export function scheduleOf({ network }: ExportNetwork, plan: NirPlan, graph: NirGraph): NirPart {
  return {
    file: `${plan.part}.nir`,
    steps: plan.steps,
    given: plan.given.map(({ name, shape, step, origin }) => ({
      node: nodeName(name),
      from: name,
      origin,
      step,
      shape: [...shape],
    })),
    gates: [...graph.gates],
    populations: plan.populations.map(({ layer, kind, open, steps }) => ({
      node: nodeName(layer),
      layer,
      kind,
      open,
      steps,
    })),
    read: plan.read.map((layer) => ({ node: `${nodeName(layer)}_out`, layer })),
    sums: plan.sums.map(({ name }) => ({ node: `${nodeName(name)}_out`, layer: name })),
    host: plan.host.map(hostStepOf),
    outputs: network.description.parts[plan.part].outputs.map((output) => ({ ...output })),
  }
}

/** A layer of the host with its sizes. */
export function hostStepOf(layer: NetworkLayer): NirPart['host'][number] {
  const common = { layer: layer.name, reads: [...layer.inputs], shape: [...layer.output.shape] }
  if (layer.kind === 'slice') return { ...common, kind: 'slice', first: layer.first }
  if (layer.kind === 'matmul') {
    const { groups, rows, inner, columns, transposeB } = layer
    return { ...common, kind: 'matmul', groups, rows, inner, columns, transposeB }
  }
  return { ...common, kind: layer.kind as 'add' | 'minimum' | 'transpose' }
}
