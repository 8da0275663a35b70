import { biasCurrent, biasFromCurrent, type CoarseFine } from './biases.js'
import type { Preset } from './schema.js'

/**
 * What the six biases of the event pixel make of it, after the circuit. Directions and orders of magnitude are right;
 * a camera's own values lie tens of percent beside these, since its transistors do.
 *
 * Sources: thresholds from the ratio of the comparator currents to that of the change amplifier, Nozaki and Delbruck,
 * "Temperature and parasitic photocurrent effects in dynamic vision sensors", IEEE T-ED 64(8), 2017; bandwidth and
 * what it does to noise, Graça, McReynolds, Delbruck, "Shining light on the DVS pixel" (arXiv 2304.04706) and "Optimal
 * biasing and physical limits of DVS event noise" (arXiv 2304.04019), both 2023; capacitances as jAER estimates them
 * for the DAVIS240 and 346.
 */

export const PIXEL_BIASES = ['DiffBn', 'OnBn', 'OffBn', 'PrBp', 'PrSFBp', 'RefrBp'] as const
export type PixelBiasName = (typeof PIXEL_BIASES)[number]
export type PixelBiases = Pick<Preset['biases'], PixelBiasName>

/** Picoampere; 0 for a bias that is switched off. */
export type PixelCurrents = Readonly<Record<PixelBiasName, number>>

export interface PixelResponse {
  /** Steps of the natural logarithm of the light that make an event. */
  readonly onThreshold: number
  readonly offThreshold: number
  /** How long a pixel is held in reset after an event. */
  readonly refractoryUs: number
  /** -3 dB of photoreceptor and source follower in good light. */
  readonly bandwidthHz: number
}

/** κn / κp² · C2 / C1 with κ = 0.7 and C1 = 20 C2: one e-fold of current ratio in e-folds of light. */
const THRESHOLD_PER_EFOLD = 0.7 / 0.7 ** 2 / 20
/** kT/q at room temperature. */
const THERMAL_VOLT = 0.025
/** What the source follower drives, the C1 of the change amplifier, farad. */
const FOLLOWER_LOAD = 131e-15
/** What the photoreceptor's amplifier drives, farad: about the gate of the follower and wiring. */
const RECEPTOR_LOAD = 100e-15
/** Charge that the refractory current removes: 20 fF over 0.8 V, coulomb. */
const RESET_CHARGE = 20e-15 * 0.8
/** A comparator current on the wrong side of DiffBn makes a pixel that always fires; this stands for it. */
const LEAST_THRESHOLD = 0.02
const MOST_THRESHOLD = 2
const LONGEST_REFRACTORY_US = 10e6

/** Throws nothing: currents of 0 give the slowest and least sensitive pixel there is. */
export function pixelResponse(currents: PixelCurrents): PixelResponse {
  const { DiffBn, OnBn, OffBn, PrBp, PrSFBp, RefrBp } = currents
  const hertz = (picoampere: number, load: number) =>
    (picoampere * 1e-12) / (2 * Math.PI * THERMAL_VOLT * load)
  const receptor = hertz(PrBp, RECEPTOR_LOAD)
  const follower = hertz(PrSFBp, FOLLOWER_LOAD)
  return {
    onThreshold: threshold(OnBn, DiffBn),
    offThreshold: threshold(DiffBn, OffBn),
    refractoryUs: Math.min(LONGEST_REFRACTORY_US, (RESET_CHARGE / (RefrBp * 1e-12)) * 1e6),
    // Two poles in a row.
    bandwidthHz: 1 / Math.hypot(1 / receptor, 1 / follower),
  }
}

function threshold(above: number, below: number): number {
  if (above === 0 && below === 0) return MOST_THRESHOLD
  const wanted = THRESHOLD_PER_EFOLD * Math.log(above / below)
  return Math.min(MOST_THRESHOLD, Math.max(LEAST_THRESHOLD, wanted))
}

export function pixelCurrents(biases: PixelBiases): PixelCurrents {
  const of = (value: CoarseFine) => (value.enabled ? biasCurrent(value) : 0)
  return Object.fromEntries(
    PIXEL_BIASES.map((name) => [name, of(biases[name])]),
  ) as unknown as PixelCurrents
}

/** The codes nearest to these currents, everything else about the biases as it was. */
export function withCurrents(biases: PixelBiases, currents: PixelCurrents): PixelBiases {
  return Object.fromEntries(
    PIXEL_BIASES.map((name) => [
      name,
      { ...biases[name], ...biasFromCurrent(currents[name]), enabled: true },
    ]),
  ) as unknown as PixelBiases
}

/** Comparator currents that give these thresholds beside this current of the change amplifier. */
export function thresholdCurrents(
  thresholds: Pick<PixelResponse, 'onThreshold' | 'offThreshold'>,
  diffPicoampere: number,
): Pick<PixelCurrents, 'OnBn' | 'OffBn'> {
  return {
    OnBn: diffPicoampere * Math.exp(thresholds.onThreshold / THRESHOLD_PER_EFOLD),
    OffBn: diffPicoampere * Math.exp(-thresholds.offThreshold / THRESHOLD_PER_EFOLD),
  }
}

/** Current of RefrBp for a refractory period. */
export function refractoryCurrent(refractoryUs: number): number {
  return (RESET_CHARGE / (refractoryUs * 1e-6)) * 1e12
}

const code = (coarse: number, fine: number) => biasCurrent({ coarse, fine })

/** The biases that every user of the chip starts from, as in the preset `default`. */
export const DEFAULT_CURRENTS: PixelCurrents = {
  DiffBn: code(4, 39),
  OnBn: code(5, 255),
  OffBn: code(4, 1),
  PrBp: code(2, 58),
  PrSFBp: code(1, 16),
  RefrBp: code(4, 25),
}

export const DEFAULT_RESPONSE = pixelResponse(DEFAULT_CURRENTS)

export interface NoiseRates {
  /** Events a second of a pixel at rest. */
  readonly onHz: number
  readonly offHz: number
}

/** Bandwidth that dim light leaves to the photodiode; beyond it a faster follower adds little noise. */
const PHOTODIODE_HZ = 100

/**
 * Background of a pixel that has `shotHz` (in both polarities together) and `leakHz` with the default biases. Chance
 * crossings follow Rice's formula: as often as the bandwidth goes, rarer with the square of the threshold against the
 * noise. Leak is a steady drift: ON only, and inversely as the threshold.
 */
export function noiseRates(
  response: PixelResponse,
  base: { readonly shotHz: number; readonly leakHz: number },
): NoiseRates {
  const usual = DEFAULT_RESPONSE
  const crossings = usual.bandwidthHz / Math.sqrt(3)
  // Half of the square of threshold against noise that gives the default rate, one polarity.
  const depth = Math.log(Math.max(1.5, (2 * crossings) / Math.max(1e-6, base.shotHz)))
  const power = (hz: number) => hz / (hz + PHOTODIODE_HZ)
  const noise = power(response.bandwidthHz) / power(usual.bandwidthHz)
  const faster = response.bandwidthHz / usual.bandwidthHz
  const shot = (relative: number) =>
    (base.shotHz / 2) * faster * Math.exp(depth * (1 - relative ** 2 / noise))
  const on = response.onThreshold / usual.onThreshold
  return {
    onHz: shot(on) + base.leakHz / on,
    offHz: shot(response.offThreshold / usual.offThreshold),
  }
}
