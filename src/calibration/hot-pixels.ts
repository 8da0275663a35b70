import { findHotPixels } from './hot-pixel-fit.js'
import type {
  CalibrationKind,
  Measurement,
  MeasurementContext,
  Outcome,
  Progress,
  Row,
} from './kind.js'
import { judged, LIMITS, told } from './limits.js'
import { NeighbourTimes } from './neighbour-times.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { hotPixelMap, hotPixelRates } from './pictures/hot-pixels.js'
import { fullView } from './prepare.js'
import type { HotPixelsOptions } from './schema.js'

/** Rate is held against rate over this many equal parts of the time. */
const PARTS = 5
/** An event counts as correlated when a neighbour fired less than this before it. */
const CORRELATION_US = 2000
const CHIP_SLOTS = 8
/** More rings hide what they show. */
const MOST_RINGS = 500
/** Fewer events than these in a part say nothing about steadiness. */
const FEW_EVENTS = 50

interface FoundPixel {
  readonly x: number
  readonly y: number
  readonly rateHz: number
}

export interface HotPixelsData {
  readonly pixels: readonly FoundPixel[]
  readonly thresholdHz: number
  readonly backgroundHz: number
}

export const hotPixelsKind: CalibrationKind<HotPixelsOptions> = {
  name: 'hot-pixels',
  title: 'Hot pixels',
  ask: 'Cover the lens so that no light comes in, and leave the camera alone.',
  needs: ['events'],
  seconds: 5,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'dark',
  prepare: (preset) => fullView(preset, { images: false }),
  create: (context) => new HotPixelCount(context),
}

class HotPixelCount implements Measurement {
  readonly #context: MeasurementContext<HotPixelsOptions>
  /** [PARTS, height, width] */
  readonly #counts: Uint32Array
  /** [height, width]: events that had a neighbour's just before them. */
  readonly #correlated: Uint32Array
  readonly #times: NeighbourTimes
  #startUs = Number.NaN
  #lastUs = 0
  #events = 0

  constructor(context: MeasurementContext<HotPixelsOptions>) {
    this.#context = context
    const { size } = context
    this.#times = new NeighbourTimes(size)
    this.#counts = new Uint32Array(PARTS * size.width * size.height)
    this.#correlated = new Uint32Array(size.width * size.height)
  }

  // hot
  events(batch: Parameters<NonNullable<Measurement['events']>>[0]): void {
    const { width, height } = this.#context.size
    const counts = this.#counts
    const correlated = this.#correlated
    const area = width * height
    const { length, t0Us, dtUs, x, y } = batch
    if (length === 0) return
    if (Number.isNaN(this.#startUs)) this.#startUs = t0Us + dtUs[0]!
    const partUs = (this.#context.seconds * 1e6) / PARTS
    for (let i = 0; i < length; i++) {
      const px = x[i]!
      const py = y[i]!
      if (px >= width || py >= height) continue
      const t = t0Us + dtUs[i]!
      const part = Math.min(PARTS - 1, Math.max(0, Math.floor((t - this.#startUs) / partUs)))
      const pixel = py * width + px
      counts[part * area + pixel]!++
      if (t - this.#times.newest(px, py) < CORRELATION_US) correlated[pixel]!++
      this.#times.fired(px, py, t)
    }
    this.#events += length
    this.time(t0Us + dtUs[length - 1]!)
  }

  time(tUs: number): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = tUs
    this.#lastUs = Math.max(this.#lastUs, tUs)
  }

  gap(): void {
    this.#times.reset()
  }

  #seconds(): number {
    return Math.max(1e-6, (this.#lastUs - this.#startUs) / 1e6)
  }

  progress(): Progress {
    const perSecond = Number.isNaN(this.#startUs) ? 0 : this.#events / this.#seconds()
    return {
      text: `${Math.round(perSecond)} events/s`,
      figures: { events: this.#events, events_per_second: perSecond },
    }
  }

  /** Events of each pixel, [height, width]. */
  #totals(): Uint32Array {
    const { width, height } = this.#context.size
    const area = width * height
    const totals = new Uint32Array(area)
    for (let part = 0; part < PARTS; part++)
      for (let p = 0; p < area; p++) totals[p]! += this.#counts[part * area + p]!
    return totals
  }

  depict(): Depiction | undefined {
    if (this.#events === 0) return undefined
    const { size } = this.#context
    const totals = this.#totals()
    const hot = findHotPixels(totals).hot.slice(0, MOST_RINGS)
    const places = hot.map((p) => ({ x: p % size.width, y: Math.floor(p / size.width) }))
    return hotPixelMap({ size, totals, seconds: this.#seconds(), hot: places })
  }

  finish(): Outcome {
    const { size, options, previous } = this.#context
    const seconds = this.#seconds()
    const totals = this.#totals()
    const fit = findHotPixels(totals)
    const least = options.rateHz === undefined ? fit.threshold : options.rateHz * seconds
    const hot = pixelsFrom(totals, least)
    const rest = this.#restOf(hot)
    const found = hot.map((p) => this.#pixel(p, totals[p]! / seconds))
    const before = pixelsOf(previous)
    const kept = options.onlyAdd ? before.filter((p) => !found.some(same(p))) : []
    const pixels = [...found, ...kept]
    const data: HotPixelsData = {
      pixels,
      thresholdHz: least / seconds,
      backgroundHz: rest.perPixel / seconds,
    }
    const rows = this.#rows(data, { rest, before, found })
    const rowOf = (name: string) => rows.find((each) => each.name === name)
    const dark = { size, totals, seconds, hot: pixels.slice(0, MOST_RINGS) }
    return {
      rows,
      data: { ...data },
      settings: {
        hotPixels: pixels.map(({ x, y }) => [x, y]),
        ...(options.chipSlots && {
          preset: {
            dvs: { pixelFilter: pixels.slice(0, CHIP_SLOTS).map(({ x, y }) => ({ x, y })) },
          },
        }),
      },
      pictures: [
        pictureOf('hot-pixel-map', hotPixelMap(dark), rowOf('share of the sensor')),
        pictureOf(
          'hot-pixel-rates',
          hotPixelRates({ ...dark, thresholdHz: data.thresholdHz }),
          rowOf('background of the others'),
        ),
      ],
      exports: [
        { name: 'hot-pixels.txt', content: pixelList(pixels) },
        { name: 'hot-pixels.json', content: `${JSON.stringify(pixels, null, 2)}\n` },
      ],
    }
  }

  #pixel(index: number, rateHz: number): FoundPixel {
    const { width } = this.#context.size
    return {
      x: index % width,
      y: Math.floor(index / width),
      rateHz: Math.round(rateHz * 100) / 100,
    }
  }

  /** What the pixels do that are not hot: events in each part, and how many of them were correlated. */
  #restOf(hot: readonly number[]) {
    const { width, height } = this.#context.size
    const area = width * height
    const isHot = new Uint8Array(area)
    // A hot pixel lends its events to its neighbours: those say nothing about the scene.
    const nearHot = new Uint8Array(area)
    for (const p of hot) {
      isHot[p] = 1
      const [x, y] = [p % width, Math.floor(p / width)]
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++)
          if (x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height)
            nearHot[p + dy * width + dx] = 1
    }
    const parts = new Float64Array(PARTS)
    let events = 0
    let clear = 0
    let correlated = 0
    for (let p = 0; p < area; p++) {
      if (isHot[p]) continue
      let sum = 0
      for (let part = 0; part < PARTS; part++) {
        const count = this.#counts[part * area + p]!
        parts[part]! += count
        sum += count
      }
      events += sum
      if (nearHot[p]) continue
      clear += sum
      correlated += this.#correlated[p]!
    }
    return {
      parts,
      perPixel: events / Math.max(1, area - hot.length),
      correlated: clear === 0 ? 0 : (100 * correlated) / clear,
    }
  }

  #rows(
    data: HotPixelsData,
    of: {
      rest: { parts: Float64Array; correlated: number }
      before: readonly FoundPixel[]
      found: readonly FoundPixel[]
    },
  ): Row[] {
    const limits = LIMITS['hot-pixels']
    const { width, height } = this.#context.size
    const dark = 'The lens was not covered, or something lit up: cover it and run again.'
    const added = of.found.filter((p) => !of.before.some(same(p))).length
    return [
      told('hot pixels', data.pixels.length, 'pixels'),
      judged('share of the sensor', (100 * data.pixels.length) / (width * height), {
        limit: limits.share,
        note: 'So many hot pixels are unusual: let the camera warm up or cool down, then run again.',
      }),
      told('hot from', data.thresholdHz, 'events/s'),
      judged('background of the others', data.backgroundHz, {
        limit: limits.background,
        note: `${dark} A hot camera is noisy, too.`,
      }),
      judged('correlated with a neighbour', of.rest.correlated, {
        limit: limits.correlation,
        note: `Something moved before the camera. ${dark}`,
      }),
      judged('steadiness over time', steadiness(of.rest.parts), {
        limit: limits.steadiness,
        note: `The rate changed while measuring. ${dark}`,
      }),
      ...(this.#context.previous === undefined
        ? []
        : [
            judged('new against the active mask', added, {
              limit: limits.added,
              note: 'More became hot since: the sensor has warmed up, or ages. The new mask has them all.',
            }),
          ]),
    ]
  }
}

function pixelsFrom(counts: Uint32Array, least: number): number[] {
  const hot: number[] = []
  counts.forEach((count, pixel) => {
    if (count >= least) hot.push(pixel)
  })
  return hot.sort((a, b) => counts[b]! - counts[a]! || a - b)
}

const same = (a: FoundPixel) => (b: FoundPixel) => a.x === b.x && a.y === b.y

function pixelsOf(data: Readonly<Record<string, unknown>> | undefined): readonly FoundPixel[] {
  return (data as unknown as HotPixelsData | undefined)?.pixels ?? []
}

/** The busiest part against the calmest, less what chance explains (three standard deviations of each count). */
export function steadiness(parts: Float64Array): number {
  const most = Math.max(...parts)
  const least = Math.min(...parts)
  if (most < FEW_EVENTS) return 1
  return Math.max(1, (most - 3 * Math.sqrt(most)) / (least + 3 * Math.sqrt(least) + 1))
}

/** One pixel a line, `x y`, the most active first; lines that start with % are comments. */
function pixelList(pixels: readonly FoundPixel[]): string {
  const lines = pixels.map(({ x, y }) => `${x} ${y}`)
  return ['% hot pixels: x y, origin at the upper left', ...lines, ''].join('\n')
}
