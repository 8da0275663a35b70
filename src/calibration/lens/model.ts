import type { Box, Size } from '../../events/geometry.js'

/**
 * A pinhole with the distortion of Brown and Conrady, in the convention of OpenCV: the middle of the upper-left pixel
 * is (0, 0), x to the right, y down, focal lengths in pixels.
 */
export interface LensModel extends Size {
  readonly fx: number
  readonly fy: number
  readonly cx: number
  readonly cy: number
  /** Radial, of r², r⁴ and r⁶. */
  readonly k1: number
  readonly k2: number
  readonly k3: number
  /** Tangential. */
  readonly p1: number
  readonly p2: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

const MAX_STEPS = 40
/** In units of the focal length: less than a ten thousandth of a pixel for any lens that fits this sensor. */
const CLOSE = 1e-10

/** Boxes count from the edge of the first pixel, lens models from its middle. */
const HALF = 0.5

/** Direction of sight → pixel. `x`, `y`: offset at distance 1 along the optical axis. */
export function distort(lens: LensModel, { x, y }: Point): Point {
  const { k1, k2, k3, p1, p2 } = lens
  const r2 = x * x + y * y
  const radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
  return {
    x: lens.fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + lens.cx,
    y: lens.fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + lens.cy,
  }
}

/**
 * Pixel → direction of sight, the inverse of `distort`, by Newton's method from the undistorted guess. Undefined where
 * the model has no inverse: beyond the radius at which its polynomial folds back.
 */
export function sight(lens: LensModel, pixel: Point): Point | undefined {
  const { k1, k2, k3, p1, p2 } = lens
  const xd = (pixel.x - lens.cx) / lens.fx
  const yd = (pixel.y - lens.cy) / lens.fy
  let x = xd
  let y = yd
  for (let step = 0; step < MAX_STEPS; step++) {
    const r2 = x * x + y * y
    const radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    const slope = 2 * (k1 + r2 * (2 * k2 + 3 * r2 * k3))
    const ex = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) - xd
    const ey = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y - yd
    const xx = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    const xy = x * y * slope + 2 * p1 * x + 2 * p2 * y
    const yy = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    const det = xx * yy - xy * xy
    // The solution on the near side of the fold has both positive; a step across the fold ends on a wrong branch.
    if (!(det > 1e-6) || !(xx + yy > 0)) return undefined
    if (Math.abs(ex) + Math.abs(ey) < CLOSE) return { x, y }
    x -= (yy * ex - xy * ey) / det
    y -= (xx * ey - xy * ex) / det
  }
  return undefined
}

/** Where the pixel would be seen without distortion, by a camera of the same focal length and principal point. */
export function undistort(lens: LensModel, pixel: Point): Point | undefined {
  const seen = sight(lens, pixel)
  return seen && { x: lens.fx * seen.x + lens.cx, y: lens.fy * seen.y + lens.cy }
}

/** The inverse of `undistort`. */
export function redistort(lens: LensModel, pixel: Point): Point {
  return distort(lens, { x: (pixel.x - lens.cx) / lens.fx, y: (pixel.y - lens.cy) / lens.fy })
}

/** `undistort` for places that count as boxes do, from the upper-left edge of the sensor. */
export function undistortPlace(lens: LensModel, place: Point): Point | undefined {
  const point = undistort(lens, { x: place.x - HALF, y: place.y - HALF })
  return point && { x: point.x + HALF, y: point.y + HALF }
}

/** The inverse of `undistortPlace`. */
export function redistortPlace(lens: LensModel, place: Point): Point {
  const point = redistort(lens, { x: place.x - HALF, y: place.y - HALF })
  return { x: point.x + HALF, y: point.y + HALF }
}

/**
 * The box around the undistorted outline of a box: corners and middles of its edges, between which an edge bends less
 * than a track is sure of. It may lie outside of the sensor. Undefined where a part of it has no undistorted place.
 */
export function undistortBox(lens: LensModel, box: Box): Box | undefined {
  let [left, top] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  let [right, bottom] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < 9; i++) {
    if (i === 4) continue
    const place = undistortPlace(lens, {
      x: box.x + (box.w * (i % 3)) / 2,
      y: box.y + (box.h * Math.floor(i / 3)) / 2,
    })
    if (place === undefined) return undefined
    left = Math.min(left, place.x)
    right = Math.max(right, place.x)
    top = Math.min(top, place.y)
    bottom = Math.max(bottom, place.y)
  }
  return { x: left, y: top, w: right - left, h: bottom - top }
}

/** Pixels per second at a place → the same motion without distortion, by central differences over a pixel. */
export function undistortVelocity(
  lens: LensModel,
  place: Point,
  velocity: Point,
): Point | undefined {
  const speed = Math.hypot(velocity.x, velocity.y)
  if (speed === 0) return { x: 0, y: 0 }
  const [dx, dy] = [(HALF * velocity.x) / speed, (HALF * velocity.y) / speed]
  const before = undistortPlace(lens, { x: place.x - dx, y: place.y - dy })
  const after = undistortPlace(lens, { x: place.x + dx, y: place.y + dy })
  if (before === undefined || after === undefined) return undefined
  return { x: (after.x - before.x) * speed, y: (after.y - before.y) * speed }
}
