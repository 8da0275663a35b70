import { EvtrackError } from '../../events/errors.js'
import type { ModelPackage } from '../model-package.js'
import { builtProviders, type Provider } from '../onnx.js'
import { openRunner } from '../runner/open.js'
import { referenceCommand } from '../runner/reference.js'
import { createTrackerSession } from '../session.js'
import type { BackendName, Candidate } from './backend.js'
import { searchTime } from './measure.js'
import type { InferenceConfig } from './schema.js'

/** Graphics and neural processors take the float form; the int8 form is made for CPUs. */
const PROVIDER_GRAPH = 'fp32'
/** In the order in which 'auto' tries them. */
const OTHERS = ['runner', 'tensorrt', 'cuda', 'webgpu'] as const

export type OtherBackend = (typeof OTHERS)[number]

export interface CandidateParts {
  readonly pkg: ModelPackage
  readonly config: InferenceConfig
  readonly threads: number
}

/** What a configuration names beside the CPU, in order. */
export function wantedBackends({ backend, runner }: InferenceConfig): readonly OtherBackend[] {
  if (backend === 'cpu') return []
  if (backend !== 'auto') return [backend]
  return OTHERS.filter((name) => name !== 'runner' || runner.command.length > 0)
}

/** Which graph of the package a backend computes. */
export function graphOf(name: OtherBackend, config: InferenceConfig): 'int8' | 'fp32' {
  return name === 'runner' ? config.runner.graph : PROVIDER_GRAPH
}

export function candidatesFor(parts: CandidateParts): readonly Candidate[] {
  return wantedBackends(parts.config).map((name) =>
    name === 'runner' ? runnerCandidate(parts) : providerCandidate(name, parts),
  )
}

function runnerCandidate({ pkg, config, threads }: CandidateParts): Candidate {
  const { command, ...limits } = config.runner
  const [program, ...args] = command
  const started: [string, ...string[]] =
    program === undefined ? referenceCommand({ ortDir: config.ortDir }) : [program, ...args]
  return {
    name: 'runner',
    async prepare(signal) {
      const session = await openRunner(pkg, { ...limits, threads, command: started, signal })
      const searchMs = await searchTime(session, pkg).catch(async (error) => {
        await session.close()
        throw error
      })
      const description = `${session.description}, ${limits.graph}`
      return {
        searchMs,
        take: () => Promise.resolve({ session, description, gone: session.gone }),
        drop: () => session.close(),
      }
    },
  }
}

/**
 * A provider of ONNX Runtime. A driver may crash instead of saying no, so it computes the golden vectors in a process of
 * its own first, and once more in this one.
 */
function providerCandidate(name: Exclude<Provider, 'cpu'>, parts: CandidateParts): Candidate {
  const { pkg, config, threads } = parts
  const { ortDir, runner } = config
  return {
    name,
    async prepare(signal) {
      if (!builtProviders(ortDir).includes(name)) throw notBuilt(name, ortDir)
      const trial = await openRunner(pkg, {
        command: referenceCommand({ provider: name, ortDir }),
        graph: PROVIDER_GRAPH,
        threads,
        maxBatch: runner.maxBatch,
        deadlineMs: runner.startTimeoutMs,
        startTimeoutMs: runner.startTimeoutMs,
        signal,
      }).catch((error: unknown) => {
        throw triedInVain(name, error)
      })
      const searchMs = await searchTime(trial, pkg).finally(() => trial.close())
      return {
        searchMs,
        take: async () => ({
          session: await createTrackerSession(pkg, {
            graph: PROVIDER_GRAPH,
            threads,
            provider: name,
            ortDir,
          }),
          description: `onnxruntime ${name} ${PROVIDER_GRAPH}`,
        }),
        drop: () => Promise.resolve(),
      }
    },
  }
}

/** There is no runner to speak of for who asked for a provider. */
function triedInVain(name: BackendName, error: unknown): unknown {
  if (!(error instanceof EvtrackError) || error.code !== 'BACKEND_UNAVAILABLE') return error
  const reason = String(error.data['reason'] ?? error.message).replace(/^it cannot start: /, '')
  return new EvtrackError('BACKEND_UNAVAILABLE', `The trial of ${name} failed: ${reason}.`, {
    next: 'Check its driver and libraries; docs/jetson.md names them. Or set inference.backend = "cpu".',
    cause: error,
    data: { name },
  })
}

function notBuilt(name: BackendName, ortDir: string | undefined): EvtrackError {
  const where = ortDir === undefined ? 'The packaged ONNX Runtime' : `ONNX Runtime of ${ortDir}`
  return new EvtrackError('BACKEND_UNAVAILABLE', `${where} was built without ${name}.`, {
    next: 'Build one with it and name its folder in inference.ort_dir, or run it behind a runner: docs/jetson.md.',
    data: { name },
  })
}
