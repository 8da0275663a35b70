import type { LogitSession } from '../session.js'

/** Who computes the network. */
export type BackendName = 'cpu' | 'webgpu' | 'cuda' | 'tensorrt' | 'runner'

/** A backend whose golden vectors have matched. */
export interface OpenedBackend {
  readonly session: LogitSession
  /** For people: 'onnxruntime webgpu fp32'. */
  readonly description: string
  /** Resolves when it has failed, also while nobody searches; never when it was closed. */
  readonly gone?: Promise<Error>
}

/** A backend that has shown what it can, and waits to be taken or dropped; one of them must be called. */
export interface PreparedBackend {
  /** Median of a search of one target, milliseconds. */
  readonly searchMs: number
  take(): Promise<OpenedBackend>
  drop(): Promise<void>
}

/** A backend that could be used. */
export interface Candidate {
  readonly name: BackendName
  /**
   * Has it compute the golden vectors where a crash does no harm.
   * @throws EvtrackError BACKEND_UNAVAILABLE, or MODEL_INVALID where a number differs
   */
  prepare(signal: AbortSignal): Promise<PreparedBackend>
}

/** How a candidate did. */
export interface Trial {
  readonly name: BackendName
  readonly outcome: 'chosen' | 'slower' | 'failed'
  readonly searchMs: number | null
  /** Why it failed. */
  readonly reason?: string
}

/** What is to be said of the backend: in info, health, the log and doctor. */
export interface BackendReport {
  readonly wanted: BackendName | 'auto'
  readonly inUse: BackendName
  readonly description: string
  /** Median of one search when it was chosen, milliseconds; null before it was measured. */
  readonly searchMs: number | null
  /** The CPU computes because the wanted backend cannot. */
  readonly fallback: boolean
  /** Of the newest attempt, in the order in which they were tried. */
  readonly trials: readonly Trial[]
  /** Times that a backend in use has failed. */
  readonly failures: number
  /** Times that candidates were tried. */
  readonly attempts: number
  /** Answers compared with the CPU's. */
  readonly checks: number
  /** Those that differed. */
  readonly wrong: number
  /** Why the newest failure or attempt failed; null without one. */
  readonly reason: string | null
  /** Until the next attempt, milliseconds; null while none is planned. */
  readonly retryMs: number | null
}
