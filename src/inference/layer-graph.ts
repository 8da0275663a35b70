import { EvtrackError } from '../events/errors.js'
import { elements, type PartName } from './exact/network.js'
import type { NetworkDescription, NetworkLayer } from './exact/network-schema.js'
import { invalidPackage } from './invalid-package.js'
import type { ModelPackage } from './model-package.js'
import { openGraph, type TensorData, type TensorInput } from './onnx.js'
import { onnxTensors, withOutputs } from './onnx-outputs.js'

/** A graph of a package, as shipped but for more outputs: it shows the tensors of its layers. */
export interface LayerGraph {
  /** One crop. Tensors by the name of their layer, outputs by their own; both as real values. */
  run(inputs: Readonly<Record<string, TensorData>>): Promise<{
    readonly layers: ReadonlyMap<string, TensorData>
    readonly outputs: Readonly<Record<string, TensorData>>
  }>
  close(): Promise<void>
}

/**
 * @param layers which layers to show; all where not given.
 * @throws EvtrackError MODEL_INVALID naming the layer and the graph that lacks its tensor.
 */
export async function openLayerGraph(
  pkg: ModelPackage,
  {
    graph,
    part,
    layers,
    threads = 1,
  }: {
    readonly graph: 'int8' | 'fp32'
    readonly part: PartName
    readonly layers?: ReadonlySet<string>
    readonly threads?: number
  },
): Promise<LayerGraph> {
  const { inputs, outputs, layers: all } = describedNetwork(pkg).parts[part]
  const file = pkg.manifest.graphs[graph][part]
  const shown = all.filter((layer) => layers === undefined || layers.has(layer.name))
  const bytes = pkg.files[file]!
  expectTensors(pkg, { file, bytes, graph, shown })
  const present = new Set(outputs.map((output) => output.name))
  const wanted = shown.map((layer) => layer.onnx[graph]).filter((name) => !present.has(name))
  const opened = await openGraph(withOutputs(bytes, [...new Set(wanted)]), { name: file, threads })
  return {
    async run(given) {
      const feeds: Record<string, TensorInput> = {}
      for (const { name, shape } of inputs) {
        const data = given[name]
        if (data?.length !== elements(shape)) {
          throw new RangeError(`${name} holds ${data?.length} values, expected ${elements(shape)}`)
        }
        feeds[name] = { data, dims: [1, ...shape] }
      }
      const results = await opened.run(feeds)
      return {
        layers: new Map(shown.map((layer) => [layer.name, results[layer.onnx[graph]]!])),
        outputs: Object.fromEntries(outputs.map(({ name }) => [name, results[name]!])),
      }
    },
    close: () => opened.close(),
  }
}

/** @throws EvtrackError MODEL_UNSUPPORTED for a package without network.json. */
export function describedNetwork(pkg: ModelPackage): NetworkDescription {
  if (pkg.network !== null) return pkg.network
  throw new EvtrackError(
    'MODEL_UNSUPPORTED',
    `Model package ${pkg.spec.name} describes no integer network.`,
    {
      next: 'Choose a package with network.json for this; its golden vectors can be verified all the same.',
      data: { dir: pkg.dir },
    },
  )
}

function expectTensors(
  pkg: ModelPackage,
  want: {
    readonly file: string
    readonly bytes: Uint8Array
    readonly graph: 'int8' | 'fp32'
    readonly shown: readonly NetworkLayer[]
  },
): void {
  const { file, bytes, graph, shown } = want
  let tensors: ReadonlySet<string>
  try {
    tensors = onnxTensors(bytes)
  } catch (cause) {
    throw invalidPackage(pkg.dir, `${file} is no ONNX graph`, { file, cause })
  }
  for (const { name, onnx } of shown) {
    if (tensors.has(onnx[graph])) continue
    throw invalidPackage(
      pkg.dir,
      `layer ${name} is tensor ${onnx[graph]} of ${file}, which has no such tensor`,
      { file, tensor: onnx[graph] },
    )
  }
}
