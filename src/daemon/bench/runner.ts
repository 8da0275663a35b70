import type { ModelPackage } from '../../inference/model-package.js'
import { openRunner } from '../../inference/runner/open.js'
import { referenceCommand } from '../../inference/runner/reference.js'
import { createTrackerSession } from '../../inference/session.js'
import { type InferenceResult, prepareSearch, Stopwatch, WARM_UP_RUNS } from './inference.js'

export interface RunnerResult {
  /** On the calling thread. */
  readonly inProcess: InferenceResult
  /** The same network by the reference runner, in a process of its own. */
  readonly runner: InferenceResult
  /** Difference of the medians, milliseconds. */
  readonly overheadMs: number
}

/** Nothing is lost here, however busy the machine is. */
const PATIENCE_MS = 60_000

/** Times a search in this process against one by the reference runner, in turns: whatever else goes on meets both. */
export async function benchRunner(
  pkg: ModelPackage,
  options: { readonly batch: number; readonly runs: number },
): Promise<RunnerResult> {
  const { batch, runs } = options
  const graph = 'int8'
  const own = await createTrackerSession(pkg, { graph, threads: 1 })
  const runner = await openRunner(pkg, {
    command: referenceCommand(),
    graph,
    threads: 1,
    maxBatch: batch,
    deadlineMs: PATIENCE_MS,
    startTimeoutMs: PATIENCE_MS,
  }).catch(async (error) => {
    await own.close()
    throw error
  })
  try {
    const [inside, outside] = [new Stopwatch(), new Stopwatch()]
    const searchInside = await prepareSearch(pkg, { session: own, batch })
    const searchOutside = await prepareSearch(pkg, { session: runner, batch })
    for (let i = 0; i < runs + WARM_UP_RUNS; i++) {
      await inside.time(searchInside, i >= WARM_UP_RUNS)
      await outside.time(searchOutside, i >= WARM_UP_RUNS)
    }
    const of = { model: pkg.spec.name, graph, batch } as const
    const inProcess = { ...of, ...inside.result() }
    const result = { ...of, ...outside.result() }
    return { inProcess, runner: result, overheadMs: result.msP50 - inProcess.msP50 }
  } finally {
    await own.close()
    await runner.close()
  }
}
