import type { ModelPackage } from '../model-package.js'
import type { TrackerSession } from '../tracker-session.js'
import type { BackendReport } from './backend.js'
import { candidatesFor, graphOf, wantedBackends } from './candidates.js'
import type { InferenceConfig } from './schema.js'
import { BackendSession } from './session.js'

/**
 * The session of a configuration that wants more than the CPU. Under 'auto' a package whose two graphs are not the same
 * network is computed only by who computes the graph that the CPU computes: the answer must not depend on the machine.
 */
export function openBackend(
  pkg: ModelPackage,
  options: {
    readonly cpu: TrackerSession
    readonly cpuGraph: 'int8' | 'fp32'
    readonly config: InferenceConfig
    readonly threads: number
    readonly onReport?: (report: BackendReport) => void
  },
): BackendSession {
  const { cpu, cpuGraph, config, threads, onReport } = options
  if (config.backend === 'cpu') throw new RangeError('the CPU needs no backend')
  const names = wantedBackends(config)
  const candidates = candidatesFor({ pkg, config, threads }).filter(
    (_, i) => pkg.manifest.fidelity === null || graphOf(names[i]!, config) === cpuGraph,
  )
  return new BackendSession({
    pkg,
    cpu,
    cpuDescription: `onnxruntime cpu ${cpuGraph}`,
    wanted: config.backend,
    candidates,
    checkShare: config.checkShare,
    ...(onReport && { onReport }),
  })
}
