import type { Box } from '../events/geometry.js'
import type { SourceInfo, SourceState } from '../sources/source.js'
import type { StepResult, Track } from '../tracking/track.js'

/** Messages between threads. They carry ownership and small facts; pixels stay in the frame pool's shared memory. */

/** capture → inference, over a MessagePort of their own: a window is ready in the pool. */
export interface WindowReady {
  readonly type: 'window'
}

/** capture → main */
export type CaptureMessage =
  | { readonly type: 'started'; readonly info: SourceInfo }
  | { readonly type: 'state'; readonly state: SourceState }
  | {
      readonly type: 'counters'
      readonly atUs: number
      /** Events before the filters, since start. */
      readonly eventsIn: number
      readonly eventsKept: number
      readonly windows: number
      readonly lastEventHostUs: number
      readonly lastEventUs: number
      readonly source: Record<string, number>
      readonly filters: Record<string, number>
      readonly aggregation: Record<string, number>
      readonly clockOffsetUs?: number
      readonly clockDriftPpm?: number
    }
  | { readonly type: 'ended'; readonly how: 'end' | 'aborted' }
  | { readonly type: 'failed'; readonly error: WireError }

/** inference → main */
export type InferenceMessage =
  | { readonly type: 'ready'; readonly model: ModelFacts }
  | {
      readonly type: 'step'
      readonly result: StepResult
      readonly hostUs: number
      readonly broken: boolean
      readonly gapUs: number
    }
  | {
      readonly type: 'counters'
      readonly counters: Record<string, number>
      readonly inferenceMs: readonly number[]
    }
  | {
      readonly type: 'reply'
      readonly id: number
      readonly track?: Track
      readonly error?: WireError
    }
  | { readonly type: 'closed' }
  | { readonly type: 'failed'; readonly error: WireError }

/** main → inference */
export type InferenceCommand =
  | {
      readonly type: 'start-target'
      readonly id: number
      readonly box: Box
      readonly label?: string
    }
  | { readonly type: 'stop-target'; readonly id: number; readonly target: string }
  | { readonly type: 'close' }

/** main → capture */
export type CaptureCommand = { readonly type: 'close' }

export interface ModelFacts {
  readonly name: string
  readonly sha256: string
  readonly backend: string
  readonly energyMj?: number
  readonly energyConvention?: string
  readonly goldenMs: number
}

/** An error that crosses a thread. */
export interface WireError {
  readonly code?: string
  readonly message: string
  readonly next?: string
  readonly stack?: string
}
