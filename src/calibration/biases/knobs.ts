import {
  DEFAULT_CURRENTS,
  DEFAULT_RESPONSE,
  type PixelBiases,
  pixelCurrents,
  pixelResponse,
  refractoryCurrent,
  thresholdCurrents,
  withCurrents,
} from '../../davis346/pixel-response.js'
import type { Preset } from '../../davis346/schema.js'

/**
 * The four things that are turned, in the units of what they do to a pixel. Nominal: the loop is closed over what the
 * camera sends, so a camera whose transistors lie beside the formula is only turned a little further.
 */
export interface Knobs {
  /** e-folds of light */
  readonly onThreshold: number
  readonly offThreshold: number
  readonly bandwidthHz: number
  readonly refractoryUs: number
}

const usual = DEFAULT_RESPONSE

/**
 * Within these every sensor of this kind works. Thresholds: below, chance alone makes megaevents; above, the OFF
 * comparator would need currents as small as what leaks through a closed transistor. Bandwidth and refractory time: as far
 * as the presets that ship with evtrackd go, and twice the default.
 */
export const SAFE: { readonly [K in keyof Knobs]: readonly [least: number, most: number] } = {
  onThreshold: [0.14, 0.5],
  offThreshold: [0.14, 0.5],
  bandwidthHz: [usual.bandwidthHz / 4, usual.bandwidthHz * 2],
  refractoryUs: [usual.refractoryUs / 4, usual.refractoryUs * 16],
}

export const NOMINAL: Knobs = {
  onThreshold: usual.onThreshold,
  offThreshold: usual.offThreshold,
  bandwidthHz: usual.bandwidthHz,
  refractoryUs: usual.refractoryUs,
}

export function clampKnobs(knobs: Knobs): Knobs {
  const clamp = (key: keyof Knobs) => Math.min(SAFE[key][1], Math.max(SAFE[key][0], knobs[key]))
  return {
    onThreshold: clamp('onThreshold'),
    offThreshold: clamp('offThreshold'),
    bandwidthHz: clamp('bandwidthHz'),
    refractoryUs: clamp('refractoryUs'),
  }
}

export function sameKnobs(a: Knobs, b: Knobs): boolean {
  const near = (key: keyof Knobs) => Math.abs(Math.log(a[key] / b[key])) < 0.01
  return near('onThreshold') && near('offThreshold') && near('bandwidthHz') && near('refractoryUs')
}

export function knobsOf(preset: Preset): Knobs {
  return pixelResponse(pixelCurrents(preset.biases))
}

/**
 * The biases that give `knobs`. The change amplifier gets its default current, and photoreceptor and follower keep their
 * default ratio: what they are on their own says nothing that these four do not, but far-off ones leave no room.
 */
export function biasesFor(biases: PixelBiases, knobs: Knobs): PixelBiases {
  const { DiffBn, PrBp, PrSFBp } = DEFAULT_CURRENTS
  const faster = knobs.bandwidthHz / usual.bandwidthHz
  return withCurrents(biases, {
    DiffBn,
    ...thresholdCurrents(knobs, DiffBn),
    PrBp: PrBp * faster,
    PrSFBp: PrSFBp * faster,
    RefrBp: refractoryCurrent(knobs.refractoryUs),
  })
}

export function withKnobs(preset: Preset, knobs: Knobs): Preset {
  return { ...preset, biases: { ...preset.biases, ...biasesFor(preset.biases, knobs) } }
}
