import type { EmulatedView, KindName } from '../calibration/kind.js'
import { boardShow } from '../calibration/lens/show.js'
import type { WorldOptions } from '../sources/emulated-world.js'

/** What the emulated camera of a calibration sees, and what is wrong with it. */
export interface EmulatedCameraWorld extends WorldOptions {
  readonly driftPpm?: number
}

/** A camera out of the box, as emulated: everything there is to calibrate is off. */
const OUT_OF_THE_BOX = {
  hotPixels: 60,
  // Warm: the biases have to bring it down.
  noiseHz: 0.4,
  // Overexposed by the default preset.
  radiance: 240,
  gyroBias: [0.8, -1.3, 0.4],
  gyroNoise: 0.08,
  up: [0.12, 0.96, 0.25],
  accelNoise: 0.004,
  driftPpm: 23,
} as const satisfies EmulatedCameraWorld

/** What an emulated user is to do; plain data. */
export interface WorldRequest {
  readonly view: EmulatedView
  readonly kind: KindName
  readonly seed: number
  readonly seconds: number
  /** `uncovered`: how long the lens stays covered. */
  readonly darkSeconds: number
}

/** The world that fits a kind: the emulated user covers the lens, holds still and turns the ring when asked to. */
export function worldFor(
  { view, kind, seed, seconds, darkSeconds }: WorldRequest,
  moving: () => NonNullable<WorldOptions['scene']>,
): EmulatedCameraWorld {
  const base = { ...OUT_OF_THE_BOX, seed }
  switch (view) {
    case 'dark':
      return { ...base, uncoverUs: Number.POSITIVE_INFINITY }
    case 'uncovered':
      return { ...base, scene: moving(), uncoverUs: darkSeconds * 1e6 }
    case 'moving':
      return { ...base, scene: moving() }
    case 'boards':
      return { ...base, picture: boardShow({ seed }) }
    default:
      return kind === 'focus' ? { ...base, focusSweepUs: seconds * 1e6 } : base
  }
}

/** How long the emulated user leaves the lens covered: as the options of the kind say, at most half of the time. */
export function darkSecondsOf(options: unknown, seconds: number): number {
  const given = (options as { darkSeconds?: number } | undefined)?.darkSeconds
  return Math.min(given ?? seconds, seconds / 2)
}
