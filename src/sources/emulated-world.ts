import type { ImuReading, Stimulus } from '../davis346/emulator/stimulus.js'
import { DEFAULT_RESPONSE, noiseRates, type PixelResponse } from '../davis346/pixel-response.js'
import { createBatch, type EventBatch } from '../events/batch.js'
import { DAVIS346_SIZE } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import { blurredPictures } from './emulated-picture.js'
import { createRng, deriveSeed, type Rng } from './scene/rng.js'
import type { Scene } from './scene/scene.js'

/**
 * What an emulated camera sees and what is wrong with it, all of it known: a calibration must find it again. Sensor
 * noise with pixels that differ, hot pixels, light that an exposure turns into a picture, a lens that is turned
 * through its focus, inertial sensors with bias and noise.
 */
export interface WorldOptions {
  readonly seed?: number
  /** Before this stimulus time the lens is covered: 0 never, Infinity always. */
  readonly uncoverUs?: number
  /** What moves once the lens is uncovered; its own noise should be off. */
  readonly scene?: Pick<Scene, 'next' | 'bias'>
  /** Mean background events a second of a pixel, and how much pixels differ (standard deviation of the logarithm). */
  readonly noiseHz?: number
  readonly noiseSpread?: number
  readonly hotPixels?: number
  /** Median rate of a hot pixel; single ones lie between a third and three times it. */
  readonly hotPixelHz?: number
  /** Mean of the picture at 1 ms of exposure, of 1023. */
  readonly radiance?: number
  /** The focus ring goes from one end to the other in this time and then back to the sharpest place; 0: sharp. */
  readonly focusSweepUs?: number
  /** Draws what the pictures show, 0..1023, in place of a still life. */
  readonly picture?: (tUs: number, into: Uint16Array, exposureUs: number | undefined) => void
  readonly gyroBias?: readonly [number, number, number]
  readonly gyroNoise?: number
  /** Points up, any length; the camera is at rest. */
  readonly up?: readonly [number, number, number]
  readonly accelNoise?: number
}

export interface HotPixelTruth {
  readonly x: number
  readonly y: number
  readonly rateHz: number
}

export interface World {
  readonly stimulus: Stimulus
  readonly hotPixels: readonly HotPixelTruth[]
  /** Events a second of everything but the scene. */
  readonly noisePerSecond: number
}

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE
const AREA = WIDTH * HEIGHT
const BATCH_EVENTS = 8192
/** Part of the background that is leak, which is ON; the rest is chance, half of it ON. */
const LEAK_SHARE = 0.1
const ON_SHARE = (1 + LEAK_SHARE) / 2
/** The readout passes no more; events a second. */
const READOUT_PER_SECOND = 12e6
const DARK_LEVEL = 6

export function createWorld(options: WorldOptions = {}): World {
  const { seed = 1, uncoverUs = 0, noiseHz = 0.11, noiseSpread = 0.3 } = options
  const rng = createRng(deriveSeed(seed, 'world'))
  const rates = Float64Array.from(
    { length: AREA },
    () => noiseHz * Math.exp(noiseSpread * rng.normal() - noiseSpread ** 2 / 2),
  )
  const hotPixels = drawHotPixels(rng, options)
  const own = rates.slice()
  for (const { x, y, rateHz } of hotPixels) rates[y * WIDTH + x] = rateHz
  const noise = createNoise(rates, createRng(deriveSeed(seed, 'noise')))
  const merged = createBatch(2 * BATCH_EVENTS)
  const imuRng = createRng(deriveSeed(seed, 'imu'))
  const pictures = blurredPictures(seed)
  return {
    hotPixels,
    noisePerSecond: rates.reduce((sum, rate) => sum + rate, 0),
    stimulus: {
      next(untilUs) {
        // The scene begins when it can be seen.
        const seen = untilUs > uncoverUs ? options.scene?.next(untilUs - uncoverUs) : undefined
        if (seen === undefined || seen.length === 0) return noise.merge(undefined, merged, untilUs)
        seen.t0Us += uncoverUs
        return noise.merge(seen, merged, untilUs)
      },
      bias(response) {
        options.scene?.bias(response)
        // What makes a pixel hot is leak; the others change together.
        const { onHz, offHz } = biasedNoise(response, noiseHz)
        const usual = biasedNoise(DEFAULT_RESPONSE, noiseHz)
        const change = noiseHz > 0 ? (onHz + offHz) / (usual.onHz + usual.offHz) : 1
        for (let p = 0; p < AREA; p++) rates[p] = own[p]! * change
        const leak = DEFAULT_RESPONSE.onThreshold / response.onThreshold
        for (const { x, y, rateHz } of hotPixels) rates[y * WIDTH + x] = rateHz * leak
        noise.changed(noiseHz > 0 ? onHz / (onHz + offHz) : ON_SHARE)
      },
      image(tUs, into, exposureUs) {
        if (tUs < uncoverUs) {
          into.fill(DARK_LEVEL)
          return
        }
        if (options.picture !== undefined) {
          options.picture(tUs, into, exposureUs)
          return
        }
        const picture = pictures(sweep(tUs, options.focusSweepUs ?? 0))
        const gain = ((options.radiance ?? 120) * (exposureUs ?? 4000)) / 1000
        for (let i = 0; i < into.length; i++)
          into[i] = Math.min(1023, DARK_LEVEL + picture[i]! * gain)
      },
      imu: () => readImu(imuRng, options),
    },
  }
}

function biasedNoise(response: PixelResponse, noiseHz: number) {
  return noiseRates(response, {
    shotHz: (1 - LEAK_SHARE) * noiseHz,
    leakHz: LEAK_SHARE * noiseHz,
  })
}

/** How far the focus ring is from the sharpest place, 0..1. */
function sweep(tUs: number, overUs: number): number {
  if (overUs === 0) return 0
  const at = tUs / overUs
  // Over the whole way in 70 % of the time, then back to where it was sharp (at 0.6) and stay.
  if (at < 0.7) return Math.min(1, Math.abs(at / 0.7 - 0.6) / 0.6)
  if (at < 0.9) return ((0.9 - at) / 0.2) * (0.4 / 0.6)
  return 0
}

function drawHotPixels(rng: Rng, { hotPixels = 40, hotPixelHz = 150 }: WorldOptions) {
  const taken = new Set<number>()
  while (taken.size < hotPixels) taken.add(rng.int(AREA))
  return [...taken].map((pixel) => ({
    x: pixel % WIDTH,
    y: Math.floor(pixel / WIDTH),
    rateHz: hotPixelHz * rng.logRange(1 / 3, 3),
  }))
}

/** Independent Poisson processes of all pixels, as one process that picks its pixel. */
function createNoise(rates: Float64Array, rng: Rng) {
  const upTo = new Float64Array(AREA)
  let total = 0
  let onShare = ON_SHARE
  let meanUs = Number.POSITIVE_INFINITY
  let reachedUs = 0
  const sum = () => {
    total = 0
    for (let p = 0; p < AREA; p++) {
      total += rates[p]!
      upTo[p] = total
    }
    meanUs = total > 0 ? 1e6 / Math.min(total, READOUT_PER_SECOND) : Number.POSITIVE_INFINITY
  }
  sum()
  let nextUs = meanUs * -Math.log(1 - rng.next())

  const pixel = () => {
    const wanted = rng.next() * total
    let low = 0
    let high = AREA - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return low
  }

  return {
    /** `rates` have changed. */
    changed(nowOnShare: number): void {
      const before = meanUs
      sum()
      onShare = nowOnShare
      // Waiting times shrink as the rate grows.
      if (meanUs !== before && Number.isFinite(before))
        nextUs = reachedUs + ((nextUs - reachedUs) * meanUs) / before
    },
    /** Noise before `untilUs`, with the events of `scene` in between; undefined when there is nothing. */
    merge(
      scene: EventBatch | undefined,
      into: EventBatch,
      untilUs: number,
    ): EventBatch | undefined {
      // With a scene's batch, noise goes only as far as that batch does: more may follow it.
      const last = scene === undefined ? untilUs : scene.t0Us + scene.dtUs[scene.length - 1]!
      reachedUs = last
      into.t0Us = Math.floor(Math.min(scene?.t0Us ?? nextUs, nextUs))
      let n = 0
      let i = 0
      const scenes = scene?.length ?? 0
      // Room is kept for the rest of the scene's batch.
      while (nextUs < last && n < into.capacity - (scenes - i)) {
        while (i < scenes && scene!.t0Us + scene!.dtUs[i]! <= nextUs) {
          copyEvent(scene!, i++, { into, at: n++ })
        }
        const p = pixel()
        into.dtUs[n] = Math.floor(nextUs) - into.t0Us
        into.x[n] = p % WIDTH
        into.y[n] = Math.floor(p / WIDTH)
        into.on[n++] = rng.next() < onShare ? 1 : 0
        nextUs += meanUs * -Math.log(1 - rng.next())
      }
      while (i < scenes) copyEvent(scene!, i++, { into, at: n++ })
      into.length = n
      return n === 0 ? undefined : into
    },
  }
}

function copyEvent(from: EventBatch, i: number, to: { into: EventBatch; at: number }): void {
  const { into, at } = to
  into.dtUs[at] = from.t0Us + from.dtUs[i]! - into.t0Us
  into.x[at] = from.x[i]!
  into.y[at] = from.y[i]!
  into.on[at] = from.on[i]!
}

function readImu(rng: Rng, options: WorldOptions): ImuReading {
  const { gyroBias = [0, 0, 0], gyroNoise = 0, up = [0, 1, 0], accelNoise = 0 } = options
  const length = Math.hypot(...up)
  const axis = (v: readonly number[], i: number, noise: number) => v[i]! + noise * rng.normal()
  return {
    accel: [0, 1, 2].map(
      (i) => axis(up, i, 0) / length + accelNoise * rng.normal(),
    ) as unknown as ImuReading['accel'],
    gyro: [0, 1, 2].map((i) => axis(gyroBias, i, gyroNoise)) as unknown as ImuReading['gyro'],
    temperatureC: 31,
  }
}

/**
 * A clock that lags behind `clock` instead of leaping: between two readings it moves by `mostUs` at most. A camera that
 * takes longer to emulate than to watch then runs slower, and whatever else shares its loop still gets its turn.
 */
export function patientClock(clock: Clock, mostUs: number): Clock {
  let readUs = clock.nowUs()
  let shownUs = readUs
  return {
    wallUs: () => clock.wallUs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    nowUs: () => {
      const now = clock.nowUs()
      shownUs += Math.min(mostUs, now - readUs)
      readUs = now
      return shownUs
    },
  }
}

/** A clock that runs faster than `clock` by some parts per million: the camera's own crystal. */
export function driftingClock(clock: Clock, ppm: number): Clock {
  const startUs = clock.nowUs()
  return {
    nowUs: () => startUs + (clock.nowUs() - startUs) * (1 + ppm * 1e-6),
    wallUs: () => clock.wallUs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  }
}
