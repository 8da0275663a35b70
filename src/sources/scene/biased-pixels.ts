import { DEFAULT_RESPONSE, noiseRates, type PixelResponse } from '../../davis346/pixel-response.js'
import type { Pixels } from './pixels.js'
import type { PixelConfig } from './schema.js'

/** Below this share of the default bandwidth the slower photoreceptor is simulated. */
const SLOW = 0.9

/**
 * What the camera's biases make of simulated pixels. A scene describes its pixels under the default biases, so it is
 * changed by the ratio of both: thresholds with each pixel's own mismatch, refractory time, leak, shot noise, and, where
 * the bandwidth is less than the default one, a first-order low pass of the log intensity.
 */
export class BiasedPixels {
  readonly #pixels: Pixels
  /** The scene's own. */
  readonly #base: PixelConfig
  #cutoffHz = Number.POSITIVE_INFINITY
  /** [height, width]: log intensity behind the low pass; empty before the first slow bias. */
  #seen = new Float32Array(0)
  /** Every pixel compares once more: thresholds moved, or the low pass was left. */
  #again = false

  constructor(pixels: Pixels) {
    this.#pixels = pixels
    this.#base = pixels.config
  }

  /** True when every pixel has to be looked at, not only where the picture changed. */
  get everywhere(): boolean {
    return this.#again || this.#cutoffHz !== Number.POSITIVE_INFINITY
  }

  bias(response: PixelResponse, nowUs: number): void {
    const pixels = this.#pixels
    const base = this.#base
    const usual = DEFAULT_RESPONSE
    const before = pixels.config
    const on = response.onThreshold / usual.onThreshold
    const shotHz = base.shotNoiseHz
    const shot = noiseRates(response, { shotHz, leakHz: 0 })
    const sum = shot.onHz + shot.offHz
    pixels.config = {
      ...base,
      onThreshold: base.onThreshold * on,
      offThreshold: (base.offThreshold * response.offThreshold) / usual.offThreshold,
      refractoryUs: (base.refractoryUs * response.refractoryUs) / usual.refractoryUs,
      leakHz: base.leakHz / on,
      shotNoiseHz: sum,
    }
    pixels.onShare = sum > 0 ? shot.onHz / sum : 0.5
    // Waiting times of a Poisson process shrink as its rate grows; without noise it never comes and stays so.
    if (shotHz > 0 && sum !== before.shotNoiseHz) {
      pixels.nextNoiseUs = nowUs + ((pixels.nextNoiseUs - nowUs) * before.shotNoiseHz) / sum
    }
    this.#moveThresholds(before)
    this.#limitBandwidth(response.bandwidthHz)
  }

  /** The level of the last event stays; the thresholds around it move. */
  #moveThresholds(before: PixelConfig): void {
    const { config, upper, lower, onStep, offStep } = this.#pixels
    const on = config.onThreshold / before.onThreshold
    const off = config.offThreshold / before.offThreshold
    if (on === 1 && off === 1) return
    for (let p = 0; p < upper.length; p++) {
      // Pixels in reset hold infinities, which stay.
      upper[p] = upper[p]! + onStep[p]! * (on - 1)
      lower[p] = lower[p]! - offStep[p]! * (off - 1)
      onStep[p] = onStep[p]! * on
      offStep[p] = offStep[p]! * off
    }
    this.#again = true
  }

  #limitBandwidth(hertz: number): void {
    const slow = hertz < SLOW * DEFAULT_RESPONSE.bandwidthHz
    if (slow && this.#seen.length === 0) this.#seen = Float32Array.from(this.#pixels.level)
    if (!slow && this.#seen.length > 0) {
      this.#seen = new Float32Array(0)
      this.#again = true
    }
    this.#cutoffHz = slow ? hertz : Number.POSITIVE_INFINITY
  }

  // hot
  /** What the comparators see at the end of a step of `stepUs` towards `log`. */
  see(log: Float32Array, stepUs: number): Float32Array {
    this.#again = false
    const cutoffHz = this.#cutoffHz
    if (cutoffHz === Number.POSITIVE_INFINITY) return log
    const seen = this.#seen
    const share = 1 - Math.exp(-2 * Math.PI * cutoffHz * stepUs * 1e-6)
    for (let p = 0; p < seen.length; p++) seen[p] = seen[p]! + share * (log[p]! - seen[p]!)
    return seen
  }
}
