import type { Size } from '../../events/geometry.js'
import { composeScene, type SceneSketch, type TextureSketch, type ThingSketch } from './compose.js'
import { SIZE_DEFAULTS } from './defaults.js'
import { createRng, deriveSeed, type Rng } from './rng.js'
import type { SceneConfig } from './schema.js'
import { drawBody, drawPath, drawTexture, type PathKind } from './sketch.js'

/** Scenes drawn at random over everything the simulator can do: what a tracker should be trained and tried on. */
export interface RandomSceneOptions {
  readonly size?: Size
  /** Pictures that may serve as backgrounds, by the name under which createScene gets them. */
  readonly backgrounds?: readonly string[]
  /** Cut-out objects that may serve as targets, with the size of the picture. */
  readonly cutouts?: readonly {
    readonly name: string
    readonly width: number
    readonly height: number
  }[]
  /** Share of backgrounds and targets taken from pictures where there are any. */
  readonly pictureShare?: number
  readonly targets?: { readonly min: number; readonly max: number }
  /** Rendering effort; coarser than for a demo where not given, as nothing watches the order within a millisecond. */
  readonly step?: SceneConfig['step']
}

type Sketch<Key extends keyof SceneSketch> = NonNullable<SceneSketch[Key]>

const TRAINING_STEP = { maxUs: 2000, minUs: 200, maxMovePx: 1 }

interface Draw {
  readonly rng: Rng
  readonly size: Size
  readonly options: RandomSceneOptions
  /** The camera moves. */
  readonly ego: boolean
}

/** The same seed and options give the same scene. */
export function randomScene(seed: number, options: RandomSceneOptions = {}): SceneConfig {
  const rng = createRng(deriveSeed(seed, 'random-scene'))
  const size = options.size ?? SIZE_DEFAULTS
  const camera = drawCamera(rng)
  const draw: Draw = { rng, size, options, ego: camera !== undefined }
  const { min, max } = options.targets ?? { min: 1, max: 3 }
  const targets = Array.from({ length: min + rng.int(max - min + 1) }, (_, i) =>
    drawMover(draw, i + 1),
  )
  return composeScene({
    name: `random-${seed}`,
    seed,
    size,
    step: options.step ?? TRAINING_STEP,
    pixel: drawPixel(rng),
    light: drawLight(rng),
    background: drawBackground(draw),
    camera: camera ?? {},
    things: [
      ...targets,
      ...drawDistractors(draw, targets),
      ...drawOccluders(draw, 100 + targets.length),
    ],
  })
}

function drawCamera(rng: Rng): Sketch<'camera'> | undefined {
  const kind = rng.next()
  if (kind < 0.33) return undefined
  const shake = {
    shakePx: rng.logRange(0.5, 12),
    shakeHz: rng.logRange(0.5, 8),
  }
  if (kind < 0.5) return shake
  const angle = rng.range(0, 2 * Math.PI)
  const speed = rng.logRange(5, 300)
  const pan = { vx: speed * Math.cos(angle), vy: 0.5 * speed * Math.sin(angle) }
  if (kind < 0.75) return pan
  return {
    ...pan,
    ...(rng.chance(0.6) && shake),
    roll: rng.chance(0.6) ? rng.range(0.01, 0.25) : 0,
    zoom: rng.chance(0.6) ? rng.range(0.02, 0.3) : 0,
    swayMs: rng.logRange(1500, 8000),
  }
}

function drawPixel(rng: Rng): Sketch<'pixel'> {
  const onThreshold = rng.range(0.12, 0.42)
  return {
    onThreshold,
    offThreshold: onThreshold * Math.exp(0.15 * rng.normal()),
    mismatch: rng.range(0.02, 0.08),
    refractoryUs: Math.round(rng.logRange(20, 1500)),
    leakHz: rng.logRange(0.02, 0.5),
    shotNoiseHz: rng.chance(0.8) ? rng.logRange(0.05, 2) : rng.logRange(2, 20),
    hotPixels: rng.int(40),
    hotPixelHz: rng.logRange(30, 2000),
  }
}

function drawLight(rng: Rng): Sketch<'light'> {
  return {
    illumination: rng.chance(0.3) ? rng.logRange(0.02, 1) : 1,
    ...(rng.chance(0.1) && {
      flickerHz: rng.pick([100, 120]),
      flickerDepth: rng.range(0.01, 0.1),
    }),
  }
}

function drawBackground({ rng, size, options }: Draw): TextureSketch {
  const tone = { contrast: rng.logRange(0.15, 0.8), brightness: rng.logRange(0.1, 0.8) }
  const names = options.backgrounds ?? []
  if (names.length > 0 && rng.chance(options.pictureShare ?? 0.7)) {
    return { kind: 'picture', picture: rng.pick(names), ...tone }
  }
  if (rng.chance(0.08)) return { kind: 'plain', brightness: tone.brightness }
  return { ...drawTexture(rng, size.width * rng.range(0.2, 0.6)), ...tone }
}

/** A target or something that could be one. */
function drawMover(draw: Draw, id: number): ThingSketch {
  const { rng, size, ego } = draw
  const sizePx = rng.logRange(10, Math.min(150, size.height * 0.6))
  const look = drawLook(draw, sizePx)
  const steady = look.shape.kind === 'person' || look.shape.kind === 'car'
  return {
    id,
    ...look,
    edgePx: rng.range(0.8, 2),
    path: drawRoute(draw),
    // What the camera follows stays on the sensor; the rest goes with the world.
    anchor: ego && rng.chance(0.5) ? 'world' : 'sensor',
    spin: {
      angle: steady ? rng.range(-0.1, 0.1) : rng.range(-0.4, 0.4),
      perSecond: !steady && rng.chance(0.25) ? rng.range(-4, 4) : 0,
      swing: rng.chance(0.4) ? rng.range(0.02, 0.3) : 0,
      swingMs: rng.logRange(400, 4000),
      phase: rng.range(0, 2 * Math.PI),
    },
    scale: {
      amplitude: rng.chance(0.6) ? rng.range(0.05, 0.45) : 0,
      periodMs: rng.logRange(1500, 8000),
      phase: rng.range(0, 2 * Math.PI),
    },
  }
}

function drawLook(
  draw: Draw,
  sizePx: number,
): Pick<ThingSketch, 'shape' | 'width' | 'height' | 'texture'> {
  const { rng, options } = draw
  const texture = drawTexture(rng, sizePx)
  const cutouts = options.cutouts ?? []
  if (cutouts.length > 0 && rng.chance(options.pictureShare ?? 0.7)) {
    const cutout = rng.pick(cutouts)
    const scale = sizePx / Math.sqrt(cutout.width * cutout.height)
    return {
      shape: { kind: 'cutout', picture: cutout.name },
      width: Math.max(4, cutout.width * scale),
      height: Math.max(4, cutout.height * scale),
      texture,
    }
  }
  return { ...drawBody(rng, sizePx), texture }
}

const ROUTES: readonly PathKind[] = ['line', 'bounce', 'sway', 'curve', 'curve', 'stops', 'stops']

function drawRoute({ rng, size }: Draw): ThingSketch['path'] {
  const speed = rng.chance(0.88) ? rng.logRange(8, 500) : rng.logRange(500, 2000)
  return drawPath(rng, size, { kind: rng.pick(ROUTES), speed })
}

/** Twins of a target on their own ways, or other things that move. */
function drawDistractors(draw: Draw, targets: readonly ThingSketch[]): ThingSketch[] {
  const { rng } = draw
  if (!rng.chance(0.5)) return []
  return Array.from({ length: 1 + rng.int(3) }, (_, i) => {
    const own = { ...drawMover(draw, 50 + i), role: 'distractor' as const, depth: rng.range(-1, 1) }
    if (rng.chance(0.35)) return own
    const twin = rng.pick(targets)
    return {
      ...own,
      shape: twin.shape,
      width: twin.width,
      height: twin.height,
      // Half of the twins differ in detail, half only in place.
      texture: rng.chance(0.5) ? twin.texture : { ...twin.texture, seed: rng.int(1e9) },
      spin: twin.spin ?? {},
    }
  })
}

function drawOccluders(draw: Draw, firstId: number): ThingSketch[] {
  const { rng, size, ego } = draw
  if (!rng.chance(0.5)) return []
  return Array.from({ length: 1 + rng.int(3) }, (_, i) => {
    const tall = rng.chance(0.6)
    const width = size.width * rng.logRange(0.03, 0.25)
    return {
      id: firstId + i,
      role: 'occluder' as const,
      depth: 10,
      shape: { kind: tall && rng.chance(0.4) ? 'bars' : 'box', seed: rng.int(1e9) } as const,
      width,
      height: tall ? size.height * 1.3 : size.height * rng.logRange(0.05, 0.4),
      texture: drawTexture(rng, width),
      path: {
        kind: 'still' as const,
        x: size.width * rng.range(0.1, 0.9),
        y: tall ? size.height / 2 : size.height * rng.range(0.1, 0.9),
      },
      anchor: ego && rng.chance(0.8) ? ('world' as const) : ('sensor' as const),
    }
  })
}
