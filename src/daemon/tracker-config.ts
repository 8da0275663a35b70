import type { ModelPackage } from '../inference/model-package.js'
import type { AggregationConfig } from '../pipeline/schema.js'
import type { Config } from './schema.js'

/**
 * Aggregation as the network was trained on it, where the configuration does not say otherwise: a network judges frames
 * by what an event and a window are worth. Returns what differs from the package, for a warning; without a network
 * nothing can differ.
 */
export function aggregationFor(
  config: Config,
  pkg: ModelPackage | undefined,
): { aggregation: AggregationConfig; differences: string[] } {
  const { aggregation } = config
  if (pkg === undefined) return { aggregation, differences: [] }
  const trained = pkg.manifest.aggregation
  const differences = (['windowUs', 'amount', 'decay'] as const).flatMap((key) => {
    const want = trained[key]
    const have = aggregation[key]
    return want === have ? [] : [`${key} is ${have}, the package was trained with ${want}`]
  })
  return { aggregation, differences }
}
