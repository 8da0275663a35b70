import {
  type Script,
  type Stimulus,
  scriptedStimulus,
} from '../../src/davis346/emulator/stimulus.js'

/**
 * What an emulated camera shows to a whole driver: everything is a formula, so that the process with the driver knows
 * what to expect. Times count from `begin()`.
 */
const EVENT_COUNT = 20_000

export const SCRIPT_EVENTS = Array.from({ length: EVENT_COUNT }, (_, i) => ({
  // Some share a microsecond, some a row too; the whole takes 120 ms and crosses several wraps.
  tUs: Math.floor(i / 3) * 18,
  x: (i * 31) % 346,
  y: (Math.floor(i / 2) * 7) % 260,
  on: i % 3 !== 0,
}))

export const SCRIPT_EDGES = [
  { tUs: 1000, high: true },
  { tUs: 31_000, high: false },
  { tUs: 40_000, high: true },
  { tUs: 70_001, high: false },
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

const CAMERA_SCRIPT: Script = {
  events: SCRIPT_EVENTS,
  edges: SCRIPT_EDGES,
  imu: () => SCRIPT_READING,
  image(_tUs, into) {
    for (let y = 0; y < 260; y++) {
      for (let x = 0; x < 346; x++) into[y * 346 + x] = scriptBrightness(x, y)
    }
  },
}

/** The script, held until the driver streams and says so. */
export class HeldScript implements Stimulus {
  readonly imu = () => SCRIPT_READING
  readonly image = CAMERA_SCRIPT.image!
  readonly #script = scriptedStimulus(CAMERA_SCRIPT)
  #startUs = Number.POSITIVE_INFINITY

  /** Starts the script soon after stimulus time `nowUs`; returns the stimulus time at which it starts. */
  begin(nowUs: number): number {
    this.#startUs = Math.ceil(nowUs / 1000) * 1000 + 10_000
    return this.#startUs
  }

  next(untilUs: number) {
    const batch = this.#script.next(untilUs - this.#startUs)
    if (batch) batch.t0Us += this.#startUs
    return batch
  }

  edge(untilUs: number) {
    const edge = this.#script.edge!(untilUs - this.#startUs)
    return edge && { ...edge, tUs: edge.tUs + this.#startUs }
  }
}
