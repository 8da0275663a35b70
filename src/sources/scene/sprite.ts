import type { GrayPicture } from './picture.js'
import { sampleArea } from './picture.js'
import type { Silhouette } from './silhouette.js'
import { type Texture, toLog } from './texture.js'

/**
 * One rigid piece of a thing: a small canvas of log intensity and coverage, sampled bilinearly when drawn. Texel (i, j)
 * has its centre at (i, j). The outermost texels are empty, so a sample inside the canvas never needs a bounds check.
 */
export interface Sprite {
  readonly width: number
  readonly height: number
  /** The texel at the pivot. */
  readonly pivotU: number
  readonly pivotV: number
  readonly log: Float32Array
  /** Coverage 0..1. */
  readonly alpha: Float32Array
  /** Of the 2 × 2 texels from (i, j): EMPTY, OPAQUE or EDGE; spares the renderer most of the blending. */
  readonly kind: Uint8Array
  /** Convex hull of the silhouette (coverage one half), u and v in turn. */
  readonly hull: Float64Array
  /** Points spread evenly over the silhouette, u and v in turn: where hiding is tested. */
  readonly points: Float64Array
}

export const EMPTY = 0
export const EDGE = 1
export const OPAQUE = 2

const MARGIN = 2
const POINTS = 512

export interface SpriteLook {
  readonly texture: Texture
  /** Where in the texture the piece is cut out, texels. */
  readonly offset: number
  /** Added to the log intensity. */
  readonly tone: number
  readonly edgePx: number
}

export function makeSprite(shape: Silhouette, look: SpriteLook): Sprite {
  const [left, top, right, bottom] = shape.bounds
  const margin = MARGIN + Math.ceil(look.edgePx)
  const pivotU = margin - Math.floor(left)
  const pivotV = margin - Math.floor(top)
  const width = Math.ceil(right) + pivotU + margin + 1
  const height = Math.ceil(bottom) + pivotV + margin + 1
  const log = new Float32Array(width * height)
  const alpha = new Float32Array(width * height)
  const { side } = look.texture
  const mask = side - 1
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      const i = v * width + u
      const tile = ((v + look.offset) & mask) * side + ((u + look.offset) & mask)
      log[i] = look.texture.log[tile]! + look.tone
      const inner = u > 0 && v > 0 && u < width - 1 && v < height - 1
      const cover = 0.5 - shape.distance(u - pivotU, v - pivotV) / look.edgePx
      alpha[i] = inner ? Math.min(1, Math.max(0, cover)) : 0
    }
  }
  return finishSprite({ width, height, pivotU, pivotV, log, alpha })
}

/** A cut-out object, scaled to width × height px. Its own log intensities are brought to brightness and contrast. */
export function targetFromCutout(
  picture: GrayPicture,
  size: { width: number; height: number },
  tone: { contrast: number; brightness: number },
): Sprite {
  const width = Math.ceil(size.width) + 2 * MARGIN
  const height = Math.ceil(size.height) + 2 * MARGIN
  const log = new Float32Array(width * height)
  const alpha = new Float32Array(width * height)
  const span = Math.max(picture.width / size.width, picture.height / size.height)
  for (let j = 0; j < height; j++) {
    const v = ((j - MARGIN + 0.5) / size.height) * picture.height - 0.5
    for (let i = 0; i < width; i++) {
      const u = ((i - MARGIN + 0.5) / size.width) * picture.width - 0.5
      const at = j * width + i
      log[at] = Math.log((1 + sampleArea(picture.gray, picture, { u, v, span })) / 256)
      const inside = u > -0.5 && v > -0.5 && u < picture.width - 0.5 && v < picture.height - 0.5
      if (inside) {
        alpha[at] = picture.alpha ? sampleArea(picture.alpha, picture, { u, v, span }) / 255 : 1
      }
    }
  }
  toLog(log, tone)
  return finishSprite({
    width,
    height,
    pivotU: (width - 1) / 2,
    pivotV: (height - 1) / 2,
    log,
    alpha,
  })
}

function finishSprite(canvas: Omit<Sprite, 'kind' | 'hull' | 'points'>): Sprite {
  const { width, height, alpha } = canvas
  const kind = new Uint8Array(width * height)
  for (let v = 0; v < height - 1; v++) {
    for (let u = 0; u < width - 1; u++) {
      const i = v * width + u
      const sum = alpha[i]! + alpha[i + 1]! + alpha[i + width]! + alpha[i + width + 1]!
      kind[i] = sum === 0 ? EMPTY : sum === 4 ? OPAQUE : EDGE
    }
  }
  return { ...canvas, kind, hull: hullOf(canvas), points: spread(canvas) }
}

type Canvas = Pick<Sprite, 'width' | 'height' | 'alpha'>

/** Where coverage crosses one half along rows and columns, reduced to the convex hull (monotone chain). */
function hullOf({ width, height, alpha }: Canvas): Float64Array {
  const points: [number, number][] = []
  const cross = (before: number, i: number) => (0.5 - alpha[before]!) / (alpha[i]! - alpha[before]!)
  for (let v = 1; v < height - 1; v++) {
    for (let u = 1; u < width - 1; u++) {
      const i = v * width + u
      if (alpha[i]! < 0.5) continue
      if (alpha[i - 1]! < 0.5) points.push([u - 1 + cross(i - 1, i), v])
      if (alpha[i + 1]! < 0.5) points.push([u + 1 - cross(i + 1, i), v])
      if (alpha[i - width]! < 0.5) points.push([u, v - 1 + cross(i - width, i)])
      if (alpha[i + width]! < 0.5) points.push([u, v + 1 - cross(i + width, i)])
    }
  }
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  return Float64Array.from([...chain(points), ...chain(points.reverse())].flat())
}

function chain(points: readonly [number, number][]): [number, number][] {
  const hull: [number, number][] = []
  for (const p of points) {
    while (hull.length >= 2) {
      const a = hull[hull.length - 2]!
      const b = hull[hull.length - 1]!
      if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break
      hull.pop()
    }
    hull.push(p)
  }
  hull.pop()
  return hull
}

function spread({ width, alpha }: Canvas): Float64Array {
  const covered: number[] = []
  for (let i = 0; i < alpha.length; i++) if (alpha[i]! >= 0.5) covered.push(i)
  const count = Math.min(POINTS, covered.length)
  const points = new Float64Array(2 * count)
  for (let k = 0; k < count; k++) {
    // A stride through the texels in reading order, offset by half: even, and the same every time. Spread inside the
    // texel by golden-ratio sequences, so that edges parallel to the grid are hit at all phases.
    const i = covered[Math.floor(((k + 0.5) * covered.length) / count)]!
    points[2 * k] = (i % width) + ((k * 0.7548776662) % 1) - 0.5
    points[2 * k + 1] = Math.floor(i / width) + ((k * 0.5698402909) % 1) - 0.5
  }
  return points
}

/** Coverage at any canvas position, 0 outside. */
export function coverAt({ width, height, alpha }: Sprite, u: number, v: number): number {
  if (!(u >= 0 && v >= 0 && u < width - 1 && v < height - 1)) return 0
  const i = Math.floor(v) * width + Math.floor(u)
  const fu = u - Math.floor(u)
  const above = alpha[i]! + (alpha[i + 1]! - alpha[i]!) * fu
  const below = alpha[i + width]! + (alpha[i + width + 1]! - alpha[i + width]!) * fu
  return above + (below - above) * (v - Math.floor(v))
}
