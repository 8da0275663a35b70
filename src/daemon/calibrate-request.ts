import type { KindName, Outcome, Verdict } from '../calibration/kind.js'
import type { SessionProgress } from '../calibration/session.js'
import type { StoredResult } from '../calibration/store.js'
import type { EvtrackError } from '../events/errors.js'
import type { SourceState } from '../sources/source.js'
import type { EmulatedCameraWorld } from './calibration-world.js'

export interface CalibrateRequest {
  readonly kind: KindName
  /** Device time; the kind's own where not given. */
  readonly seconds?: number
  /** Measure and judge, write nothing. */
  readonly dryRun: boolean
  /** In place of what the configuration says, camelCase. */
  readonly options?: Readonly<Record<string, unknown>>
  /** Emulated cameras: what they see, where it is not what the kind asks for. */
  readonly world?: EmulatedCameraWorld
  readonly signal: AbortSignal
  /** What the user is to do, before it starts. */
  readonly onAsk?: (ask: string) => void
  readonly onState?: (state: SourceState) => void
  /** A result that is active cannot be read; it is measured without it. */
  readonly onLeftOut?: (error: EvtrackError) => void
  /** Ten times a second. */
  readonly onProgress?: (progress: SessionProgress) => void
}

export interface CalibrateReport {
  readonly kind: KindName
  readonly verdict: Verdict
  readonly outcome: Outcome
  /** As written; absent for a dry run. */
  readonly stored?: StoredResult
  readonly activated: boolean
  readonly seconds: number
  readonly serial: string | undefined
}
