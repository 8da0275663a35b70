import type { ApsImage } from '../events/signals.js'

/** What is known of the light in one APS picture, on a scale of 0 to 255. */
export interface PictureStatistics {
  readonly mean: number
  /** Share of pixels at the top of the range, 0..1. */
  readonly saturated: number
  /** Share of pixels at the bottom of the range, 0..1. */
  readonly black: number
}

/** Full scale of 16-bit pictures: ten bits of the converter, left aligned. */
const FULL_SCALE_16 = 65472
const TOP = 0.985
const BOTTOM = 0.015

export function fullScale(image: Pick<ApsImage, 'pixels'>): number {
  return image.pixels instanceof Uint8Array ? 255 : FULL_SCALE_16
}

/** hot */
export function lightOf(image: Pick<ApsImage, 'pixels'>): PictureStatistics {
  const { pixels } = image
  const full = fullScale(image)
  const n = pixels.length
  let sum = 0
  let saturated = 0
  let black = 0
  for (let i = 0; i < n; i++) {
    const value = pixels[i]!
    sum += value
    if (value >= TOP * full) saturated++
    else if (value <= BOTTOM * full) black++
  }
  return { mean: (255 * sum) / n / full, saturated: saturated / n, black: black / n }
}

/**
 * How sharp a picture is: mean square of its Laplacian over mean square of its contrast. Brightness and contrast of the
 * scene cancel out; what is left is how fine the finest detail is. NaN for a picture without contrast.
 */
export function sharpnessOf(image: ApsImage): number {
  const { width, height, pixels, channels } = image
  const full = fullScale(image)
  const at = (x: number, y: number) => pixels[(y * width + x) * channels]! / full
  let squares = 0
  let sum = 0
  let sumSquares = 0
  const n = (width - 2) * (height - 2)
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const value = at(x, y)
      const bend = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4 * value
      squares += bend * bend
      sum += value
      sumSquares += value * value
    }
  }
  const variance = sumSquares / n - (sum / n) ** 2
  // Below this there is nothing in the picture but the noise of the converter.
  return variance < 1e-5 ? Number.NaN : squares / n / variance
}
