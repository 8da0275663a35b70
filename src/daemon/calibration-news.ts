import type { KindName } from '../calibration/kind.js'
import type { SessionProgress } from '../calibration/session.js'
import type { EvtrackError } from '../events/errors.js'
import type { CalibrationPayload } from '../publish/calibration-schema.js'
import { round2 } from '../publish/payloads.js'
import type { CalibrateReport } from './calibrate-request.js'

/** Who asked for a calibration of a running daemon. */
export type CalibrationOrigin = 'mqtt' | 'socket' | 'schedule'

/** How a calibration of a running daemon stands. */
export interface CalibrationNews {
  readonly id: string
  readonly kind: KindName
  readonly title: string
  readonly ask: string
  readonly origin: CalibrationOrigin
  readonly state: 'running' | 'done' | 'failed' | 'cancelled' | 'skipped'
  /** The newest; absent before the first. */
  readonly progress?: SessionProgress
  /** When `state` is done, and for one that was skipped because of what was measured. */
  readonly report?: CalibrateReport
  /** Why it came to nothing. */
  readonly error?: EvtrackError
}

/** News as it is published. */
export function calibrationPayload(
  news: CalibrationNews | undefined,
  atUs: number,
): CalibrationPayload {
  if (news === undefined) return { state: 'idle', at: atUs }
  const { id, kind, ask, origin, state, progress, report, error } = news
  return {
    state,
    at: atUs,
    id,
    kind,
    origin,
    ...(state === 'running' && { ask }),
    ...(progress !== undefined && {
      progress: {
        share: round2(progress.share),
        seconds: round2(progress.seconds),
        text: progress.text,
        figures: finite(progress.figures),
      },
    }),
    ...(report !== undefined && { result: resultPayload(report) }),
    ...(error !== undefined && {
      error: { code: error.code, message: error.message, next: error.next },
    }),
  }
}

function resultPayload(report: CalibrateReport): NonNullable<CalibrationPayload['result']> {
  const { verdict, activated, stored, seconds, serial, outcome } = report
  return {
    verdict,
    activated,
    id: stored?.id ?? null,
    serial: serial ?? null,
    seconds: round2(seconds),
    rows: outcome.rows.map(({ name, value, unit, limit, verdict: own, note }) => ({
      name,
      value,
      unit,
      limit,
      verdict: own,
      ...(note !== undefined && { note }),
    })),
  }
}

/** JSON knows no other numbers. */
function finite(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)))
}
