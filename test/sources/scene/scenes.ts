import { createHash } from 'node:crypto'
import {
  composeScene,
  type SceneSketch,
  type ThingSketch,
} from '../../../src/sources/scene/compose.js'
import { createScene, type Scene } from '../../../src/sources/scene/scene.js'

/** Pixels without any imperfection: what they do follows from the picture alone. */
export const IDEAL = {
  onThreshold: 0.2,
  offThreshold: 0.2,
  mismatch: 0,
  refractoryUs: 0,
  leakHz: 0,
  shotNoiseHz: 0,
  hotPixels: 0,
  readoutPerSecond: 0,
}

export const NO_DARK = { dark: 0 }

/** A small sensor with ideal pixels in front of an even gray wall. */
export function plainScene(sketch: Partial<SceneSketch> = {}): SceneSketch {
  return {
    name: 'test',
    seed: 1,
    size: { width: 120, height: 80 },
    pixel: IDEAL,
    light: NO_DARK,
    background: { kind: 'plain', brightness: 0.1 },
    things: [],
    ...sketch,
  }
}

export function scene(sketch: Partial<SceneSketch> = {}): Scene {
  return createScene(composeScene(plainScene(sketch)))
}

export function brightBox(over: Partial<ThingSketch> = {}): ThingSketch {
  return {
    id: 1,
    shape: { kind: 'box', seed: 3 },
    width: 20,
    height: 30,
    texture: { kind: 'plain', brightness: 0.8 },
    path: { kind: 'line', x: 30, y: 40, vx: 50, vy: 0, edge: 'bounce' },
    ...over,
  }
}

export interface Seen {
  readonly t: number[]
  readonly x: number[]
  readonly y: number[]
  readonly on: number[]
}

/** All events before `untilUs` that were not taken yet. */
export function watch(from: Scene, untilUs: number): Seen {
  const seen: Seen = { t: [], x: [], y: [], on: [] }
  from.advance(untilUs, (batch) => {
    for (let i = 0; i < batch.length; i++) {
      seen.t.push(batch.t0Us + batch.dtUs[i]!)
      seen.x.push(batch.x[i]!)
      seen.y.push(batch.y[i]!)
      seen.on.push(batch.on[i]!)
    }
  })
  return seen
}

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** Bounds and count of the pixels of the current picture that satisfy `inside`. */
export function maskOf(from: Scene, inside: (intensity: number) => boolean) {
  const { width, height } = from.size
  const picture = from.image()
  const mask = { x0: width, y0: height, x1: 0, y1: 0, count: 0 }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(picture[y * width + x]! / 65472)) continue
      mask.x0 = Math.min(mask.x0, x)
      mask.y0 = Math.min(mask.y0, y)
      mask.x1 = Math.max(mask.x1, x + 1)
      mask.y1 = Math.max(mask.y1, y + 1)
      mask.count++
    }
  }
  return mask
}

/** A fingerprint, as comparing long arrays element by element takes a test library minutes. */
export function digest(values: ArrayLike<number>): string {
  return createHash('sha256').update(Float64Array.from(values)).digest('hex')
}
