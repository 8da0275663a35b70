import type { BackendReport } from '../inference/backends/backend.js'
import type { InferenceConfig } from '../inference/backends/schema.js'
import type { BackendSession } from '../inference/backends/session.js'
import { EnergySampler } from '../inference/energy-sampler.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { TrackerSession } from '../inference/tracker-session.js'

export interface OpenOptions {
  /** What the CPU computes, and with how many threads. */
  readonly graph: 'int8' | 'fp32'
  readonly threads: number
  readonly lanes: number
  readonly skipGolden?: true
  /** Absent: the CPU, with the packaged ONNX Runtime. */
  readonly inference?: InferenceConfig
  /** Every change of the backend, the first before this resolves where it was waited for. */
  readonly onBackend?: (report: BackendReport) => void
}

/** A package that runs: its session, and what measures its energy on the way. */
export interface OpenModel {
  readonly session: TrackerSession
  /** None for a package that describes no integers. */
  readonly sampler: EnergySampler | undefined
  /** None where the CPU is all that is wanted. */
  readonly backend: BackendSession | undefined
  close(): Promise<void>
}

/** Opened whole before anybody tracks with it, so that no window waits for it. The runtime is loaded here. */
export async function openModel(pkg: ModelPackage, options: OpenOptions): Promise<OpenModel> {
  const { session: opened, backend } = await openSession(pkg, options)
  try {
    const sampler = await openSampler(pkg, cpuGraph(pkg, options))
    const session = sampler?.watch(opened) ?? opened
    return {
      session,
      sampler,
      backend,
      close: async () => {
        await session.close()
        await sampler?.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

/**
 * The session of a package, with its backend: the CPU at once, another one as soon as it has shown what it can.
 * @throws EvtrackError as createTrackerSession does, for the CPU; any other backend that fails is replaced by it.
 */
export async function openSession(
  pkg: ModelPackage,
  options: OpenOptions,
): Promise<{ readonly session: TrackerSession; readonly backend: BackendSession | undefined }> {
  const { openLanedSession } = await import('./lane-thread.js')
  const { inference, threads, lanes, skipGolden, onBackend } = options
  const graph = cpuGraph(pkg, options)
  const ortDir = inference?.ortDir
  const cpu = await openLanedSession(pkg, {
    graph,
    threads,
    lanes,
    ortDir,
    ...(skipGolden && { skipGolden }),
  })
  if (inference === undefined || inference.backend === 'cpu')
    return { session: cpu, backend: undefined }
  const { openBackend } = await import('../inference/backends/open.js')
  const backend = openBackend(pkg, {
    cpu,
    cpuGraph: graph,
    config: inference,
    threads,
    ...(onBackend && { onReport: onBackend }),
  })
  return { session: backend, backend }
}

/**
 * Where both graphs are the same network the CPU keeps its fast one. Where they are not, the answers of a backend and of
 * the CPU that stands in for it must not differ, so the CPU takes the backend's.
 */
function cpuGraph(pkg: ModelPackage, { graph, inference }: OpenOptions): 'int8' | 'fp32' {
  if (pkg.manifest.fidelity === null || inference === undefined) return graph
  const { backend, runner } = inference
  if (backend === 'cpu' || backend === 'auto') return graph
  return backend === 'runner' ? runner.graph : 'fp32'
}

async function openSampler(
  pkg: ModelPackage,
  graph: 'int8' | 'fp32',
): Promise<EnergySampler | undefined> {
  if (pkg.network === null) return undefined
  const { openEnergyMeter } = await import('../inference/energy-meter.js')
  const meter = await openEnergyMeter(pkg, { graph, parts: ['search'] })
  return new EnergySampler({ meter, prices: pkg.manifest.energy })
}
