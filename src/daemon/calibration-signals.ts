import type { EmulatedView, KindName, MeasurementContext, Outcome } from '../calibration/kind.js'
import type { SessionProgress } from '../calibration/session.js'
import type { Preset } from '../davis346/schema.js'
import type { EventBatch } from '../events/batch.js'
import type { ApsImage, Gap, ImuSample } from '../events/signals.js'
import type { SourceState } from '../sources/source.js'
import type { WireError } from './messages.js'

/** Messages of a calibration that runs beside a tracker, in a thread of its own. */

/** capture → calibration, over a port of their own. The arrays belong to whoever receives them. */
export type CalibrationSignal =
  | { readonly type: 'events'; readonly batch: EventBatch }
  | { readonly type: 'time'; readonly tUs: number; readonly hostUs: number }
  | { readonly type: 'image'; readonly image: ApsImage }
  | { readonly type: 'imu'; readonly samples: readonly ImuSample[] }
  | { readonly type: 'gap'; readonly gap: Gap }
  | { readonly type: 'state'; readonly state: SourceState }

/** calibration → capture: an events or image message has been worked off. */
export interface CalibrationTaken {
  readonly bytes: number
  readonly images: number
}

export interface CalibrationWorkerData {
  readonly kind: KindName
  readonly signals: import('node:worker_threads').MessagePort
}

/** What the calibration thread says of its kind, before anything else. */
export interface KindFacts {
  readonly title: string
  readonly ask: string
  /** Default duration; 0: the options say everything and no camera is needed. */
  readonly seconds: number
  readonly dataVersion: number
  readonly emulated: EmulatedView
}

/** calibration → main */
export type CalibrationMessage =
  | { readonly type: 'kind'; readonly facts: KindFacts }
  /** The camera is needed from now on, with these settings. */
  | { readonly type: 'lend'; readonly id: number; readonly preset: Preset }
  /** A control loop wants the camera to have these settings. */
  | { readonly type: 'set'; readonly id: number; readonly preset: Preset }
  | { readonly type: 'progress'; readonly progress: SessionProgress }
  | { readonly type: 'finished'; readonly outcome: Outcome; readonly seconds: number }
  | { readonly type: 'failed'; readonly error: WireError }

/** main → calibration */
export type CalibrationCommand =
  | {
      readonly type: 'begin'
      readonly context: Omit<MeasurementContext<unknown>, 'preset'>
      /** The settings the camera has now; absent without a camera. */
      readonly base?: Preset
    }
  /** What was asked for with this id has been done, or not. */
  | { readonly type: 'done'; readonly id: number; readonly error?: WireError }
