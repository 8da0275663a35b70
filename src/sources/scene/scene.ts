import type { PixelResponse } from '../../davis346/pixel-response.js'
import { createBatch, type EventBatch } from '../../events/batch.js'
import type { Size } from '../../events/geometry.js'
import type { TruthBox } from '../../events/signals.js'
import { type Actor, makeActor } from './actor.js'
import { BiasedPixels } from './biased-pixels.js'
import { closeStep, createEventQueue, type EventQueue, takeEvents } from './event-queue.js'
import type { Pictures } from './picture.js'
import { addNoise, createPixels, type Pixels, type StepTime, senseRect } from './pixels.js'
import { createStage, type Stage } from './pose.js'
import type { LightConfig, SceneConfig } from './schema.js'
import { createShow, type Show } from './show.js'
import { makeTexture, type Texture } from './texture.js'
import { truthAt } from './truth.js'

/**
 * A DVS looking at moving things: deterministic, endless, with ground truth. Time starts at 0. The same config gives
 * the same events bit for bit, however the time is cut into calls.
 */
export interface Scene {
  readonly name: string
  readonly size: Size
  /** The picture has been rendered up to here; never behind the last `advance` or `next`. */
  readonly timeUs: number
  /**
   * Simulates up to `untilUs` and hands over all events before it, in time order, in batches that are valid until
   * `onBatch` returns.
   */
  advance(untilUs: number, onBatch: (batch: EventBatch) => void): void
  /**
   * The next events before `untilUs`, at most a batch; empty when there are no more before it. The batch is valid until
   * the next call.
   */
  next(untilUs: number): EventBatch
  /** Ground truth at any time, past or future: the targets, or all that moves (targets and distractors). */
  truth(tUs: number, roles?: 'targets' | 'movers'): TruthBox[]
  /** What a frame camera would see at `timeUs`: linear intensity, row-major, 0..65472 as APS delivers. Borrowed. */
  image(): Uint16Array
  /** The pixels answer like this from the next step on. The scene's own values are those of the default biases. */
  bias(response: PixelResponse): void
  /** Events lost because a single step produced more than the simulator holds. */
  dropped(): number
}

export interface SceneOptions {
  /** Pictures that textures of kind 'picture' and shapes of kind 'cutout' name. */
  readonly pictures?: Pictures
  /** Events in a batch. */
  readonly batchCapacity?: number
}

/** A step that changes every pixel a few times fits; see EventQueue for what happens beyond. */
const EVENTS_PER_PIXEL_A_STEP = 3

/** Event times are 32 bits wide inside a batch; a second is far from that and still a good load. */
const LONGEST_BATCH_US = 1_000_000

/** Throws CONFIG_INVALID when the config names a picture that was not given. */
export function createScene(config: SceneConfig, options: SceneOptions = {}): Scene {
  const pictures = options.pictures ?? new Map()
  const { size, light } = config
  const actors = [...config.things]
    .sort((a, b) => a.depth - b.depth)
    .map((thing) => makeActor(thing, pictures))
  const background = makeTexture(config.background, backgroundSide(size), pictures)
  for (const log of logPlanes(actors, background)) shine(log, light)
  const stage = createStage(size, config.camera, actors)
  const show = createShow(stage, background, stepLimits(config))
  const pixels = createPixels(show.plane, config.pixel, config.seed)
  const machine: Machine = {
    show,
    light,
    pixels,
    biased: new BiasedPixels(pixels),
    queue: createEventQueue({
      width: size.width,
      capacity: EVENTS_PER_PIXEL_A_STEP * size.width * size.height,
      maxStepUs: Math.max(config.step.maxUs, config.step.minUs),
      readoutPerSecond: config.pixel.readoutPerSecond,
    }),
    time: { startUs: 0, stepUs: 0, gainStart: 0, gainEnd: 0 },
  }
  return sceneOf(config, { machine, stage, batch: createBatch(options.batchCapacity ?? 16384) })
}

interface Machine {
  readonly show: Show
  readonly light: LightConfig
  readonly pixels: Pixels
  readonly biased: BiasedPixels
  readonly queue: EventQueue
  readonly time: StepTime
}

function sceneOf(
  config: SceneConfig,
  own: { machine: Machine; stage: Stage; batch: EventBatch },
): Scene {
  const { machine, stage, batch } = own
  const truthPoses = new Float64Array(machine.show.poseNumbers)
  let picture: Uint16Array | undefined
  const next = (untilUs: number) => {
    batch.length = 0
    while (takeEvents(machine.queue, batch, untilUs)) {
      if (batch.length === batch.capacity || machine.show.timeUs >= untilUs) break
      if (batch.length > 0 && machine.show.timeUs - batch.t0Us > LONGEST_BATCH_US) break
      step(machine)
    }
    return batch
  }
  return {
    name: config.name,
    size: config.size,
    get timeUs() {
      return machine.show.timeUs
    },
    next,
    advance: (untilUs, onBatch) => {
      while (next(untilUs).length > 0) onBatch(batch)
    },
    truth: (tUs, roles = 'targets') => truthAt(stage, tUs, { poses: truthPoses, roles }),
    image: () => {
      picture ??= new Uint16Array(machine.pixels.level.length)
      develop(machine.pixels.level, config.light, picture)
      return picture
    },
    bias: (response) => machine.biased.bias(response, machine.show.timeUs),
    dropped: () => machine.queue.dropped,
  }
}

function step({ show, light, pixels, biased, queue, time }: Machine): void {
  time.startUs = show.timeUs
  show.step()
  time.stepUs = show.timeUs - time.startUs
  time.gainStart = time.gainEnd
  const flickers = light.flickerHz > 0 && light.flickerDepth > 0
  if (flickers) {
    time.gainEnd = light.flickerDepth * Math.sin(2 * Math.PI * light.flickerHz * show.timeUs * 1e-6)
  }
  if (flickers || biased.everywhere) {
    const seen = biased.see(show.plane.log, time.stepUs)
    senseRect(pixels, seen, { rect: show.whole, time, queue })
  } else {
    for (let i = 0; i < show.changedCount; i++) {
      senseRect(pixels, show.plane.log, { rect: show.changed[i]!, time, queue })
    }
  }
  addNoise(pixels, time, queue)
  closeStep(queue, time.startUs, time.stepUs)
}

/** Lamps are followed, too: 16 steps a period at least. */
function stepLimits({ step, light }: SceneConfig): SceneConfig['step'] {
  const flickers = light.flickerHz > 0 && light.flickerDepth > 0
  const lampUs = flickers ? Math.max(10, Math.floor(1e6 / (16 * light.flickerHz))) : Infinity
  return {
    ...step,
    maxUs: Math.min(step.maxUs, lampUs),
    minUs: Math.min(step.minUs, lampUs),
  }
}

function backgroundSide(size: Size): number {
  return 2 ** Math.ceil(Math.log2(Math.max(64, size.width, size.height)))
}

function* logPlanes(actors: readonly Actor[], background: Texture): Generator<Float32Array> {
  yield background.log
  for (const actor of actors) for (const part of actor.parts) yield part.sprite.log
}

/** Reflectance → log photocurrent. Dark current adds to the light, so contrast shrinks as light fails. */
function shine(log: Float32Array, { illumination, dark }: LightConfig): void {
  for (let i = 0; i < log.length; i++) {
    log[i] = Math.log(Math.exp(log[i]!) * illumination + dark)
  }
}

/** White is exposed to four fifths of full scale whatever the light, as auto exposure would. */
function develop(level: Float32Array, { illumination, dark }: LightConfig, out: Uint16Array): void {
  const gain = (0.8 * 65472) / illumination
  for (let p = 0; p < level.length; p++) {
    const intensity = (Math.exp(level[p]!) - dark) * gain
    out[p] = Math.min(65472, Math.max(0, intensity))
  }
}
