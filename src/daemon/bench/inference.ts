import type { ModelPackage } from '../../inference/model-package.js'
import { createTrackerSession } from '../../inference/session.js'
import type { TrackerSession } from '../../inference/tracker-session.js'
import { openLanedSession } from '../lane-thread.js'

export interface InferenceResult {
  readonly model: string
  readonly graph: 'int8' | 'fp32'
  readonly batch: number
  readonly runs: number
  readonly msP50: number
  readonly msP99: number
  readonly msMin: number
  /** Processor time of the whole process in a run, all threads, mean: below the time of one thread when others got the core. */
  readonly cpuMs: number
}

export interface BatchResult {
  /** One target on one thread. */
  readonly one: InferenceResult
  /** The batch on `lanes` threads. */
  readonly many: InferenceResult
  readonly lanes: number
  /** Medians of many and one. */
  readonly ratio: number
  /** The fastest runs of many and one: what is left when nothing else wants a core. */
  readonly ratioOfMin: number
}

export const WARM_UP_RUNS = 5

/** Times one search inference of `batch` targets on this thread, on the package's golden crops. */
export async function benchInference(
  pkg: ModelPackage,
  options: { readonly graph: 'int8' | 'fp32'; readonly batch: number; readonly runs: number },
): Promise<InferenceResult> {
  const { graph, batch, runs } = options
  const session = await createTrackerSession(pkg, { graph, threads: 1 })
  try {
    const search = await prepareSearch(pkg, { session, batch })
    const stopwatch = new Stopwatch()
    for (let i = 0; i < runs + WARM_UP_RUNS; i++) await stopwatch.time(search, i >= WARM_UP_RUNS)
    return { model: pkg.spec.name, graph, batch, ...stopwatch.result() }
  } finally {
    await session.close()
  }
}

/**
 * Times a batch on `lanes` threads against one target on one thread. The two take turns, so that whatever else the
 * machine does meets both.
 */
export async function benchBatch(
  pkg: ModelPackage,
  options: { readonly batch: number; readonly lanes: number; readonly runs: number },
): Promise<BatchResult> {
  const { batch, lanes, runs } = options
  const graph = 'int8'
  const session = await openLanedSession(pkg, { graph, lanes })
  try {
    const [one, many] = [new Stopwatch(), new Stopwatch()]
    const searchOne = await prepareSearch(pkg, { session, batch: 1 })
    const searchMany = await prepareSearch(pkg, { session, batch })
    for (let i = 0; i < runs + WARM_UP_RUNS; i++) {
      await one.time(searchOne, i >= WARM_UP_RUNS)
      await many.time(searchMany, i >= WARM_UP_RUNS)
    }
    const result = {
      one: { model: pkg.spec.name, graph, batch: 1, ...one.result() },
      many: { model: pkg.spec.name, graph, batch, ...many.result() },
    } as const
    return {
      ...result,
      lanes,
      ratio: result.many.msP50 / result.one.msP50,
      ratioOfMin: result.many.msMin / result.one.msMin,
    }
  } finally {
    await session.close()
  }
}

/** A search of the first golden crop, `batch` times side by side. */
export async function prepareSearch(
  pkg: ModelPackage,
  { session, batch }: { readonly session: TrackerSession; readonly batch: number },
): Promise<() => Promise<unknown>> {
  const { templateSize, searchSize, planes } = session.spec
  const golden = (name: string, bytes: number) => {
    const tensor = pkg.manifest.golden.tensors.find((t) => t.name === name)!
    return pkg.files[pkg.manifest.golden.file]!.slice(tensor.offset, tensor.offset + bytes)
  }
  const state = await session.template(golden('template.crop', planes.length * templateSize ** 2))
  const one = golden('search.crop', planes.length * searchSize ** 2)
  const crops = new Uint8Array(one.length * batch)
  for (let i = 0; i < batch; i++) crops.set(one, i * one.length)
  const states = Array.from({ length: batch }, () => state)
  return () => session.search(crops, states)
}

export class Stopwatch {
  readonly #times: number[] = []
  #cpuUs = 0

  async time(work: () => Promise<unknown>, counts: boolean): Promise<void> {
    const cpuBefore = process.cpuUsage()
    const started = performance.now()
    await work()
    const ms = performance.now() - started
    const { user, system } = process.cpuUsage(cpuBefore)
    if (!counts) return
    this.#times.push(ms)
    this.#cpuUs += user + system
  }

  result(): Pick<InferenceResult, 'runs' | 'msP50' | 'msP99' | 'msMin' | 'cpuMs'> {
    const times = this.#times.toSorted((a, b) => a - b)
    const at = (share: number) =>
      times[Math.min(times.length - 1, Math.floor(share * times.length))]!
    return {
      runs: times.length,
      msP50: at(0.5),
      msP99: at(0.99),
      msMin: times[0]!,
      cpuMs: this.#cpuUs / times.length / 1000,
    }
  }
}
