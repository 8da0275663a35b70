import type { EventQueue } from './event-queue.js'
import type { Plane, Rect } from './render.js'
import { createRng, deriveSeed, type Rng } from './rng.js'
import type { PixelConfig } from './schema.js'

/**
 * The pixels of a DVS. Each compares log intensity with the level at its last event and fires when the difference
 * passes its own ON or OFF threshold; then it is held in reset for the refractory time and takes the level it has when
 * released. Within a step the log intensity goes straight from the old picture to the new one.
 *
 * Modelled: threshold mismatch, refractory time, leak (ON events of a pixel at rest), shot noise (more in the dark),
 * hot pixels. Not modelled: the finite bandwidth of a photoreceptor with the default biases (a flash gives all its events
 * at once); what other biases do is in biased-pixels.ts.
 */
export interface Pixels {
  readonly width: number
  readonly height: number
  /** As the biases have it now. */
  config: PixelConfig
  readonly rng: Rng
  /** Log intensity at the end of the last step. */
  readonly level: Float32Array
  /** A pixel fires at or above `upper` and at or below `lower`. In reset they are −∞ and +∞. */
  readonly upper: Float32Array
  readonly lower: Float32Array
  readonly onStep: Float32Array
  readonly offStep: Float32Array
  /** End of the reset of each pixel, us. */
  readonly freeUs: Float64Array
  /** Scratch: pixels that passed a threshold in this step. */
  readonly hits: Int32Array
  readonly hot: { pixel: number; meanUs: number; nextUs: number }[]
  nextNoiseUs: number
  /** Share of the shot noise that is ON. */
  onShare: number
  /** Leak is applied row by row: when each row had its last turn, and whose turn it is. */
  readonly leakedUs: Float64Array
  leakRow: number
}

/** The time in which leak visits every row once; far below the seconds between leak events of one pixel. */
const LEAK_SWEEP_US = 10_000

/** What one step looks like to the pixels: its time and the flicker (a log offset of all pixels) at its ends. */
export interface StepTime {
  startUs: number
  stepUs: number
  gainStart: number
  gainEnd: number
}

export function createPixels(plane: Plane, config: PixelConfig, seed: number): Pixels {
  const { width, height } = plane
  const n = width * height
  const rng = createRng(deriveSeed(seed, 'mismatch'))
  const threshold = (mean: number) => mean * Math.max(0.2, 1 + config.mismatch * rng.normal())
  const onStep = Float32Array.from({ length: n }, () => threshold(config.onThreshold))
  const offStep = Float32Array.from({ length: n }, () => threshold(config.offThreshold))
  const upper = new Float32Array(n)
  const lower = new Float32Array(n)
  for (let p = 0; p < n; p++) {
    // A running sensor is found with its levels spread out: over the leak cycle where there is leak, which keeps every
    // level within one ON step below the light, otherwise anywhere between the thresholds.
    const reach = config.leakHz > 0 ? onStep[p]! : onStep[p]! + offStep[p]!
    upper[p] = plane.log[p]! + reach * (1 - 0.999 * rng.next())
    lower[p] = upper[p]! - onStep[p]! - offStep[p]!
  }
  const hot = Array.from({ length: config.hotPixelHz > 0 ? config.hotPixels : 0 }, () => {
    const meanUs = 1e6 / (config.hotPixelHz * rng.logRange(0.3, 3.3))
    return { pixel: rng.int(n), meanUs, nextUs: meanUs * rng.next() }
  })
  const pixels: Pixels = {
    width,
    height,
    config,
    rng: createRng(deriveSeed(seed, 'noise')),
    level: Float32Array.from(plane.log),
    upper,
    lower,
    onStep,
    offStep,
    freeUs: new Float64Array(n),
    hits: new Int32Array(n),
    hot,
    nextNoiseUs: 0,
    onShare: 0.5,
    leakedUs: new Float64Array(height),
    leakRow: 0,
  }
  pixels.nextNoiseUs = noiseInterval(pixels)
  return pixels
}

// hot
/** Compares the new picture with every pixel's thresholds inside `rect` and stages the events of the step. */
export function senseRect(
  pixels: Pixels,
  next: Float32Array,
  at: { rect: Rect; time: StepTime; queue: EventQueue },
): void {
  const { width, level, upper, lower, hits } = pixels
  const { x0, y0, x1, y1 } = at.rect
  const gain = at.time.gainEnd
  let count = 0
  for (let y = y0; y < y1; y++) {
    const end = y * width + x1
    for (let p = y * width + x0; p < end; p++) {
      const value = next[p]! + gain
      if (value >= upper[p]! || value <= lower[p]!) hits[count++] = p
      else level[p] = next[p]!
    }
  }
  fireHits(pixels, next, { count, time: at.time, queue: at.queue })
}

// hot
function fireHits(
  pixels: Pixels,
  next: Float32Array,
  at: { count: number; time: StepTime; queue: EventQueue },
): void {
  const { level, upper, lower, onStep, offStep, freeUs, hits } = pixels
  const { staged, stagedAt, capacity } = at.queue
  const deadUs = pixels.config.refractoryUs + at.queue.waitUs
  const { startUs, stepUs, gainStart, gainEnd } = at.time
  let n = at.queue.stagedCount
  let dropped = 0
  for (let k = 0; k < at.count; k++) {
    const p = hits[k]!
    const from = level[p]! + gainStart
    const rise = next[p]! + gainEnd - from
    const to = from + rise
    level[p] = next[p]!
    let now = 0
    if (upper[p] === -Infinity) {
      now = freeUs[p]! - startUs
      if (now >= stepUs) continue
      if (now < 0) now = 0
      const ref = from + (rise * now) / stepUs
      upper[p] = ref + onStep[p]!
      lower[p] = ref - offStep[p]!
    }
    for (;;) {
      const high = upper[p]!
      const low = lower[p]!
      const on = to >= high ? 1 : 0
      if (on === 0 && to > low) break
      // When leak or noise moved the threshold past the level, the crossing lies before `now`: fire at once.
      const t = rise === 0 ? now : Math.max(now, (stepUs * ((on === 1 ? high : low) - from)) / rise)
      const whole = t | 0
      if (n < capacity) {
        staged[n] = (p << 1) | on
        stagedAt[n] = whole < stepUs ? whole : stepUs - 1
        n++
      } else dropped++
      now = t + deadUs
      freeUs[p] = startUs + now
      if (now >= stepUs) {
        upper[p] = -Infinity
        lower[p] = Infinity
        break
      }
      const ref = from + (rise * now) / stepUs
      upper[p] = ref + onStep[p]!
      lower[p] = ref - offStep[p]!
    }
  }
  at.queue.stagedCount = n
  at.queue.dropped += dropped
}

// hot
/** One event that no light caused; a pixel in reset cannot fire. */
function fire(pixels: Pixels, queue: EventQueue, event: typeof noise): void {
  const { p, on, tUs } = event
  if (pixels.freeUs[p]! > tUs) return
  pixels.freeUs[p] = tUs + pixels.config.refractoryUs + queue.waitUs
  pixels.upper[p] = -Infinity
  pixels.lower[p] = Infinity
  if (queue.stagedCount >= queue.capacity) {
    queue.dropped++
    return
  }
  queue.staged[queue.stagedCount] = (p << 1) | on
  queue.stagedAt[queue.stagedCount] = Math.floor(tUs - queue.stepStartUs)
  queue.stagedCount++
}

const noise = { p: 0, on: 0, tUs: 0 }

/** Leak, shot noise and hot pixels of the step. Call after senseRect: `level` must be that of the step's end. */
export function addNoise(pixels: Pixels, time: StepTime, queue: EventQueue): void {
  queue.stepStartUs = time.startUs
  if (pixels.config.leakHz > 0) leak(pixels, time, queue)
  const endUs = time.startUs + time.stepUs
  if (pixels.config.shotNoiseHz > 0) {
    while (pixels.nextNoiseUs < endUs) {
      shoot(pixels, queue)
      pixels.nextNoiseUs += noiseInterval(pixels)
    }
  }
  for (const hot of pixels.hot) {
    while (hot.nextUs < endUs) {
      noise.p = hot.pixel
      noise.on = 1
      noise.tUs = hot.nextUs
      fire(pixels, queue, noise)
      hot.nextUs -= hot.meanUs * Math.log(1 - pixels.rng.next())
    }
  }
}

/** Time to the next candidate of shot noise anywhere on the sensor (a Poisson process). */
function noiseInterval({ config, rng, level }: Pixels): number {
  if (config.shotNoiseHz <= 0) return Infinity
  return (-1e6 * Math.log(1 - rng.next())) / (config.shotNoiseHz * level.length)
}

/** Candidates are thinned by brightness: photon noise triggers a dark pixel more often than a bright one. */
function shoot(pixels: Pixels, queue: EventQueue): void {
  const { rng, level } = pixels
  const p = rng.int(level.length)
  const share = 1 - 0.75 * Math.min(1, Math.exp(level[p]!))
  const coin = rng.next()
  if (coin >= share) return
  noise.p = p
  noise.on = coin < share * pixels.onShare ? 1 : 0
  noise.tUs = pixels.nextNoiseUs
  fire(pixels, queue, noise)
}

/**
 * Leak lowers the stored level steadily, so a pixel at rest fires ON now and then. Rows take turns; a row's turn makes
 * up for the time since its last one.
 */
function leak(pixels: Pixels, time: StepTime, queue: EventQueue): void {
  const { height, leakedUs } = pixels
  const rows = Math.min(height, Math.ceil((height * time.stepUs) / LEAK_SWEEP_US))
  const rate = pixels.config.leakHz * pixels.config.onThreshold * 1e-6
  for (let i = 0; i < rows; i++) {
    const row = pixels.leakRow
    const drop = rate * (time.startUs - leakedUs[row]!)
    leakedUs[row] = time.startUs
    leakOneRow(pixels, { row, drop, time }, queue)
    pixels.leakRow = row + 1 === height ? 0 : row + 1
  }
}

// hot
function leakOneRow(
  pixels: Pixels,
  at: { row: number; drop: number; time: StepTime },
  queue: EventQueue,
): void {
  const { width, level, upper, lower, onStep, offStep, freeUs, rng } = pixels
  const { drop } = at
  const { startUs, stepUs, gainEnd } = at.time
  const end = (at.row + 1) * width
  for (let p = at.row * width; p < end; p++) {
    const value = level[p]! + gainEnd
    if (upper[p] === -Infinity) {
      if (freeUs[p]! > startUs) continue
      upper[p] = value + onStep[p]!
      lower[p] = value - offStep[p]!
      continue
    }
    upper[p] = upper[p]! - drop
    lower[p] = lower[p]! - drop
    if (value >= upper[p]!) {
      noise.p = p
      noise.on = 1
      noise.tUs = startUs + rng.next() * stepUs
      fire(pixels, queue, noise)
    }
  }
}
