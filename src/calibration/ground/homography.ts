import { choleskyOf, inverseOf, solve } from './linear.js'

export interface Place {
  readonly x: number
  readonly y: number
}

/** A plane seen by a camera: `from` on the plane, `to` in the picture, each with a standard deviation. */
export interface Pair {
  readonly from: Place
  readonly to: Place
}

export interface Sigmas {
  /** Of a coordinate on the plane, in its unit. */
  readonly from: number
  /** Of a coordinate in the picture. */
  readonly to: number
}

/** x' = scale · (x - middle): brings coordinates to the size of 1, without which the equations lose digits. */
interface Scaling {
  readonly x: number
  readonly y: number
  readonly scale: number
}

/** Parameters h11 … h32 of plane → picture in scaled coordinates, h33 = 1 at the middle of the points. */
type Parameters = readonly number[]

const STEPS = 20

/** A fitted projection of a plane, with what is known of its error. */
export interface PlaneFit {
  readonly from: Scaling
  readonly to: Scaling
  readonly parameters: Parameters
  /** Columns of the root of the parameters' covariance: eight directions, each one standard deviation long. */
  readonly spread: readonly (readonly number[])[]
  /** What is left at each pair, in the unit of `to`. */
  readonly residuals: readonly Place[]
  /** Root of the mean square distance, in the unit of `to`. */
  readonly rms: number
  /** How much larger the residuals are than the sigmas promise; 1 where there are no spare points to tell. */
  readonly excess: number
}

/**
 * Fits the projection plane → picture to at least four pairs by least squares of weighted distances in the picture
 * (Gauss-Newton from a linear start). Undefined when the pairs do not determine it: three of four in a line.
 */
export function fitPlane(pairs: readonly Pair[], sigmas: Sigmas): PlaneFit | undefined {
  const from = scalingOf(pairs.map((pair) => pair.from))
  const to = scalingOf(pairs.map((pair) => pair.to))
  if (pairs.length < 4 || from === undefined || to === undefined) return undefined
  const scaled = pairs.map((pair) => ({ from: scaled1(pair.from, from), to: scaled1(pair.to, to) }))
  const sigma = { from: sigmas.from * from.scale, to: sigmas.to * to.scale }
  let parameters = linearStart(scaled)
  let normal: number[][] | undefined
  for (let step = 0; step < STEPS && parameters !== undefined; step++) {
    const equations = linearise(scaled, parameters, sigma)
    if (equations === undefined) return undefined
    normal = equations.normal
    const change = solve(normal, equations.right)
    if (change === undefined) return undefined
    parameters = parameters.map((value, i) => value + change[i]!)
    if (Math.max(...change.map(Math.abs)) < 1e-13) break
  }
  if (parameters === undefined || normal === undefined) return undefined
  const known = parameters
  const covariance = inverseOf(normal)
  const spread = covariance && choleskyOf(covariance)
  if (spread === undefined) return undefined
  const leftover = scaled.map((pair) => {
    const seen = project(known, pair.from)
    return { x: (seen.x - pair.to.x) / to.scale, y: (seen.y - pair.to.y) / to.scale }
  })
  const rms = Math.sqrt(mean(leftover.map(({ x, y }) => x * x + y * y)))
  const excess = Math.sqrt(Math.max(1, chiSquare(scaled, known, sigma) / (2 * pairs.length - 8)))
  const scale = pairs.length > 4 ? excess : 1
  return {
    from,
    to,
    parameters: known,
    spread: spread.map((column) => column.map((v) => v * scale)),
    residuals: leftover,
    rms,
    excess: scale,
  }
}

/** Plane → picture. `ahead` is false for points at or behind the plane of the camera. */
export function toPicture(
  fit: PlaneFit,
  place: Place,
  parameters: Parameters = fit.parameters,
): Place & { readonly ahead: boolean } {
  const seen = project(parameters, scaled1(place, fit.from))
  return {
    x: seen.x / fit.to.scale + fit.to.x,
    y: seen.y / fit.to.scale + fit.to.y,
    ahead: seen.w > 1e-9,
  }
}

/** Picture → plane. Undefined at and above the horizon. */
export function toPlane(
  fit: PlaneFit,
  pixel: Place,
  parameters: Parameters = fit.parameters,
): Place | undefined {
  const { x: u, y: v } = scaled1(pixel, fit.to)
  const [a, b, c, d, e, f, g, h] = parameters as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [xx, xy, rx] = [a - u * g, b - u * h, u - c]
  const [yx, yy, ry] = [d - v * g, e - v * h, v - f]
  const det = xx * yy - xy * yx
  if (Math.abs(det) < 1e-12) return undefined
  const x = (rx * yy - xy * ry) / det
  const y = (xx * ry - rx * yx) / det
  if (!(g * x + h * y + 1 > 1e-9)) return undefined
  return { x: x / fit.from.scale + fit.from.x, y: y / fit.from.scale + fit.from.y }
}

/** Plane → picture, row-major, for other tools. */
export function matrixOf(fit: PlaneFit): number[] {
  const [a, b, c, d, e, f, g, h] = fit.parameters as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const s = fit.from.scale
  // (scaling of the picture)⁻¹ · parameters · scaling of the plane
  const rows = [
    [a, b, c],
    [d, e, f],
    [g, h, 1],
  ].map(([p, q, r]) => [p! * s, q! * s, r! - s * (p! * fit.from.x + q! * fit.from.y)])
  const [first, second, last] = rows as [number[], number[], number[]]
  const t = fit.to
  const full = [
    ...first.map((v, i) => v / t.scale + t.x * last[i]!),
    ...second.map((v, i) => v / t.scale + t.y * last[i]!),
    ...last,
  ]
  const norm = full[8]! === 0 ? 1 : full[8]!
  return full.map((v) => v / norm)
}

function scalingOf(places: readonly Place[]): Scaling | undefined {
  const x = mean(places.map((p) => p.x))
  const y = mean(places.map((p) => p.y))
  const size = mean(places.map((p) => Math.hypot(p.x - x, p.y - y)))
  return size > 0 ? { x, y, scale: Math.SQRT2 / size } : undefined
}

function scaled1({ x, y }: Place, by: Scaling): Place {
  return { x: (x - by.x) * by.scale, y: (y - by.y) * by.scale }
}

function project(h: Parameters, { x, y }: Place): Place & { readonly w: number } {
  const w = h[6]! * x + h[7]! * y + 1
  return {
    x: (h[0]! * x + h[1]! * y + h[2]!) / w,
    y: (h[3]! * x + h[4]! * y + h[5]!) / w,
    w,
  }
}

/** Least squares of the equations multiplied out. */
function linearStart(pairs: readonly Pair[]): number[] | undefined {
  const normal = zeros(8)
  const right = new Array<number>(8).fill(0)
  for (const { from, to } of pairs) {
    add(normal, right, {
      row: [from.x, from.y, 1, 0, 0, 0, -to.x * from.x, -to.x * from.y],
      value: to.x,
      weight: 1,
    })
    add(normal, right, {
      row: [0, 0, 0, from.x, from.y, 1, -to.y * from.x, -to.y * from.y],
      value: to.y,
      weight: 1,
    })
  }
  return solve(normal, right)
}

function linearise(pairs: readonly Pair[], h: Parameters, sigma: Sigmas) {
  const normal = zeros(8)
  const right = new Array<number>(8).fill(0)
  for (const { from, to } of pairs) {
    const seen = project(h, from)
    // A point on the wrong side of the horizon: the pairs contradict each other or lie in a line.
    if (!(seen.w > 1e-6)) return undefined
    const { x, y } = from
    const { w } = seen
    const weight = weightsAt(h, seen, sigma)
    add(normal, right, {
      row: [x / w, y / w, 1 / w, 0, 0, 0, (-seen.x * x) / w, (-seen.x * y) / w],
      value: to.x - seen.x,
      weight: weight.x,
    })
    add(normal, right, {
      row: [0, 0, 0, x / w, y / w, 1 / w, (-seen.y * x) / w, (-seen.y * y) / w],
      value: to.y - seen.y,
      weight: weight.y,
    })
  }
  return { normal, right }
}

/** One over the variance of a coordinate in the picture, to which an error on the plane adds. */
function weightsAt(h: Parameters, seen: Place & { w: number }, sigma: Sigmas): Place {
  const slope = (a: number, b: number, value: number) =>
    ((a - value * h[6]!) ** 2 + (b - value * h[7]!) ** 2) / seen.w ** 2
  const own = sigma.to ** 2
  const far = sigma.from ** 2
  return {
    x: 1 / (own + far * slope(h[0]!, h[1]!, seen.x)),
    y: 1 / (own + far * slope(h[3]!, h[4]!, seen.y)),
  }
}

function chiSquare(pairs: readonly Pair[], h: Parameters, sigma: Sigmas): number {
  let sum = 0
  for (const { from, to } of pairs) {
    const seen = project(h, from)
    const weight = weightsAt(h, seen, sigma)
    sum += weight.x * (seen.x - to.x) ** 2 + weight.y * (seen.y - to.y) ** 2
  }
  return sum
}

function add(
  normal: number[][],
  right: number[],
  { row, value, weight }: { row: readonly number[]; value: number; weight: number },
): void {
  for (let i = 0; i < row.length; i++) {
    right[i]! += weight * row[i]! * value
    for (let j = 0; j < row.length; j++) normal[i]![j]! += weight * row[i]! * row[j]!
  }
}

const zeros = (n: number): number[][] =>
  Array.from({ length: n }, () => new Array<number>(n).fill(0))

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}
