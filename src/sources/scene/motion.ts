import type { Size } from '../../events/geometry.js'
import type { CameraMotion, PathConfig, ScaleConfig, SpinConfig } from './schema.js'

/**
 * Motion as pure functions of time: any moment can be asked for in any order, so rendering and ground truth cannot
 * drift apart and a scene goes on for ever.
 */
const TAU = 2 * Math.PI

/** World → sensor: sensor = middle + zoom · R(roll) · (world − middle − pan). */
export interface CameraPose {
  panX: number
  panY: number
  roll: number
  zoom: number
}

export function cameraAt(camera: CameraMotion, tUs: number, out: CameraPose): void {
  const s = tUs * 1e-6
  const sway = TAU * ((tUs * 1e-3) / camera.swayMs)
  const shake = TAU * camera.shakeHz * s
  // Two incommensurate sines an axis: looks like a hand, never jumps, needs no state.
  const shakeX = 0.65 * Math.sin(shake) + 0.35 * Math.sin(2.327 * shake + 1.1)
  const shakeY = 0.65 * Math.sin(0.831 * shake + 2.3) + 0.35 * Math.sin(1.913 * shake + 0.4)
  out.panX = camera.vx * s + camera.shakePx * shakeX
  out.panY = camera.vy * s + camera.shakePx * shakeY
  out.roll = camera.roll * Math.sin(sway)
  out.zoom = Math.exp(camera.zoom * Math.sin(sway * 0.731))
}

export function cameraMoves(camera: CameraMotion): boolean {
  return (
    camera.vx !== 0 ||
    camera.vy !== 0 ||
    camera.shakePx !== 0 ||
    camera.roll !== 0 ||
    camera.zoom !== 0
  )
}

export function spinAt(spin: SpinConfig, tUs: number): number {
  const steady = spin.angle + spin.perSecond * tUs * 1e-6
  if (spin.swing === 0) return steady
  return steady + spin.swing * Math.sin(spin.phase + (TAU * tUs * 1e-3) / spin.swingMs)
}

export function scaleAt(scale: ScaleConfig, tUs: number): number {
  if (scale.amplitude === 0) return 1
  return Math.exp(scale.amplitude * Math.sin(scale.phase + (TAU * tUs * 1e-3) / scale.periodMs))
}

/** Centre of a thing before camera motion. A 'reenter' line is unbounded here; the pose wraps it around the sensor. */
export interface Point {
  x: number
  y: number
}

/** `inset` is the room a bouncing centre keeps from the sensor's edge, px. */
export function pathAt(path: PathConfig, tUs: number, where: PathFrame, out: Point): void {
  switch (path.kind) {
    case 'still':
      out.x = path.x
      out.y = path.y
      return
    case 'line': {
      out.x = path.x + path.vx * tUs * 1e-6
      out.y = path.y + path.vy * tUs * 1e-6
      if (path.edge === 'bounce') {
        out.x = bounce(out.x, where.insetX, where.size.width - where.insetX)
        out.y = bounce(out.y, where.insetY, where.size.height - where.insetY)
      }
      return
    }
    case 'sway':
      out.x = path.x + path.ax * Math.sin(path.phaseX + (TAU * tUs * 1e-3) / path.periodXMs)
      out.y = path.y + path.ay * Math.sin(path.phaseY + (TAU * tUs * 1e-3) / path.periodYMs)
      return
    case 'curve':
      curveAt(path.points, modulo((tUs * 1e-3) / path.periodMs, 1), out)
      return
    case 'stops':
      stopsAt(path.points, tUs * 1e-3, out)
      return
  }
}

export interface PathFrame {
  readonly size: Size
  readonly insetX: number
  readonly insetY: number
}

function curveAt(points: readonly Point[], lap: number, out: Point): void {
  const n = points.length
  const at = lap * n
  const i = Math.min(Math.floor(at), n - 1)
  const f = at - i
  const p0 = points[(i + n - 1) % n]!
  const p1 = points[i]!
  const p2 = points[(i + 1) % n]!
  const p3 = points[(i + 2) % n]!
  out.x = catmullRom(f, [p0.x, p1.x, p2.x, p3.x])
  out.y = catmullRom(f, [p0.y, p1.y, p2.y, p3.y])
}

function catmullRom(f: number, p: readonly [number, number, number, number]): number {
  const [a, b, c, d] = p
  const cubic = 3 * (b - c) + d - a
  const square = 2 * a - 5 * b + 4 * c - d
  return b + 0.5 * f * (c - a + f * (square + f * cubic))
}

interface Stop extends Point {
  readonly moveMs: number
  readonly stopMs: number
}

function stopsAt(points: readonly Stop[], tMs: number, out: Point): void {
  let lap = 0
  for (const point of points) lap += point.moveMs + point.stopMs
  let rest = modulo(tMs, lap)
  let from = points[points.length - 1]!
  for (const to of points) {
    if (rest < to.moveMs) {
      const f = rest / to.moveMs
      // Minimum-jerk profile: how arms and careful drivers start and stop.
      const eased = f * f * f * (10 + f * (6 * f - 15))
      out.x = from.x + (to.x - from.x) * eased
      out.y = from.y + (to.y - from.y) * eased
      return
    }
    rest -= to.moveMs
    if (rest < to.stopMs) {
      out.x = to.x
      out.y = to.y
      return
    }
    rest -= to.stopMs
    from = to
  }
  out.x = from.x
  out.y = from.y
}

function bounce(value: number, low: number, high: number): number {
  const span = high - low
  if (span <= 0) return (low + high) / 2
  const at = modulo(value - low, 2 * span)
  return low + (at <= span ? at : 2 * span - at)
}

export function modulo(value: number, period: number): number {
  const rest = value % period
  return rest < 0 ? rest + period : rest
}
