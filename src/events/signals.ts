import type { Box } from './geometry.js'

/** What a source delivers beside events. */

export interface Gap {
  readonly reason: 'reset' | 'overrun' | 'reconnect' | 'corrupt' | 'dropped'
  /** Device time at which the stream goes on, if known. */
  readonly tUs?: number
}

/** An APS intensity picture, 8 or 16 bits a pixel, row-major, top row first. */
export interface ApsImage {
  readonly width: number
  readonly height: number
  /** Position of the region of interest on the sensor. */
  readonly x: number
  readonly y: number
  /** 16-bit full scale (0..65472) from the camera, or 8-bit from a recording. */
  readonly pixels: Uint16Array | Uint8Array
  readonly channels: 1 | 3 | 4
  readonly tUs: number
  readonly startOfFrameUs: number
  readonly endOfFrameUs: number
  readonly startOfExposureUs: number
  readonly endOfExposureUs: number
  /** Exposure as the camera latched it for this picture, where the source reports it. */
  readonly exposureUs?: number
}

/** g and degrees per second; axes as in the camera (X right, Y up, Z toward the lens). NaN where not measured. */
export interface ImuSample {
  readonly tUs: number
  readonly accel: readonly [number, number, number]
  readonly gyro: readonly [number, number, number]
  readonly temperatureC: number
}

export const TRIGGER_KINDS = [
  'reset',
  'external-rising',
  'external-falling',
  'external-pulse',
  'generator-rising',
  'generator-falling',
  'frame-start',
  'frame-end',
  'exposure-start',
  'exposure-end',
] as const
/** Index in TRIGGER_KINDS equals AEDAT4's trigger type. */
export type TriggerKind = (typeof TRIGGER_KINDS)[number]

export interface Trigger {
  readonly tUs: number
  readonly kind: TriggerKind
}

/** Ground truth of a scene at one time. */
export interface TruthBox {
  readonly tUs: number
  readonly id: number
  readonly box: Box
  /** Share of the target hidden by occluders or the sensor's edge, 0..1. */
  readonly hidden: number
}
