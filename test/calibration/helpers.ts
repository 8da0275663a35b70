import type {
  CalibrationKind,
  Measurement,
  MeasurementContext,
  Row,
} from '../../src/calibration/kind.js'
import type { Stimulus } from '../../src/davis346/emulator/stimulus.js'
import type { Preset } from '../../src/davis346/schema.js'
import { createBatch } from '../../src/events/batch.js'
import { DAVIS346_SIZE } from '../../src/events/geometry.js'
import type { ApsImage, ImuSample } from '../../src/events/signals.js'

export function start<Options>(
  kind: CalibrationKind<Options>,
  context: Partial<MeasurementContext<Options>> & { options: Options; seconds: number },
): Measurement {
  return kind.create({ size: DAVIS346_SIZE, others: [], ...context })
}

/** Lets a measurement see the events of a world from one time to another. */
export function watch(
  measurement: Measurement,
  stimulus: Stimulus,
  [fromUs, toUs]: readonly [number, number],
): void {
  for (let t = fromUs; t < toUs; ) {
    t = Math.min(toUs, t + 10_000)
    for (;;) {
      const batch = stimulus.next(t)
      if (batch === undefined || batch.length === 0) break
      measurement.events?.(batch)
    }
    measurement.time?.(t, t)
  }
}

export interface PlainEvent {
  readonly t: number
  readonly x: number
  readonly y: number
}

/** Sorted by time into one batch. */
export function batchOf(events: readonly PlainEvent[]) {
  const sorted = [...events].sort((a, b) => a.t - b.t)
  const batch = createBatch(Math.max(1, sorted.length))
  batch.t0Us = Math.floor(sorted[0]?.t ?? 0)
  batch.length = sorted.length
  sorted.forEach(({ t, x, y }, i) => {
    batch.dtUs[i] = Math.floor(t) - batch.t0Us
    batch.x[i] = x
    batch.y[i] = y
    batch.on[i] = i & 1
  })
  return batch
}

export function row(rows: readonly Row[], name: string): Row {
  const found = rows.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no row "${name}"`)
  return found
}

export function picture(pixels: Uint16Array, tUs: number, exposureUs?: number): ApsImage {
  return {
    ...DAVIS346_SIZE,
    pixels,
    channels: 1,
    tUs,
    ...(exposureUs !== undefined && { exposureUs }),
  } as ApsImage
}

export function resting(
  tUs: number,
  gyro: readonly [number, number, number],
  accel: readonly [number, number, number],
): ImuSample {
  return { tUs, gyro, accel, temperatureC: 30 } as ImuSample
}

export type { Preset }
