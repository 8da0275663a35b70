import type { Size } from '../../events/geometry.js'
import type { TextureSketch, ThingSketch } from './compose.js'
import type { Rng } from './rng.js'
import type { PathConfig, ShapeConfig, TextureConfig } from './schema.js'

/** Draws the pieces of which named and random scenes are put together. */

const FULL_TURN = 2 * Math.PI

export type PatternKind = Exclude<TextureConfig['kind'], 'plain' | 'picture'>
export const PATTERNS: readonly PatternKind[] = [
  'leaves',
  'fractal',
  'stripes',
  'checks',
  'flat',
  'glyphs',
]

/** Any procedural texture with details that suit a surface `acrossPx` wide. */
export function drawTexture(
  rng: Rng,
  acrossPx: number,
  kinds: readonly PatternKind[] = PATTERNS,
): TextureSketch {
  return {
    kind: rng.pick(kinds),
    seed: rng.int(1e9),
    featurePx: Math.max(3, acrossPx * rng.logRange(0.06, 0.3)),
    contrast: rng.logRange(0.25, 0.9),
    brightness: rng.logRange(0.08, 0.9),
  }
}

export type BodyKind = Exclude<ShapeConfig['kind'], 'bars' | 'cutout'>
export const BODIES: readonly BodyKind[] = ['ellipse', 'box', 'polygon', 'blob', 'car', 'person']

/** A silhouette whose box has about `sizePx`² pixels, in proportions that suit its kind. */
export function drawBody(
  rng: Rng,
  sizePx: number,
  kinds: readonly BodyKind[] = BODIES,
): Pick<ThingSketch, 'shape' | 'width' | 'height'> {
  const kind = rng.pick(kinds)
  const shape = { kind, seed: rng.int(1e9), gaitMs: rng.range(600, 1400) }
  if (kind === 'person') {
    // The walking box is about half as wide as high; the height carries the size.
    const height = sizePx * rng.range(1.3, 1.6)
    return { shape, height, width: height * rng.range(0.3, 0.5) }
  }
  const aspect = kind === 'car' ? rng.range(1.9, 2.8) : rng.logRange(0.55, 1.8)
  return { shape, width: sizePx * Math.sqrt(aspect), height: sizePx / Math.sqrt(aspect) }
}

export type PathKind = 'line' | 'bounce' | 'sway' | 'curve' | 'stops'

/**
 * A path of one kind that goes at about `speed` px/s and keeps the centre mostly on the sensor; 'line' leaves it and
 * comes back on the other side.
 */
export function drawPath(
  rng: Rng,
  size: Size,
  { kind, speed }: { kind: PathKind; speed: number },
): PathConfig {
  const x = () => size.width * rng.range(0.15, 0.85)
  const y = () => size.height * rng.range(0.18, 0.82)
  switch (kind) {
    case 'line':
    case 'bounce': {
      const angle = rng.range(0, FULL_TURN)
      const vx = speed * Math.cos(angle)
      const vy = speed * Math.sin(angle)
      const edge = kind === 'line' ? 'reenter' : 'bounce'
      return { kind: 'line', x: x(), y: y(), vx, vy, edge }
    }
    case 'sway': {
      const ax = size.width * rng.range(0.05, 0.4)
      const ay = size.height * rng.range(0.05, 0.4)
      const lapMs = (1000 * FULL_TURN * Math.hypot(ax, ay)) / (1.4 * speed)
      return {
        kind: 'sway',
        x: size.width / 2 + (rng.next() - 0.5) * (size.width - 2 * ax) * 0.7,
        y: size.height / 2 + (rng.next() - 0.5) * (size.height - 2 * ay) * 0.7,
        ax,
        ay,
        periodXMs: lapMs * rng.range(0.8, 1.2),
        periodYMs: lapMs * rng.range(0.8, 1.2),
        phaseX: rng.range(0, FULL_TURN),
        phaseY: rng.range(0, FULL_TURN),
      }
    }
    case 'curve': {
      const points = Array.from({ length: 4 + rng.int(3) }, () => ({ x: x(), y: y() }))
      return { kind: 'curve', points, periodMs: (1100 * lapLength(points)) / speed }
    }
    case 'stops': {
      const corners = Array.from({ length: 3 + rng.int(3) }, () => ({ x: x(), y: y() }))
      const points = corners.map((to, i) => {
        const from = corners[(i + corners.length - 1) % corners.length]!
        const way = Math.hypot(to.x - from.x, to.y - from.y)
        return {
          ...to,
          moveMs: Math.max(150, (1400 * way) / speed),
          stopMs: rng.chance(0.7) ? rng.logRange(200, 3000) : 0,
        }
      })
      return { kind: 'stops', points }
    }
  }
}

function lapLength(points: readonly { x: number; y: number }[]): number {
  let length = 0
  let from = points[points.length - 1]!
  for (const to of points) {
    length += Math.hypot(to.x - from.x, to.y - from.y)
    from = to
  }
  return Math.max(1, length)
}
