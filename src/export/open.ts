import { openNetwork } from '../inference/exact/network.js'
import { describedNetwork } from '../inference/layer-graph.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { ExportNetwork } from './target.js'

/** @throws EvtrackError MODEL_UNSUPPORTED for a package that describes no integer network. */
export function openForExport(pkg: ModelPackage): ExportNetwork {
  const description = describedNetwork(pkg)
  return { pkg, network: openNetwork(description, pkg.files[description.data]!) }
}
