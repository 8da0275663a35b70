import { EvtrackError } from '../../events/errors.js'
import { composeScene, type SceneSketch, type ThingSketch } from './compose.js'
import { SIZE_DEFAULTS } from './defaults.js'
import { createRng, deriveSeed, type Rng } from './rng.js'
import type { SceneConfig } from './schema.js'
import { type BodyKind, drawBody, drawPath, drawTexture, type PathKind } from './sketch.js'

/** Scenes by name, one difficulty each; the seed chooses looks and ways. `demo` is the one to show. */
export const SCENE_NAMES = [
  'demo',
  'clean',
  'clutter',
  'distractor',
  'occlusion',
  'ego-motion',
  'scale',
  'fast',
  'stop-and-go',
  'low-light',
  'high-rate',
] as const
export type SceneName = (typeof SCENE_NAMES)[number]

/** Scenes without a target. `covered`: a lens in the dark, so that nothing is left but what the sensor makes itself. */
export const EMPTY_SCENE_NAMES = ['covered'] as const
const KNOWN = [...SCENE_NAMES, ...EMPTY_SCENE_NAMES] as const

type Body = Omit<SceneSketch, 'name' | 'seed'>

/** Throws CONFIG_INVALID for a name that is none of SCENE_NAMES and EMPTY_SCENE_NAMES. */
export function sceneByName(name: string, seed = 1): SceneConfig {
  const known = KNOWN.find((entry) => entry === name)
  if (!known) {
    throw new EvtrackError('CONFIG_INVALID', `There is no scene "${name}".`, {
      next: `Choose one of ${KNOWN.join(', ')}.`,
      data: { name },
    })
  }
  const rng = createRng(deriveSeed(seed, `scene ${known}`))
  return composeScene({ name: known, seed, ...BUILD[known](rng) })
}

const { width: W, height: H } = SIZE_DEFAULTS

/** A target of `sizePx` on a way of one kind. Looks stand out from the background unless `texture` says otherwise. */
function target(
  rng: Rng,
  id: number,
  of: { sizePx: number; path: PathKind; speed: number; bodies?: readonly BodyKind[] },
): ThingSketch {
  return {
    id,
    ...drawBody(rng, of.sizePx, of.bodies),
    texture: {
      ...drawTexture(rng, of.sizePx),
      contrast: rng.range(0.5, 0.8),
      brightness: rng.chance(0.5) ? rng.range(0.08, 0.15) : rng.range(0.7, 0.9),
    },
    path: drawPath(rng, SIZE_DEFAULTS, { kind: of.path, speed: of.speed }),
    spin: { swing: rng.range(0, 0.1), swingMs: rng.range(1000, 3000) },
  }
}

const calmWall = (rng: Rng): SceneSketch['background'] => ({
  kind: rng.pick(['flat', 'fractal'] as const),
  seed: rng.int(1e9),
  featurePx: 40,
  contrast: 0.25,
  brightness: 0.35,
})

const busyWall = (rng: Rng): SceneSketch['background'] => ({
  kind: rng.pick(['leaves', 'glyphs', 'checks'] as const),
  seed: rng.int(1e9),
  featurePx: rng.range(8, 16),
  contrast: rng.range(0.4, 0.6),
  brightness: 0.35,
})

const BUILD: Record<(typeof KNOWN)[number], (rng: Rng) => Body> = {
  covered: () => ({
    background: { kind: 'flat', contrast: 0, brightness: 0.02 },
    pixel: { leakHz: 0.05, shotNoiseHz: 0.1, hotPixels: 40, hotPixelHz: 150 },
    things: [],
  }),
  demo: (rng) => ({
    background: {
      kind: 'flat',
      seed: rng.int(1e9),
      featurePx: 30,
      contrast: 0.35,
      brightness: 0.35,
    },
    things: [
      {
        ...target(rng, 1, { sizePx: 62, path: 'line', speed: 1, bodies: ['car'] }),
        path: {
          kind: 'stops',
          points: [
            { x: 290, y: 205, moveMs: 3800, stopMs: 1500 },
            { x: 60, y: 205, moveMs: 3800, stopMs: 400 },
          ],
        },
        spin: {},
      },
      {
        ...target(rng, 2, { sizePx: 52, path: 'line', speed: 1, bodies: ['person'] }),
        path: { kind: 'line', x: 250, y: 150, vx: -42, vy: 0, edge: 'bounce' },
        depth: -1,
      },
      {
        ...target(rng, 3, { sizePx: 44, path: 'line', speed: 1, bodies: ['polygon', 'blob'] }),
        path: {
          kind: 'sway',
          x: 170,
          y: 65,
          ax: 115,
          ay: 28,
          periodXMs: 6200,
          periodYMs: 4100,
          phaseX: 0,
          phaseY: 1,
        },
        spin: { perSecond: 0.4 },
      },
    ],
  }),
  clean: (rng) => ({
    background: calmWall(rng),
    things: [
      target(rng, 1, { sizePx: rng.range(35, 60), path: 'curve', speed: rng.range(60, 140) }),
    ],
  }),
  clutter: (rng) => ({
    background: busyWall(rng),
    camera: { shakePx: 1.2, shakeHz: 2 },
    things: [
      target(rng, 1, { sizePx: rng.range(35, 60), path: 'curve', speed: rng.range(60, 140) }),
    ],
  }),
  distractor: (rng) => {
    const one = target(rng, 1, { sizePx: rng.range(30, 50), path: 'curve', speed: 90 })
    const twin = (id: number): ThingSketch => ({
      ...one,
      id,
      role: 'distractor',
      depth: -1,
      texture: { ...one.texture, seed: rng.int(1e9) },
      path: drawPath(rng, SIZE_DEFAULTS, { kind: 'curve', speed: 90 }),
    })
    return { background: calmWall(rng), things: [one, twin(50), twin(51)] }
  },
  occlusion: (rng) => ({
    background: calmWall(rng),
    things: [
      {
        ...target(rng, 1, { sizePx: rng.range(35, 55), path: 'line', speed: 1 }),
        path: {
          kind: 'sway',
          x: W / 2,
          y: H / 2,
          ax: 125,
          ay: 40,
          periodXMs: rng.range(5000, 7000),
          periodYMs: rng.range(3000, 5000),
          phaseX: rng.range(0, 6),
          phaseY: rng.range(0, 6),
        },
      },
      {
        id: 100,
        role: 'occluder',
        depth: 10,
        shape: { kind: rng.pick(['box', 'bars'] as const), seed: rng.int(1e9) },
        width: rng.range(40, 75),
        height: H * 1.3,
        texture: drawTexture(rng, 60, ['fractal', 'flat']),
        path: { kind: 'still', x: W * rng.range(0.4, 0.6), y: H / 2 },
      },
    ],
  }),
  'ego-motion': (rng) => ({
    background: busyWall(rng),
    camera: {
      vx: rng.range(30, 90) * (rng.chance(0.5) ? 1 : -1),
      vy: rng.range(-15, 15),
      shakePx: rng.range(1, 4),
      shakeHz: rng.range(1, 3),
      roll: 0.05,
      zoom: 0.05,
    },
    things: [
      target(rng, 1, { sizePx: rng.range(40, 65), path: 'curve', speed: rng.range(40, 100) }),
    ],
  }),
  scale: (rng) => ({
    background: calmWall(rng),
    things: [
      {
        ...target(rng, 1, { sizePx: rng.range(40, 50), path: 'curve', speed: 60 }),
        scale: { amplitude: 0.7, periodMs: rng.range(4000, 6000), phase: rng.range(0, 6) },
      },
    ],
  }),
  fast: (rng) => ({
    background: calmWall(rng),
    things: [
      target(rng, 1, { sizePx: rng.range(25, 45), path: 'bounce', speed: rng.range(700, 1500) }),
    ],
  }),
  'stop-and-go': (rng) => ({
    background: calmWall(rng),
    things: [target(rng, 1, { sizePx: rng.range(35, 60), path: 'stops', speed: 150 })],
  }),
  'low-light': (rng) => ({
    background: calmWall(rng),
    light: { illumination: 0.03 },
    pixel: { shotNoiseHz: 5, leakHz: 0.3, hotPixels: 40, hotPixelHz: 300 },
    things: [
      target(rng, 1, { sizePx: rng.range(40, 60), path: 'curve', speed: rng.range(60, 140) }),
    ],
  }),
  'high-rate': (rng) => ({
    background: { ...busyWall(rng), featurePx: 9, contrast: 0.7 },
    camera: { vx: 45, vy: 15, shakePx: 1.5, shakeHz: 2 },
    pixel: { onThreshold: 0.14, offThreshold: 0.14, refractoryUs: 50, shotNoiseHz: 5 },
    things: [
      target(rng, 1, { sizePx: rng.range(50, 70), path: 'curve', speed: rng.range(100, 200) }),
      target(rng, 2, { sizePx: rng.range(40, 60), path: 'bounce', speed: rng.range(200, 400) }),
    ],
  }),
}
