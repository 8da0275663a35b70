import { join } from 'node:path'
import type { Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import type { StopReason, WriterLimits } from './aedat4/writer.js'
import type { SourceSink } from './source.js'

export interface RecorderLimits extends WriterLimits {
  /** Longest recording, device microseconds. */
  readonly maxDurationUs: number
}

export interface RecorderOptions {
  /** The file (ending in .aedat4), or a directory in which one is named after the camera and the time. */
  readonly to: { readonly path: string } | { readonly directory: string }
  readonly camera: { readonly name: string; readonly serial?: string; readonly size: Size }
  readonly clock: Clock
  /** LZ4 where not given. */
  readonly compression?: 'LZ4' | 'NONE'
  /** What to add to device time; where not given, what makes it Unix time when the first data comes. */
  readonly tsOffsetUs?: number
  readonly limits?: Partial<RecorderLimits>
}

export interface RecorderStatus {
  readonly path: string
  readonly fileBytes: number
  readonly durationUs: number
  /** Set when a limit or the disk ended the recording; close() still completes the file where it can. */
  readonly stopped: StopReason | 'duration-limit' | undefined
  /** The system's words where writing failed. */
  readonly failure: string | undefined
}

/** A sink that writes an AEDAT4 file. Its methods copy what they are given, never throw and never wait for the disk. */
export interface Recorder extends Required<Omit<SourceSink, 'state'>> {
  readonly path: string
  status(): RecorderStatus
  counters(): Record<string, number>
  /** Completes the file. Never rejects; `status()` says how it ended. */
  close(): Promise<void>
}

export const RECORDER_LIMITS: RecorderLimits = {
  maxQueueBytes: 32 * 1024 * 1024,
  maxFileBytes: Number.POSITIVE_INFINITY,
  minFreeBytes: 256 * 1024 * 1024,
  maxDurationUs: Number.POSITIVE_INFINITY,
}

/** The camera as the file names it: `DAVIS346_00000489`. */
export function sourceName(camera: RecorderOptions['camera']): string {
  return camera.serial === undefined ? camera.name : `${camera.name}_${camera.serial}`
}

/** The file to create. */
export function pathOf(options: RecorderOptions): string {
  if ('path' in options.to) return options.to.path
  const time = new Date(options.clock.wallUs() / 1000).toISOString().replace(/[-:]/g, '')
  const camera = sourceName(options.camera).replace(/[^A-Za-z0-9_-]/g, '-')
  return join(options.to.directory, `${camera}-${time}.aedat4`)
}
