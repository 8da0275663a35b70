import type { Preset } from '../davis346/schema.js'
import type { EventBatch } from '../events/batch.js'
import type { Size } from '../events/geometry.js'
import type { ApsImage, Gap, ImuSample } from '../events/signals.js'
import type { Depiction } from './pictures/depiction.js'
import type { Settings } from './settings.js'

/**
 * The contract of a calibration: a kind says what it needs and asks of the user, makes a measurement that consumes what
 * a source delivers, and turns what was measured into rows that are judged, data that is kept and settings that may
 * become active. Opening cameras, writing files, printing and stopping belong to the runner.
 */
export const KIND_NAMES = [
  'hot-pixels',
  'biases',
  'noise',
  'focus',
  'exposure',
  'lens',
  'imu',
  'ground',
  'zones',
  'time',
] as const
export type KindName = (typeof KIND_NAMES)[number]

export const STREAMS = ['events', 'images', 'imu'] as const
export type Stream = (typeof STREAMS)[number]

/** In rising order: a result is as good as its worst row. */
export const VERDICTS = ['PASS', 'WARN', 'FAIL'] as const
export type Verdict = (typeof VERDICTS)[number]

/** One number behind a verdict. */
export interface Row {
  /** What was measured, in plain words. */
  readonly name: string
  /** Null where it could not be measured. */
  readonly value: number | null
  /** Unit of the value, '' for a bare number. */
  readonly unit: string
  /** What it is held against, in words: `at most 0.5 %`; '' for a row that only informs. */
  readonly limit: string
  readonly verdict: Verdict
  /** What it means and what to do about it; on every row that is not PASS. */
  readonly note?: string
}

/** A picture for the report. */
export interface Picture {
  /** File name without folder or extension. */
  readonly name: string
  readonly title: string
  readonly svg: string
}

/** A file that other tools read. */
export interface ExportFile {
  /** File name with extension, without folder. */
  readonly name: string
  readonly content: string | Uint8Array
}

/** What a measurement found. The verdict is that of its worst row. */
export interface Outcome {
  readonly rows: readonly Row[]
  /** Plain JSON, of the kind's `dataVersion`. */
  readonly data: Readonly<Record<string, unknown>>
  /** What becomes active; absent for a kind that only measures. Ignored on FAIL. */
  readonly settings?: Settings
  readonly pictures: readonly Picture[]
  readonly exports: readonly ExportFile[]
}

export interface Progress {
  /** One short line of now. */
  readonly text: string
  /** Numbers of now by name, for programs and for the live page. */
  readonly figures: Readonly<Record<string, number>>
  /** 0..1 where the kind knows better than the clock (views collected, steps of a loop). */
  readonly share?: number
}

/**
 * One run of a measurement. It consumes what a source delivers, borrowed as in SourceSink, and is pure beside its own
 * memory: the same signals give the same outcome.
 */
export interface Measurement {
  /** Events as the camera sent them, before any filter of the host. Not to be changed. */
  events?(batch: EventBatch): void
  /** Device time has reached `tUs`, received at `hostUs`. */
  time?(tUs: number, hostUs: number): void
  image?(image: ApsImage): void
  imu?(sample: ImuSample): void
  gap?(gap: Gap): void
  progress(): Progress
  /** What people see of it now; asked for some twice a second. Undefined while there is nothing to see. */
  depict?(): Depiction | undefined
  /** True when enough is known before the time is over. */
  done?(): boolean
  /**
   * A control loop: the settings the camera should have from now on, until `applied` says that it has them. Asked some
   * fifty times a second, never while a change is under way.
   */
  want?(): Preset | undefined
  /** The camera has taken what was wanted, at this host time. */
  applied?(preset: Preset, hostUs: number): void
  finish(): Outcome
}

export interface MeasurementContext<Options> {
  readonly size: Size
  /** How long will be measured, device time. */
  readonly seconds: number
  readonly options: Options
  /** The settings the camera has now (after `prepare`); absent for a recording. */
  readonly preset?: Preset
  /** Data of the active result of the same kind and data version. */
  readonly previous?: Readonly<Record<string, unknown>>
  /** What the active results of other kinds say, so that one may build upon another. */
  readonly others: readonly Settings[]
}

export interface CalibrationKind<Options = unknown> {
  readonly name: KindName
  /** A few words for headings. */
  readonly title: string
  /** What the user does before it starts, in plain words. */
  readonly ask: string
  /** Streams without which nothing can be measured. */
  readonly needs: readonly Stream[]
  /** Default duration, device time; 0: no source is opened, the options say everything. */
  readonly seconds: number
  /** Version of `Outcome.data`. */
  readonly dataVersion: number
  /** A recording cannot take the camera's place: its settings change as it goes, or its clock is measured. */
  readonly needsCamera: boolean
  /** What an emulated camera looks at for this kind. */
  readonly emulated: EmulatedView
  /** The camera's settings while this measures. The runner puts the old ones back, however it ends. */
  prepare?(preset: Preset, options: Options): Preset
  /** Throws EvtrackError CALIBRATION_FAILED for options that can never give a result. */
  create(context: MeasurementContext<Options>): Measurement
}

/**
 * What an emulated camera sees. dark: nothing but its own noise; still: a bright picture that does not move; moving: a
 * scene; uncovered: dark at first, then a scene; boards: a calibration board in changing poses.
 */
export type EmulatedView = 'dark' | 'still' | 'moving' | 'uncovered' | 'boards'

export function worst(rows: readonly Row[]): Verdict {
  let rank = 0
  for (const { verdict } of rows) rank = Math.max(rank, VERDICTS.indexOf(verdict))
  return VERDICTS[rank]!
}
