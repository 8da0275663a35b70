import type { MessagePort } from 'node:worker_threads'
import type { KindName } from '../calibration/kind.js'
import type { Preset } from '../davis346/schema.js'
import type { Size } from '../events/geometry.js'
import type { SourceState } from '../sources/source.js'
import type { CalibrateReport } from './calibrate-request.js'
import type { WorthKeeping } from './calibration-case.js'
import type { CalibrationNews, CalibrationOrigin } from './calibration-news.js'
import type { LentCamera } from './calibration-thread.js'
import type { WorldRequest } from './calibration-world.js'
import type { Log } from './log.js'
import type { Config } from './schema.js'

/** What a calibration of a running daemon is asked with, what it needs, and what is answered. */

export interface CalibrationOrder {
  readonly kind: KindName
  readonly origin: CalibrationOrigin
  /** Device time; the kind's own where not given. 0: the camera is not looked at. */
  readonly seconds?: number
  /** Measure and judge, write nothing. */
  readonly dryRun?: boolean
  /** In place of what the configuration says, camelCase; judged here. */
  readonly options?: Readonly<Record<string, unknown>>
  /** What is not worth keeping is neither written nor made active. */
  readonly worthKeeping?: WorthKeeping
  /** A result to be told as skipped, for example because nobody covered the lens. */
  readonly skip?: (report: CalibrateReport) => boolean
}

/** What a calibration needs of the capture thread. */
export interface CalibratedCamera extends Omit<LentCamera, 'lend'> {
  /** `show`: what an emulated camera is shown meanwhile. */
  lend(preset: Preset, signals: MessagePort, show?: WorldRequest): Promise<void>
  /** The camera gets back what is configured now; gives what the calibration did not get. Rejects when it is gone. */
  giveBack(): Promise<{ readonly events: number; readonly images: number }>
}

export interface LiveCalibrationParts {
  readonly log: Log
  /** Begins the ids of runs: unique for each run of the daemon. */
  readonly idPrefix: string
  readonly size: Size
  readonly camera: CalibratedCamera
  readonly config: () => Config
  readonly source: () => SourceState
  /** What the camera is set to in service, calibrations included. */
  readonly preset: () => Promise<Preset>
  /** A result has become active: take it on. */
  readonly activated: () => Promise<void>
  readonly onNews: (news: CalibrationNews) => void
}

/** A calibration that was accepted. */
export interface AcceptedCalibration {
  readonly id: string
  readonly kind: KindName
  readonly title: string
  readonly ask: string
  readonly seconds: number
  /** The last news of it; never rejects. */
  readonly over: Promise<CalibrationNews>
}
