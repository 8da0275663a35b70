import { type Box, center, type Size } from '../events/geometry.js'

/** Where a target is and how it moves: a box in sensor pixels (not clamped), velocity in pixels per second. */
export interface Motion {
  readonly box: Box
  readonly vx: number
  readonly vy: number
}

export interface MotionConfig {
  readonly positionGain: number
  readonly velocityGain: number
  readonly sizeGain: number
  readonly sizeStep: number
  readonly sizeRange: number
  readonly minBoxPx: number
  readonly maxSpeed: number
  readonly coastMs: number
}

/** Share of its velocity that a target without any trust loses a window: events fade because it slows down. */
const DOUBT_BRAKE = 0.2

/** The box moved on by its velocity; `coasting` lets the velocity fade, since nobody sees whether it still holds. */
export function predict(
  motion: Motion,
  dtUs: number,
  options: { coasting: boolean; coastMs: number },
): Motion {
  // The way of a fading velocity is bounded by velocity * coastMs, in small steps and in one long gap alike.
  const fade = options.coasting ? 1 / (1 + dtUs / (options.coastMs * 1000)) : 1
  const dt = (dtUs / 1e6) * fade
  const { box, vx, vy } = motion
  return {
    box: { ...box, x: box.x + vx * dt, y: box.y + vy * dt },
    vx: vx * fade,
    vy: vy * fade,
  }
}

/**
 * Takes a measured box over into a predicted motion: an alpha-beta filter on the centre, a smoothed and bounded size,
 * because trackers of this kind fail by drifting in size before they fail to see.
 */
export function correct(
  predicted: Motion,
  measured: Box,
  options: {
    readonly dtUs: number
    /** 0..1: how far to follow the measurement. What has few events is nearly still, and is badly seen. */
    readonly trust?: number
    /** Size when the template was taken. */
    readonly reference: { readonly w: number; readonly h: number }
    readonly config: MotionConfig
  },
): Motion {
  const { dtUs, reference, config, trust = 1 } = options
  const from = center(predicted.box)
  const to = center(measured)
  const dx = to.x - from.x
  const dy = to.y - from.y
  const rate = dtUs > 0 ? (trust * config.velocityGain) / (dtUs / 1e6) : 0
  const gain = trust * config.sizeGain
  const w = nextSize(predicted.box.w, measured.w, { gain, reference: reference.w, config })
  const h = nextSize(predicted.box.h, measured.h, { gain, reference: reference.h, config })
  const cx = from.x + trust * config.positionGain * dx
  const cy = from.y + trust * config.positionGain * dy
  const kept = 1 - DOUBT_BRAKE * (1 - trust)
  const vx = kept * predicted.vx + rate * dx
  const vy = kept * predicted.vy + rate * dy
  return { box: { x: cx - w / 2, y: cy - h / 2, w, h }, ...limitSpeed(vx, vy, config.maxSpeed) }
}

function nextSize(
  now: number,
  measured: number,
  { gain, reference, config }: { gain: number; reference: number; config: MotionConfig },
): number {
  const step = Math.min(Math.max(measured, now / config.sizeStep), now * config.sizeStep)
  const size = now + gain * (step - now)
  const low = Math.max(config.minBoxPx, reference / config.sizeRange)
  return Math.max(low, Math.min(size, reference * config.sizeRange))
}

function limitSpeed(vx: number, vy: number, max: number): { vx: number; vy: number } {
  const speed = Math.sqrt(vx * vx + vy * vy)
  const scale = speed > max ? max / speed : 1
  return { vx: vx * scale, vy: vy * scale }
}

/** At an edge, in pixels. */
const EDGE_PX = 3
/** A target whose centre would cross the edge within this time is on its way out. */
const LEAVING_S = 0.5

/** At an edge and so fast that half of what is in sight will soon be outside. */
export function isLeaving({ box, vx, vy }: Motion, size: Size): boolean {
  const out = (gap: number, half: number, speed: number) =>
    gap < EDGE_PX && speed > 0 && gap + half < speed * LEAVING_S
  return (
    out(box.x, box.w / 2, -vx) ||
    out(box.y, box.h / 2, -vy) ||
    out(size.width - box.x - box.w, box.w / 2, vx) ||
    out(size.height - box.y - box.h, box.h / 2, vy)
  )
}

/** The box grown about its centre. */
export function inflate(box: Box, factor: number, extra = 0): Box {
  const w = box.w * factor + 2 * extra
  const h = box.h * factor + 2 * extra
  return { x: box.x + (box.w - w) / 2, y: box.y + (box.h - h) / 2, w, h }
}
