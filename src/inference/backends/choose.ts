import type { ModelPackage } from '../model-package.js'
import type { TrackerSession } from '../tracker-session.js'
import type { BackendName, Candidate, OpenedBackend, PreparedBackend, Trial } from './backend.js'
import { searchTime } from './measure.js'

export interface Choice {
  readonly trials: readonly Trial[]
  /** None: the CPU is what is left, or the fastest. */
  readonly chosen:
    | { readonly candidate: Candidate; readonly opened: OpenedBackend; readonly searchMs: number }
    | undefined
  /** What the CPU takes for a search of one target; only where it was compared. */
  readonly cpuMs: number | undefined
}

interface Passed {
  readonly candidate: Candidate
  readonly prepared: PreparedBackend
}

/**
 * Tries candidates in order. Those that give every golden number have passed; asked for by name the one is taken, under
 * 'auto' the fastest if it is faster than the CPU. Never rejects: what fails is told in the trials.
 */
export async function choose(
  candidates: readonly Candidate[],
  options: {
    readonly pkg: ModelPackage
    readonly cpu: TrackerSession
    readonly wanted: BackendName | 'auto'
    readonly signal: AbortSignal
  },
): Promise<Choice> {
  const { pkg, cpu, wanted, signal } = options
  const trials: Trial[] = []
  const passed: Passed[] = []
  const failed = ({ name }: Candidate, error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    trials.push({ name, outcome: 'failed', searchMs: null, reason })
  }
  for (const candidate of candidates) {
    if (signal.aborted) break
    try {
      passed.push({ candidate, prepared: await candidate.prepare(signal) })
    } catch (error) {
      failed(candidate, error)
    }
  }
  const cpuMs =
    passed.length > 0 && wanted === 'auto'
      ? await searchTime(cpu, pkg).catch(() => undefined)
      : undefined
  passed.sort((a, b) => a.prepared.searchMs - b.prepared.searchMs)
  let chosen: Choice['chosen']
  for (const { candidate, prepared } of passed) {
    const { name } = candidate
    const { searchMs } = prepared
    if (signal.aborted || chosen !== undefined || searchMs >= (cpuMs ?? Infinity)) {
      await prepared.drop()
      trials.push({ name, outcome: 'slower', searchMs })
      continue
    }
    try {
      chosen = { candidate, opened: await prepared.take(), searchMs }
      trials.push({ name, outcome: 'chosen', searchMs })
    } catch (error) {
      failed(candidate, error)
    }
  }
  if (cpuMs !== undefined) {
    const outcome = chosen === undefined ? 'chosen' : 'slower'
    trials.push({ name: 'cpu', outcome, searchMs: cpuMs })
  }
  return { trials, chosen, cpuMs }
}
