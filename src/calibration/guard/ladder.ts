import type { Preset } from '../../davis346/schema.js'
import { type Knobs, knobsOf, SAFE, withKnobs } from '../biases/knobs.js'

/** What the guard does, from mild to harsh. Each rung includes the ones below it. */
export interface Rung {
  /** For messages and programs. */
  readonly name: 'none' | 'refractory' | 'refractory-long' | 'threshold' | 'threshold-high' | 'skip'
  /** Shortest time between two events of a pixel, in the camera's logic; 0: as in the preset. */
  readonly refractoryUs: number
  /** Times both thresholds. */
  readonly threshold: number
  /** Drops one event in so many; 0: none. */
  readonly skipEvery: number
}

export const LADDER: readonly Rung[] = [
  { name: 'none', refractoryUs: 0, threshold: 1, skipEvery: 0 },
  { name: 'refractory', refractoryUs: 2000, threshold: 1, skipEvery: 0 },
  { name: 'refractory-long', refractoryUs: 10_000, threshold: 1, skipEvery: 0 },
  { name: 'threshold', refractoryUs: 10_000, threshold: 1.35, skipEvery: 0 },
  { name: 'threshold-high', refractoryUs: 10_000, threshold: 1.8, skipEvery: 0 },
  { name: 'skip', refractoryUs: 10_000, threshold: 1.8, skipEvery: 2 },
]

/** The preset on this rung: never milder than the preset itself. */
export function onRung(preset: Preset, rung: Rung): Preset {
  const { dvs } = preset
  const raised = rung.threshold > 1 ? withKnobs(preset, raise(preset, rung.threshold)) : preset
  const ownUs = dvs.refractory ? dvs.refractoryTimeUs : 0
  const ownSkip = dvs.skip ? dvs.skipEvery : Number.POSITIVE_INFINITY
  return {
    ...raised,
    dvs: {
      ...dvs,
      ...(rung.refractoryUs > ownUs && { refractory: true, refractoryTimeUs: rung.refractoryUs }),
      ...(rung.skipEvery > 0 &&
        rung.skipEvery < ownSkip && { skip: true, skipEvery: rung.skipEvery }),
    },
  }
}

/** Up to the safe end, and not back from where the preset is beyond it. */
function raise(preset: Preset, times: number): Knobs {
  const knobs = knobsOf(preset)
  const up = (key: 'onThreshold' | 'offThreshold') =>
    Math.max(knobs[key], Math.min(SAFE[key][1], knobs[key] * times))
  return { ...knobs, onThreshold: up('onThreshold'), offThreshold: up('offThreshold') }
}
