import type { BackendReport, Trial } from '../inference/backends/backend.js'
import type { HealthReport } from '../publish/publisher.js'

export interface BackendNews {
  readonly level: 'info' | 'warning'
  readonly message: string
  readonly facts: Readonly<Record<string, string | number | undefined>>
}

/** What of a report is worth a line in the log; undefined where only counters have moved. */
export function backendNews(
  before: BackendReport | undefined,
  now: BackendReport,
): BackendNews | undefined {
  if (now.failures > (before?.failures ?? 0)) {
    return {
      level: 'warning',
      message: 'backend failed, the CPU goes on',
      facts: {
        reason: now.reason ?? undefined,
        failures: now.failures,
        retry_ms: now.retryMs ?? undefined,
      },
    }
  }
  const tried = now.attempts > (before?.attempts ?? 0) && now.trials.length > 0
  if (!tried && now.inUse === (before?.inUse ?? 'cpu')) return undefined
  const trials = now.trials.map(trialText).join('; ')
  if (!now.fallback) {
    return { level: 'info', message: `backend ${now.description}`, facts: { trials } }
  }
  // One that stays away is said once for each reason, not at every attempt.
  if (before?.fallback && before.reason === now.reason && before.attempts > 0) return undefined
  return {
    level: 'warning',
    message: `backend ${now.wanted} cannot be used, the CPU computes instead`,
    facts: { trials, retry_ms: now.retryMs ?? undefined },
  }
}

/** "webgpu: every golden number, 3.1 ms a search, chosen" */
export function trialText({ name, outcome, searchMs, reason }: Trial): string {
  if (outcome === 'failed') return `${name}: ${reason?.replace(/\.$/, '')}`
  const ms = searchMs === null ? '' : `, ${searchMs.toPrecision(3)} ms a search`
  return `${name}: every golden number${ms}${outcome === 'chosen' ? ', chosen' : ''}`
}

/** The backend in a health message. */
export function backendHealth(report: BackendReport): NonNullable<HealthReport['backend']> {
  const { wanted, inUse, fallback, failures, attempts, checks, wrong, reason } = report
  return { wanted, in_use: inUse, fallback, failures, attempts, checks, wrong, reason }
}
