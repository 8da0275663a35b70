import { findPicture, type GrayPicture, type Pictures, sampleArea } from './picture.js'
import { createRng } from './rng.js'
import type { TextureConfig } from './schema.js'
import { paintField } from './texture-kinds.js'

/** A square, tileable picture of log reflectance; the side is a power of two, so wrapping is a bit mask. */
export interface Texture {
  readonly side: number
  /** side × side, row-major, natural logarithm of reflectance. */
  readonly log: Float32Array
}

export const LOG_BLACK = Math.log(0.01)
export const LOG_WHITE = Math.log(1.5)

export function makeTexture(config: TextureConfig, side: number, pictures: Pictures): Texture {
  if (config.kind === 'picture') {
    return textureFromGray(findPicture(pictures, config.picture), side, config)
  }
  const field = new Float32Array(side * side)
  if (config.kind !== 'plain') {
    paintField(field, side, { ...config, rng: createRng(config.seed) })
    blurTile(field, side)
  }
  toLog(field, config)
  return { side, log: field }
}

/**
 * A photograph as a texture: scaled to cover half a tile a side and mirrored, so that it tiles without seams. Its log
 * intensities are shifted and stretched to the wanted brightness and contrast.
 */
export function textureFromGray(
  picture: GrayPicture,
  side: number,
  tone: { contrast: number; brightness: number },
): Texture {
  const log = new Float32Array(side * side)
  const half = side / 2
  const span = Math.min(picture.width, picture.height) / half
  for (let y = 0; y < side; y++) {
    const v = (y < half ? y : side - 1 - y) * span
    for (let x = 0; x < side; x++) {
      const u = (x < half ? x : side - 1 - x) * span
      log[y * side + x] = Math.log((1 + sampleArea(picture.gray, picture, { u, v, span })) / 256)
    }
  }
  toLog(log, tone)
  return { side, log }
}

/** Turns any field into log reflectance of the wanted mean and standard deviation, clipped to what surfaces reflect. */
export function toLog(field: Float32Array, tone: { contrast: number; brightness: number }): void {
  let sum = 0
  let square = 0
  for (const value of field) {
    sum += value
    square += value * value
  }
  const mean = sum / field.length
  const deviation = Math.sqrt(Math.max(0, square / field.length - mean * mean))
  const gain = deviation > 1e-6 ? tone.contrast / deviation : 0
  const middle = Math.log(tone.brightness)
  for (let i = 0; i < field.length; i++) {
    const log = middle + (field[i]! - mean) * gain
    field[i] = Math.min(LOG_WHITE, Math.max(LOG_BLACK, log))
  }
}

/** 1-2-1 blur in both directions, tiling: no lens shows an edge sharper than that on 18.5 um pixels. */
function blurTile(field: Float32Array, side: number): void {
  const mask = side - 1
  const row = new Float32Array(side)
  for (let y = 0; y < side; y++) {
    const base = y * side
    for (let x = 0; x < side; x++) {
      row[x] =
        0.25 * (field[base + ((x - 1) & mask)]! + field[base + ((x + 1) & mask)]!) +
        0.5 * field[base + x]!
    }
    field.set(row, base)
  }
  const column = new Float32Array(side)
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) {
      column[y] =
        0.25 * (field[((y - 1) & mask) * side + x]! + field[((y + 1) & mask) * side + x]!) +
        0.5 * field[y * side + x]!
    }
    for (let y = 0; y < side; y++) field[y * side + x] = column[y]!
  }
}
