import { DAVIS346_SIZE } from '../events/geometry.js'
import { createRng, deriveSeed } from './scene/rng.js'

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE
/** Half the width of the blur at the far end of the focus ring, pixels. */
const MAX_RADIUS_PX = 6

/**
 * A picture with detail of all sizes, mean 1, the way a lens shows it that is out of focus by 0 (as sharp as it gets) to
 * 1. Blurs are made when they are first asked for; between two of them the picture is a mix of both. What is returned
 * holds until the next call.
 */
export function blurredPictures(seed: number): (defocus: number) => Float32Array {
  let sharp: Float32Array | undefined
  const made: Float32Array[] = []
  const mixed = new Float32Array(WIDTH * HEIGHT)
  const blurred = (radius: number) => {
    // No lens shows an edge within one pixel.
    sharp ??= blur(drawPicture(seed), { radius: 1, passes: 1 })
    made[radius] ??= radius === 0 ? sharp : blur(sharp, { radius, passes: 3 })
    return made[radius]
  }
  return (defocus) => {
    const radius = MAX_RADIUS_PX * Math.min(1, Math.max(0, defocus))
    const [below, share] = [Math.floor(radius), radius % 1]
    if (share === 0) return blurred(below)
    const [near, far] = [blurred(below), blurred(below + 1)]
    for (let i = 0; i < mixed.length; i++) mixed[i] = (1 - share) * near[i]! + share * far[i]!
    return mixed
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

/** Box blurs in each direction; three are close to a Gaussian. */
function blur(picture: Float32Array, of: { radius: number; passes: number }): Float32Array {
  const { radius, passes } = of
  let result = picture
  for (let pass = 0; pass < passes; pass++) {
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
