import type { ImuSample } from '../events/signals.js'
import type { StreamLayout } from './layout.js'
import type { DecoderCounters } from './violations.js'
import { IMU_CONFIG } from './words.js'

/** Accelerometer, temperature, gyroscope: 6 + 2 + 6 bytes. */
const MAX_BYTES = 14

/**
 * Assembles IMU samples: a start word, a configuration byte that tells which sensors follow and their scales, signed
 * 16-bit values high byte first in the order AX AY AZ T GX GY GZ with absent sensors left out, and an end word.
 */
export interface ImuAssembler {
  start(): void
  config(byte: number): void
  byte(byte: number): void
  /** Returns true when `sample` holds a complete sample, borrowed until the next word. */
  end(tUs: number): boolean
  /** Ignores everything until the next sample starts. */
  ignore(): void
  readonly sample: ImuSample
}

export function createImuAssembler(layout: StreamLayout, counters: DecoderCounters): ImuAssembler {
  const { type, flipX, flipY, flipZ } = layout.imu
  const sign = [flipX ? -1 : 1, flipY ? -1 : 1, flipZ ? -1 : 1]
  const { values, index: at } = counters
  const bytes = new Uint8Array(MAX_BYTES)
  const accel: [number, number, number] = [Number.NaN, Number.NaN, Number.NaN]
  const gyro: [number, number, number] = [Number.NaN, Number.NaN, Number.NaN]
  const sample = { tUs: 0, accel, gyro, temperatureC: Number.NaN }

  // The camera may be joined in the middle of a sample, so what comes before the first start is no violation.
  let ignoring = true
  let inside = false
  let count = 0
  // -1 until the first configuration word; a sample that lacks its own keeps the last one.
  let config = -1

  const int16 = (i: number) => ((bytes[i]! << 24) >> 16) | bytes[i + 1]!

  function axes(out: [number, number, number], from: number, unit: number): void {
    for (let axis = 0; axis < 3; axis++) {
      out[axis] = from < 0 ? Number.NaN : int16(from + 2 * axis) * unit * sign[axis]!
    }
  }

  return {
    sample,

    ignore() {
      ignoring = true
      inside = false
    },

    start() {
      if (inside) values[at.imuByteCount]!++
      ignoring = false
      inside = true
      count = 0
    },

    config(byte) {
      if (inside) config = byte
      else if (!ignoring) values[at.imuOutOfPlace]!++
    },

    byte(byte) {
      if (!inside) {
        if (!ignoring) values[at.imuOutOfPlace]!++
        return
      }
      if (count < MAX_BYTES) bytes[count] = byte
      count++
    },

    end(tUs) {
      if (!inside) {
        if (!ignoring) values[at.imuOutOfPlace]!++
        return false
      }
      inside = false
      if (config < 0) {
        values[at.imuWithoutConfig]!++
        return false
      }
      const hasAccel = (config & IMU_CONFIG.accelerometer) !== 0
      const hasGyro = (config & IMU_CONFIG.gyroscope) !== 0
      const hasTemperature = (config & IMU_CONFIG.temperature) !== 0
      const temperatureAt = hasAccel ? 6 : 0
      const gyroAt = temperatureAt + (hasTemperature ? 2 : 0)
      const expected = gyroAt + (hasGyro ? 6 : 0)
      if (expected === 0 || count !== expected) {
        values[at.imuByteCount]!++
        return false
      }
      // Full scale is 2, 4, 8, 16 g and 250, 500, 1000, 2000 degrees per second for codes 0..3.
      const accelScale = (config >> IMU_CONFIG.accelScaleShift) & 3
      const gyroScale = (config >> IMU_CONFIG.gyroScaleShift) & 3
      sample.tUs = tUs
      axes(accel, hasAccel ? 0 : -1, (4 << accelScale) / 65536)
      axes(gyro, hasGyro ? gyroAt : -1, (500 << gyroScale) / 65536)
      const raw = hasTemperature ? int16(temperatureAt) : Number.NaN
      sample.temperatureC = type === 2 ? raw / 333.87 + 21 : raw / 340 + 35
      return true
    },
  }
}
