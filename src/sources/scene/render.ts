import type { CameraPose } from './motion.js'
import { POSE, type Stage } from './pose.js'
import { EMPTY, OPAQUE, type Sprite } from './sprite.js'
import type { Texture } from './texture.js'

/** A rectangle of pixels: columns x0 ≤ x < x1, rows y0 ≤ y < y1. */
export interface Rect {
  x0: number
  y0: number
  x1: number
  y1: number
}

/** A picture of log intensity, row-major. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly log: Float32Array
}

/** Pixels that the canvas of part `index` can touch; not clipped, possibly empty. */
export function partBounds(stage: Stage, at: { index: number; poses: Float64Array }, out: Rect) {
  const { sprite } = stage.parts[at.index]!
  const k = at.index * POSE
  const { poses } = at
  const w = sprite.width - 1
  const h = sprite.height - 1
  const ux = poses[k]! * w
  const uy = poses[k + 1]! * w
  const vx = poses[k + 2]! * h
  const vy = poses[k + 3]! * h
  out.x0 = Math.floor(poses[k + 4]! + Math.min(0, ux) + Math.min(0, vx))
  out.y0 = Math.floor(poses[k + 5]! + Math.min(0, uy) + Math.min(0, vy))
  out.x1 = Math.ceil(poses[k + 4]! + Math.max(0, ux) + Math.max(0, vx))
  out.y1 = Math.ceil(poses[k + 5]! + Math.max(0, uy) + Math.max(0, vy))
}

// hot
export function copyRect(from: Float32Array, to: Plane, rect: Rect): void {
  const { width, log } = to
  const { x0, y0, x1, y1 } = rect
  for (let y = y0; y < y1; y++) {
    const end = y * width + x1
    for (let p = y * width + x0; p < end; p++) log[p] = from[p]!
  }
}

/** Draws the background seen by a camera at `view` over the whole plane. */
export function paintBackground(plane: Plane, texture: Texture, view: CameraPose): void {
  if (view.roll === 0 && view.zoom === 1) paintShifted(plane, texture, view)
  else paintTurned(plane, texture, view)
}

// hot: a pan shifts every pixel alike, so the bilinear weights are constants and columns are shared by neighbours.
function paintShifted({ width, height, log }: Plane, texture: Texture, view: CameraPose): void {
  const { side, log: tile } = texture
  const mask = side - 1
  const wholeX = Math.floor(view.panX)
  const wholeY = Math.floor(view.panY)
  const fx = view.panX - wholeX
  const fy = view.panY - wholeY
  for (let y = 0; y < height; y++) {
    const top = ((y + wholeY) & mask) * side
    const bottom = ((y + wholeY + 1) & mask) * side
    let u = wholeX & mask
    let left = tile[top + u]! * (1 - fy) + tile[bottom + u]! * fy
    const end = (y + 1) * width
    for (let p = y * width; p < end; p++) {
      u = (u + 1) & mask
      const right = tile[top + u]! * (1 - fy) + tile[bottom + u]! * fy
      log[p] = left + (right - left) * fx
      left = right
    }
  }
}

// hot
function paintTurned({ width, height, log }: Plane, texture: Texture, view: CameraPose): void {
  const { side, log: tile } = texture
  const mask = side - 1
  const cos = Math.cos(view.roll) / view.zoom
  const sin = Math.sin(view.roll) / view.zoom
  // Kept positive, so that truncation is the floor: the tile repeats, and 64 sides are more than any view spans.
  const u0 = modTile(width / 2 + view.panX, side) + 64 * side - 0.5
  const v0 = modTile(height / 2 + view.panY, side) + 64 * side - 0.5
  for (let y = 0; y < height; y++) {
    const dy = y + 0.5 - height / 2
    let u = u0 + sin * dy + cos * (0.5 - width / 2)
    let v = v0 + cos * dy - sin * (0.5 - width / 2)
    const end = (y + 1) * width
    for (let p = y * width; p < end; p++) {
      const iu = u | 0
      const iv = v | 0
      const fu = u - iu
      const left = iu & mask
      const right = (iu + 1) & mask
      const top = (iv & mask) * side
      const bottom = ((iv + 1) & mask) * side
      const a = tile[top + left]!
      const c = tile[bottom + left]!
      const over = a + (tile[top + right]! - a) * fu
      const under = c + (tile[bottom + right]! - c) * fu
      log[p] = over + (under - over) * (v - iv)
      u += cos
      v -= sin
    }
  }
}

function modTile(value: number, side: number): number {
  return value - Math.floor(value / side) * side
}

const bounds: Rect = { x0: 0, y0: 0, x1: 0, y1: 0 }

/** Draws all parts over what lies in `rect`, in order. */
export function drawParts(plane: Plane, stage: Stage, at: { poses: Float64Array; rect: Rect }) {
  const { poses, rect } = at
  for (let index = 0; index < stage.parts.length; index++) {
    partBounds(stage, { index, poses }, bounds)
    bounds.x0 = Math.max(bounds.x0, rect.x0)
    bounds.y0 = Math.max(bounds.y0, rect.y0)
    bounds.x1 = Math.min(bounds.x1, rect.x1)
    bounds.y1 = Math.min(bounds.y1, rect.y1)
    if (bounds.x0 >= bounds.x1 || bounds.y0 >= bounds.y1) continue
    invert(poses, index * POSE)
    blend(plane, stage.parts[index]!.sprite, bounds)
  }
}

/** Sensor → canvas of the part being drawn; shared scratch, so that drawing allocates nothing. */
const inverse = new Float64Array(POSE)

function invert(poses: Float64Array, k: number): void {
  const a = poses[k]!
  const b = poses[k + 1]!
  const c = poses[k + 2]!
  const d = poses[k + 3]!
  const det = 1 / (a * d - b * c)
  inverse[0] = d * det
  inverse[1] = -b * det
  inverse[2] = -c * det
  inverse[3] = a * det
  inverse[4] = -(inverse[0]! * poses[k + 4]! + inverse[2]! * poses[k + 5]!)
  inverse[5] = -(inverse[1]! * poses[k + 4]! + inverse[3]! * poses[k + 5]!)
}

// hot
function blend({ width, log }: Plane, sprite: Sprite, clip: Rect): void {
  const { width: w, log: tone, alpha, kind } = sprite
  const lastU = w - 1.001
  const lastV = sprite.height - 1.001
  const du = inverse[0]!
  const dv = inverse[1]!
  const { x0, y0, x1, y1 } = clip
  for (let y = y0; y < y1; y++) {
    const u0 = inverse[2]! * (y + 0.5) + inverse[4]! + 0.5 * du
    const v0 = inverse[3]! * (y + 0.5) + inverse[5]! + 0.5 * dv
    // The run of columns whose samples lie on the canvas: 0 ≤ u ≤ lastU and 0 ≤ v ≤ lastV.
    let low = x0
    let high = x1 - 1
    if (du > 1e-9) {
      low = Math.max(low, -u0 / du)
      high = Math.min(high, (lastU - u0) / du)
    } else if (du < -1e-9) {
      low = Math.max(low, (lastU - u0) / du)
      high = Math.min(high, -u0 / du)
    } else if (u0 < 0.001 || u0 > lastU) continue
    if (dv > 1e-9) {
      low = Math.max(low, -v0 / dv)
      high = Math.min(high, (lastV - v0) / dv)
    } else if (dv < -1e-9) {
      low = Math.max(low, (lastV - v0) / dv)
      high = Math.min(high, -v0 / dv)
    } else if (v0 < 0.001 || v0 > lastV) continue
    const end = Math.floor(high)
    for (let x = Math.ceil(low); x <= end; x++) {
      const u = u0 + x * du
      const v = v0 + x * dv
      const iu = u | 0
      const iv = v | 0
      const i = iv * w + iu
      const what = kind[i]!
      if (what === EMPTY) continue
      const fu = u - iu
      const fv = v - iv
      const a = tone[i]!
      const c = tone[i + w]!
      const over = a + (tone[i + 1]! - a) * fu
      const under = c + (tone[i + w + 1]! - c) * fu
      const value = over + (under - over) * fv
      const p = y * width + x
      if (what === OPAQUE) {
        log[p] = value
        continue
      }
      const aa = alpha[i]!
      const ac = alpha[i + w]!
      const above = aa + (alpha[i + 1]! - aa) * fu
      const below = ac + (alpha[i + w + 1]! - ac) * fu
      const cover = above + (below - above) * fv
      log[p] = log[p]! + (value - log[p]!) * cover
    }
  }
}
