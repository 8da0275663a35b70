import { PART_NAMES, type PartName } from './exact/network.js'
import { describedNetwork, type LayerGraph, openLayerGraph } from './layer-graph.js'
import type { ModelPackage } from './model-package.js'
import { createSpikeCounter, type LayerOperations, type SpikeCounter } from './spike-energy.js'
import type { TemplateState } from './tracker-session.js'

interface Metered {
  readonly graph: LayerGraph
  readonly counter: SpikeCounter
}

/** Counts the operations of single inferences from the spikes of a graph that is run beside the one that tracks. */
export interface EnergyMeter {
  template(crop: Uint8Array): Promise<LayerOperations[]>
  search(crop: Uint8Array, template: TemplateState): Promise<LayerOperations[]>
  close(): Promise<void>
}

/** @throws EvtrackError MODEL_UNSUPPORTED for a package without network.json. */
export async function openEnergyMeter(
  pkg: ModelPackage,
  {
    graph = 'int8',
    parts = PART_NAMES,
  }: {
    readonly graph?: 'int8' | 'fp32'
    readonly parts?: readonly PartName[]
  } = {},
): Promise<EnergyMeter> {
  const network = describedNetwork(pkg)
  const opened = new Map<PartName, Metered>()
  const close = async () => {
    for (const { graph: each } of opened.values()) await each.close()
  }
  try {
    for (const part of parts) {
      const counter = createSpikeCounter(network, part)
      const layers = counter.reads
      opened.set(part, { graph: await openLayerGraph(pkg, { graph, part, layers }), counter })
    }
  } catch (error) {
    await close()
    throw error
  }
  const count = async (part: PartName, inputs: Parameters<LayerGraph['run']>[0]) => {
    const metered = opened.get(part)
    if (metered === undefined) throw new RangeError(`the meter was not opened for the ${part}`)
    const { layers } = await metered.graph.run(inputs)
    return metered.counter.count(layers)
  }
  return {
    template: (crop) => count('template', { crop }),
    search: (crop, { tensors }) => count('search', { ...tensors, crop }),
    close,
  }
}

/** Mean operations by layer over any number of inferences. */
export class OperationsMean {
  #layers: LayerOperations[] = []
  inferences = 0

  add(layers: readonly LayerOperations[]): void {
    this.inferences++
    const share = 1 / this.inferences
    this.#layers = layers.map((layer, i) => {
      const mean = this.#layers[i] ?? layer
      const towards = (from: number, to: number) => from + (to - from) * share
      return {
        ...layer,
        operations: towards(mean.operations, layer.operations),
        spikes: layer.spikes === null ? null : towards(mean.spikes ?? 0, layer.spikes),
        rate: layer.rate === null ? null : towards(mean.rate ?? 0, layer.rate),
      }
    })
  }

  layers(): readonly LayerOperations[] {
    return this.#layers
  }
}
