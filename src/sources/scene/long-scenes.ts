import { composeScene, type SceneSketch, type ThingSketch } from './compose.js'
import { SIZE_DEFAULTS } from './defaults.js'
import { createRng, deriveSeed, type Rng } from './rng.js'
import type { PathConfig, SceneConfig } from './schema.js'
import { type BodyKind, drawBody, drawTexture } from './sketch.js'

/**
 * Long scenes, one question each, whether a target that is not seen for a while is still the same afterwards:
 * `long-stop` stands for 5 s, `long-hidden` passes behind something for 1 s, `long-return` leaves and comes back.
 */
export const LONG_SCENES = ['long-stop', 'long-hidden', 'long-return'] as const
export type LongScene = (typeof LONG_SCENES)[number]

/** What stands must not swing its limbs. */
const STIFF: readonly BodyKind[] = ['ellipse', 'box', 'polygon', 'blob']

const { width: W, height: H } = SIZE_DEFAULTS
/** Pixels per second: a person at some metres, a car at some tens. */
const SPEED = 90
const STOP_MS = 5000
const HIDDEN_MS = 1000
/** Stands out there; on its way there and back it is out of view as well. */
const AWAY_MS = 500

export function longScene(name: LongScene, seed: number): SceneConfig {
  const rng = createRng(deriveSeed(seed, `scene ${name}`))
  return composeScene({ name, seed, ...BUILD[name](rng) })
}

function target(rng: Rng, path: PathConfig): ThingSketch {
  const sizePx = rng.range(38, 52)
  return {
    id: 1,
    ...drawBody(rng, sizePx, STIFF),
    texture: { ...drawTexture(rng, sizePx), contrast: rng.range(0.5, 0.8) },
    path,
  }
}

const wall = (rng: Rng): SceneSketch['background'] => ({
  kind: 'fractal',
  seed: rng.int(1e9),
  featurePx: 40,
  contrast: 0.25,
  brightness: 0.35,
})

/** To and fro between two places; the ways take as long as SPEED needs for them. */
function between(
  from: { x: number; stopMs: number },
  to: { x: number; stopMs: number },
  y: number,
): PathConfig {
  const moveMs = (1000 * Math.abs(to.x - from.x)) / SPEED
  return {
    kind: 'stops',
    points: [
      { x: to.x, y, moveMs, stopMs: to.stopMs },
      { x: from.x, y, moveMs, stopMs: from.stopMs },
    ],
  }
}

const BUILD: Record<LongScene, (rng: Rng) => Omit<SceneSketch, 'name' | 'seed'>> = {
  'long-stop': (rng) => {
    const y = H * rng.range(0.35, 0.65)
    return {
      background: wall(rng),
      things: [target(rng, between({ x: 70, stopMs: 0 }, { x: W - 80, stopMs: STOP_MS }, y))],
    }
  },
  'long-hidden': (rng) => {
    const y = H * rng.range(0.35, 0.65)
    // Away from the screen at first, so that there is time to be seen.
    const thing = target(rng, { kind: 'line', x: 60, y, vx: -SPEED, vy: 0, edge: 'bounce' })
    // Wholly hidden for as long as the screen is wider than the target, at its speed.
    const width = thing.width + (SPEED * HIDDEN_MS) / 1000
    return {
      background: wall(rng),
      things: [
        thing,
        {
          id: 100,
          role: 'occluder',
          depth: 10,
          shape: { kind: 'box', seed: rng.int(1e9) },
          width,
          height: H * 1.3,
          texture: drawTexture(rng, width, ['fractal', 'flat']),
          path: { kind: 'still', x: W / 2, y: H / 2 },
        },
      ],
    }
  },
  'long-return': (rng) => {
    const y = H * rng.range(0.35, 0.65)
    return {
      background: wall(rng),
      things: [target(rng, between({ x: W * 0.35, stopMs: 0 }, { x: W + 60, stopMs: AWAY_MS }, y))],
    }
  },
}
