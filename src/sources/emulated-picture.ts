import { DAVIS346_SIZE } from '../events/geometry.js'
import { createRng, deriveSeed } from './scene/rng.js'

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE
const LEVELS = 16
/** Standard deviation of the blur at the far end of the focus ring. */
const MAX_BLUR_PX = 6

/**
 * A picture with detail of all sizes, mean 1, the way a lens shows it that is out of focus by 0 (sharp) to 1. Blurs are
 * made when they are first asked for.
 */
export function blurredPictures(seed: number): (defocus: number) => Float32Array {
  let sharp: Float32Array | undefined
  const made: Float32Array[] = []
  return (defocus) => {
    sharp ??= drawPicture(seed)
    const level = Math.round(Math.min(1, Math.max(0, defocus)) * (LEVELS - 1))
    made[level] ??= level === 0 ? sharp : blur(sharp, (MAX_BLUR_PX * level) / (LEVELS - 1))
    return made[level]
  }
}

/** Rectangles of all sizes upon each other. */
function drawPicture(seed: number): Float32Array {
  const rng = createRng(deriveSeed(seed, 'picture'))
  const picture = new Float32Array(WIDTH * HEIGHT).fill(0.8)
  for (let i = 0; i < 400; i++) {
    const side = rng.logRange(4, 90)
    const [left, top] = [rng.int(WIDTH), rng.int(HEIGHT)]
    const right = Math.min(WIDTH, left + Math.ceil(side * rng.range(0.5, 1.5)))
    const bottom = Math.min(HEIGHT, top + Math.ceil(side * rng.range(0.5, 1.5)))
    const tone = rng.range(0.35, 1.65)
    for (let y = top; y < bottom; y++) picture.fill(tone, y * WIDTH + left, y * WIDTH + right)
  }
  const mean = picture.reduce((sum, v) => sum + v, 0) / picture.length
  return picture.map((v) => v / mean)
}

/** Three box blurs in each direction are close to a Gaussian. */
function blur(picture: Float32Array, sigma: number): Float32Array {
  const radius = Math.max(0, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2))
  let result = picture
  for (let pass = 0; pass < 3; pass++) {
    result = boxBlur(result, { radius, length: WIDTH, lines: HEIGHT, step: 1, lineStep: WIDTH })
    result = boxBlur(result, { radius, length: HEIGHT, lines: WIDTH, step: WIDTH, lineStep: 1 })
  }
  return result
}

function boxBlur(
  from: Float32Array,
  of: { radius: number; length: number; lines: number; step: number; lineStep: number },
): Float32Array {
  const { radius, length, lines, step, lineStep } = of
  const into = new Float32Array(from.length)
  const share = 1 / (2 * radius + 1)
  for (let line = 0; line < lines; line++) {
    const base = line * lineStep
    const at = (i: number) => from[base + Math.min(length - 1, Math.max(0, i)) * step]!
    let sum = 0
    for (let i = -radius; i <= radius; i++) sum += at(i)
    for (let i = 0; i < length; i++) {
      into[base + i * step] = sum * share
      sum += at(i + radius + 1) - at(i - radius)
    }
  }
  return into
}
