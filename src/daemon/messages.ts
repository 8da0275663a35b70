import type { MessagePort } from 'node:worker_threads'
import type { GuardOptions } from '../calibration/guard/schema.js'
import type { Preset } from '../davis346/schema.js'
import type { Box } from '../events/geometry.js'
import type { BackendReport } from '../inference/backends/backend.js'
import type { MeasuredEnergy } from '../inference/energy-sampler.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { Frame } from '../pipeline/frame.js'
import type { FiltersConfig } from '../pipeline/schema.js'
import type { SourceInfo, SourceState } from '../sources/source.js'
import type { StepResult, Track, TrackEvent } from '../tracking/track.js'
import type { WorldRequest } from './calibration-world.js'
import type { GuardState } from './capture-guard.js'
import type { RecordingOrder, RecordingReport } from './capture-recorder.js'

/** Messages between threads. They carry ownership and small facts; pixels stay in the frame pool's shared memory. */

/** capture → inference, over a MessagePort of their own: a window is ready in the pool. */
export interface WindowReady {
  readonly type: 'window'
}

/** Running totals of the capture thread, once a second. */
export interface CaptureCounters {
  readonly type: 'counters'
  /** Host monotonic time of the reading, microseconds. */
  readonly atUs: number
  /** Host receive time of the newest event, before the filters; 0 before the first. */
  readonly lastEventHostUs: number
  readonly source: Readonly<Record<string, number>>
  readonly filters: Readonly<Record<string, number>>
  readonly aggregation: Readonly<Record<string, number>>
  readonly pool: Readonly<Record<string, number>>
  /** Host time minus device time and its drift, where the source measures them. */
  readonly clock?: { readonly offsetUs: number; readonly driftPpm: number }
  readonly temperatureC?: number
  /** The recording under way. */
  readonly recording?: RecordingReport
  /** Device time minus scene time, for an emulated camera: how ground truth is looked up. */
  readonly sceneOffsetUs?: number
  /** The event-rate guard, where it is on. */
  readonly guard?: GuardState
}

/** Without report and error: it was done, or there was nothing to do. */
export interface CaptureReply {
  readonly type: 'reply'
  readonly id: number
  readonly report?: RecordingReport
  /** What a calibration that has ended did not get, because it was too slow for it. */
  readonly lost?: { readonly events: number; readonly images: number }
  readonly error?: WireError
}

/** capture → main */
export type CaptureMessage =
  | { readonly type: 'started'; readonly info: SourceInfo }
  | { readonly type: 'state'; readonly state: SourceState }
  | CaptureCounters
  | CaptureReply
  /** A recording has ended by itself: a limit, or the disk. */
  | { readonly type: 'recorded'; readonly report: RecordingReport }
  /** The event-rate guard took a step. */
  | { readonly type: 'guard'; readonly state: GuardState }
  | { readonly type: 'ended'; readonly how: 'end' | 'aborted' }
  | { readonly type: 'failed'; readonly error: WireError }

/**
 * What became of a package that the inference thread was told to change over to. First 'switched' or, with everything as
 * before, 'refused'; after 'switched' its first windows decide between 'kept' and 'reverted'. The package that the
 * thread began with has id 0 and can only be 'kept'.
 */
export interface ModelReport {
  readonly type: 'model'
  readonly id: number
  readonly outcome: 'switched' | 'refused' | 'kept' | 'reverted'
  /** Ends of targets that did not live through the change. */
  readonly events: readonly TrackEvent[]
  /** Why, for 'refused' and 'reverted'. */
  readonly error?: WireError
}

/** inference → main */
export type InferenceMessage =
  /** The tracker is there; the golden vectors of a network matched. */
  | { readonly type: 'ready'; readonly openedMs: number }
  | {
      readonly type: 'step'
      readonly result: StepResult
      readonly hostUs: number
      readonly broken: boolean
      readonly gapUs: number
    }
  | {
      readonly type: 'counters'
      readonly counters: Readonly<Record<string, number>>
      /** Inference time of every window since the last message of this kind, milliseconds. */
      readonly inferenceMs: readonly number[]
      /** Measured on sampled searches; absent before the first. */
      readonly energy?: MeasuredEnergy
    }
  /** Without event and error: there is no such target. */
  | {
      readonly type: 'reply'
      readonly id: number
      readonly event?: TrackEvent
      readonly error?: WireError
    }
  | {
      readonly type: 'snapshot'
      readonly frame: Frame
      readonly tracks: readonly Track[]
    }
  | ModelReport
  /** Who computes the network has changed, or its counters have. */
  | { readonly type: 'backend'; readonly report: BackendReport }
  | { readonly type: 'closed'; readonly events: readonly TrackEvent[] }
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
  /** Asks for a copy of the next window and its tracks. */
  | { readonly type: 'snapshot' }
  /** Change over to another package; answered by a ModelReport with this id. */
  | { readonly type: 'switch-model'; readonly id: number; readonly package: ModelPackage }
  | { readonly type: 'close' }

/** main → capture */
export type CaptureCommand =
  | { readonly type: 'close' }
  /** Takes effect from the next batch. `filters` was judged on the main thread. */
  | {
      readonly type: 'configure'
      readonly id: number
      readonly filters?: FiltersConfig
      readonly preset?: Preset
      /** The event-rate guard, with its `enabled`. */
      readonly guard?: GuardOptions
    }
  /** A calibration gets the camera with this preset, and copies of what it sends over `signals`. */
  | {
      readonly type: 'lend'
      readonly id: number
      readonly preset: Preset
      readonly signals: MessagePort
      /** What an emulated camera is shown meanwhile. */
      readonly show?: WorldRequest
    }
  /** What the calibration wants the camera to be set to now. */
  | { readonly type: 'set'; readonly id: number; readonly preset: Preset }
  /** The calibration is over: the camera gets back what is configured. */
  | { readonly type: 'give-back'; readonly id: number }
  | { readonly type: 'record-start'; readonly id: number; readonly order: RecordingOrder }
  | { readonly type: 'record-stop'; readonly id: number }

/** An error that crosses a thread. */
export interface WireError {
  readonly code?: string
  readonly message: string
  readonly next?: string
  readonly stack?: string
}
