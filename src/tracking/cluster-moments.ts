import type { Frame } from '../pipeline/frame.js'

/** Rectangles as columns of numbers, sensor pixels: centre and half sizes. Valid up to `count`. */
export interface Rectangles {
  count: number
  readonly cx: Float64Array
  readonly cy: Float64Array
  readonly halfW: Float64Array
  readonly halfH: Float64Array
}

export function createRectangles(capacity: number): Rectangles {
  const column = () => new Float64Array(capacity)
  return { count: 0, cx: column(), cy: column(), halfW: column(), halfH: column() }
}

/** A rectangle to look into, and those that compete for its events. Its owner reuses it. */
export interface Gate {
  cx: number
  cy: number
  halfW: number
  halfH: number
  readonly rivals: Rectangles
}

/** What a gate holds once the events of its surroundings are taken off. */
export interface Moments {
  /** Pixels with events in the gate, and how many of them the surroundings do not account for. */
  active: number
  mass: number
  /** Centre of these, and their standard deviations, pixels. Where `mass` is 0 they are the gate's centre and 0. */
  cx: number
  cy: number
  sdX: number
  sdY: number
}

export const noMoments = (): Moments => ({ active: 0, mass: 0, cx: 0, cy: 0, sdX: 0, sdY: 0 })

/** Width of the strips around a gate that tell the density of the surroundings, over the gate's half sizes, and at least. */
const STRIP_SHARE = 0.35
const STRIP_PX = 4

/** Memory of `measureGate`, so that it allocates nothing: pixels and events of the four strips, and their densities. */
const stripActive = new Float64Array(4)
const stripPixels = new Float64Array(4)
const densities = new Float64Array(4)

/**
 * Sums over the pixels with events in a gate, less what as many pixels of its surroundings would hold: of the densities
 * in four strips around the gate the mean of the middle two, so that neither a neighbour nor the sensor's edge counts.
 * Without that a gate full of background would only ever find its own centre. Pixels nearer to one of the rivals (in
 * their half sizes) are nobody's here. Runs on one thread at a time; writes `out`.
 */
// hot
export function measureGate(frame: Frame, gate: Gate, out: Moments): void {
  const { planes, width, height } = frame
  const { cx, cy, halfW, halfH, rivals } = gate
  const stripW = Math.max(STRIP_PX, STRIP_SHARE * halfW)
  const stripH = Math.max(STRIP_PX, STRIP_SHARE * halfH)
  const left = Math.max(0, Math.ceil(cx - halfW - stripW - 0.5))
  const right = Math.min(width - 1, Math.floor(cx + halfW + stripW - 0.5))
  const top = Math.max(0, Math.ceil(cy - halfH - stripH - 0.5))
  const bottom = Math.min(height - 1, Math.floor(cy + halfH + stripH - 0.5))
  const pixels = width * height
  const rivalCount = rivals.count
  stripActive.fill(0)
  stripPixels.fill(0)
  let inside = 0
  let active = 0
  let sumX = 0
  let sumY = 0
  let sumXX = 0
  let sumYY = 0
  let gateX = 0
  let gateY = 0
  let gateXX = 0
  let gateYY = 0
  for (let y = top; y <= bottom; y++) {
    const dy = y + 0.5 - cy
    const beyondY = Math.abs(dy) > halfH
    let at = pixels + y * width + left
    for (let x = left; x <= right; x++, at++) {
      const dx = x + 0.5 - cx
      if (rivalCount > 0 && isNearerToRival(dx, dy, gate)) continue
      const lit = (planes[at]! | planes[at + pixels]!) !== 0
      const beyondX = Math.abs(dx) > halfW
      if (beyondX || beyondY) {
        // Corners would let one neighbour into three strips.
        if (beyondX && beyondY) continue
        const strip = beyondY ? (dy < 0 ? 0 : 1) : dx < 0 ? 2 : 3
        stripPixels[strip] = stripPixels[strip]! + 1
        if (lit) stripActive[strip] = stripActive[strip]! + 1
        continue
      }
      inside++
      gateX += dx
      gateY += dy
      gateXX += dx * dx
      gateYY += dy * dy
      if (!lit) continue
      active++
      sumX += dx
      sumY += dy
      sumXX += dx * dx
      sumYY += dy * dy
    }
  }
  const density = surroundings()
  const mass = active - density * inside
  out.active = active
  if (mass < 1) {
    out.mass = Math.max(0, mass)
    out.cx = cx
    out.cy = cy
    out.sdX = 0
    out.sdY = 0
    return
  }
  const meanX = (sumX - density * gateX) / mass
  const meanY = (sumY - density * gateY) / mass
  out.mass = mass
  // With little mass the quotient is noise: no mean lies outside of the gate.
  out.cx = cx + Math.max(-halfW, Math.min(halfW, meanX))
  out.cy = cy + Math.max(-halfH, Math.min(halfH, meanY))
  out.sdX = Math.sqrt(Math.max(0, (sumXX - density * gateXX) / mass - meanX * meanX))
  out.sdY = Math.sqrt(Math.max(0, (sumYY - density * gateYY) / mass - meanY * meanY))
}

/** Mean of the middle two of the strips' densities; of fewer strips the lower middle. */
// hot
function surroundings(): number {
  let count = 0
  for (let strip = 0; strip < 4; strip++) {
    if (stripPixels[strip] === 0) continue
    const density = stripActive[strip]! / stripPixels[strip]!
    let slot = count++
    for (; slot > 0 && densities[slot - 1]! > density; slot--)
      densities[slot] = densities[slot - 1]!
    densities[slot] = density
  }
  if (count === 0) return 0
  if (count === 4) return (densities[1]! + densities[2]!) / 2
  return densities[(count - 1) >> 1]!
}

// hot
function isNearerToRival(dx: number, dy: number, gate: Gate): boolean {
  const { rivals } = gate
  const own = Math.max(Math.abs(dx) / gate.halfW, Math.abs(dy) / gate.halfH)
  const x = dx + gate.cx
  const y = dy + gate.cy
  for (let i = 0; i < rivals.count; i++) {
    const far = Math.max(
      Math.abs(x - rivals.cx[i]!) / rivals.halfW[i]!,
      Math.abs(y - rivals.cy[i]!) / rivals.halfH[i]!,
    )
    if (far <= 1 && far < own) return true
  }
  return false
}
