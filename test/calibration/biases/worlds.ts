import type { Stimulus } from '../../../src/davis346/emulator/stimulus.js'
import { DEFAULT_RESPONSE, type PixelResponse } from '../../../src/davis346/pixel-response.js'
import { createBatch } from '../../../src/events/batch.js'
import { createRng } from '../../../src/sources/scene/rng.js'
import { createScene } from '../../../src/sources/scene/scene.js'
import { parseScene } from '../../../src/sources/scene/schema.js'
import { sceneStimulus } from '../../../src/sources/scene-stimulus.js'

/** A thirteenth of the camera's area, and of its rates. */
export const SENSOR = { width: 96, height: 72 }
export const BAND = { minPerSecond: 8000, maxPerSecond: 80_000 }

type World = Required<Pick<Stimulus, 'next' | 'bias'>>

/**
 * Three things that sway before a wall, seen by pixels with mismatch, noise and hot pixels. `gains` multiply the ON
 * and OFF thresholds: a camera whose transistors are not those of the formula.
 */
export function smallWorld(of: {
  readonly seed: number
  readonly shotHz?: number
  readonly gains?: readonly [on: number, off: number]
  readonly covered?: boolean
}): { stimulus: World; shotHz: number; leakHz: number } {
  const { seed, shotHz = 0.1, gains = [1, 1], covered = false } = of
  const leakHz = 0.01
  const texture = (own: number) => ({
    kind: 'leaves' as const,
    seed: own,
    featurePx: 8,
    contrast: 0.5,
    brightness: 0.5,
  })
  const sway = (i: number) => ({
    kind: 'sway' as const,
    x: 48,
    y: 14 + 20 * i,
    ax: 30,
    ay: 8,
    periodXMs: 2600 + 700 * i,
    periodYMs: 1700,
  })
  const config = parseScene({
    seed,
    size: SENSOR,
    background: { ...texture(seed), featurePx: 12, contrast: 0.4 },
    // The scene's dark pixels have more shot noise than its bright ones: this is about the mean.
    pixel: { leakHz, shotNoiseHz: 1.5 * shotHz, hotPixels: 4, hotPixelHz: 150 },
    things: [0, 1, 2]
      .filter(() => !covered)
      .map((id) => ({
        id,
        role: 'target',
        shape: { kind: 'ellipse', seed: seed + id },
        width: 22,
        height: 18,
        texture: texture(seed + id + 9),
        path: sway(id),
      })),
  })
  const { next, bias } = sceneStimulus(createScene(config))
  const beside = (response: PixelResponse) =>
    bias!({
      ...response,
      onThreshold: response.onThreshold * gains[0],
      offThreshold: response.offThreshold * gains[1],
    })
  return { stimulus: { next, bias: beside }, shotHz, leakHz }
}

/**
 * Events in the left half of the sensor, at a rate that is given for the default biases and falls with the square of each
 * threshold: nothing but what the loop steers by, so that long and strange courses take no time.
 */
export function steadyWorld(of: {
  readonly perSecond: (seconds: number) => number
  readonly seed: number
  /** More threshold, more events. */
  readonly wrongWay?: boolean
}): World {
  const rng = createRng(of.seed)
  const batch = createBatch(65_536)
  const usual = DEFAULT_RESPONSE
  let response: PixelResponse = usual
  let reachedUs = 0
  let [x, y] = [0, 0]
  const factor = (own: number, default_: number) => (own / default_) ** (of.wrongWay ? 2 : -2) / 2
  return {
    next(untilUs) {
      if (untilUs <= reachedUs) return undefined
      const perUs = of.perSecond(reachedUs / 1e6) / 1e6
      const on = perUs * factor(response.onThreshold, usual.onThreshold)
      const off = perUs * factor(response.offThreshold, usual.offThreshold)
      const spanUs = untilUs - reachedUs
      const count = Math.min(batch.capacity, Math.round((on + off) * spanUs))
      batch.t0Us = reachedUs
      batch.length = count
      for (let i = 0; i < count; i++) {
        batch.dtUs[i] = Math.floor((i * spanUs) / count)
        // In groups of neighbours, as edges make them.
        if (i % 5 === 0) [x, y] = [rng.int(SENSOR.width / 2), rng.int(SENSOR.height)]
        batch.x[i] = x + (i % 5)
        batch.y[i] = y
        batch.on[i] = rng.next() * (on + off) < on ? 1 : 0
      }
      reachedUs = untilUs
      return count > 0 ? batch : undefined
    },
    bias(next) {
      response = next
    },
  }
}
