import type { Script } from '../../src/davis346/emulator/stimulus.js'

/**
 * What an emulated camera shows to a whole driver. The first 500 ms are still: the driver starts and resets the
 * timestamps in them. Everything is a formula, so that the process with the driver knows what to expect.
 */
const STILL_US = 500_000
const EVENT_COUNT = 20_000

export const SCRIPT_EVENTS = Array.from({ length: EVENT_COUNT }, (_, i) => ({
  // Some share a microsecond, some a row too; the whole takes 120 ms and crosses several wraps.
  tUs: STILL_US + Math.floor(i / 3) * 18,
  x: (i * 31) % 346,
  y: (Math.floor(i / 2) * 7) % 260,
  on: i % 3 !== 0,
}))

export const SCRIPT_EDGES = [
  { tUs: STILL_US + 1000, high: true },
  { tUs: STILL_US + 31_000, high: false },
  { tUs: STILL_US + 40_000, high: true },
  { tUs: STILL_US + 70_001, high: false },
]

export const SCRIPT_READING = {
  accel: [0.25, -1, 0.5],
  gyro: [10, -20, 30],
  temperatureC: 31,
} as const

/** 0..1023. */
export function scriptBrightness(x: number, y: number): number {
  return (x * 3 + y * 5) % 1024
}

export const CAMERA_SCRIPT: Script = {
  events: SCRIPT_EVENTS,
  edges: SCRIPT_EDGES,
  imu: () => SCRIPT_READING,
  image(_tUs, into) {
    for (let y = 0; y < 260; y++) {
      for (let x = 0; x < 346; x++) into[y * 346 + x] = scriptBrightness(x, y)
    }
  },
}
