import type { EventBatch } from '../events/batch.js'
import type {
  CalibrationKind,
  Measurement,
  MeasurementContext,
  Outcome,
  Picture,
  Progress,
  Row,
} from './kind.js'
import { judged, LIMITS, told } from './limits.js'
import { NeighbourTimes } from './neighbour-times.js'
import {
  AGE_BINS,
  ageBin,
  bestFilter,
  type FilterChoice,
  filterChoices,
  MAX_SUPPORT,
} from './noise-fit.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { SpanSample } from './pictures/event-sample.js'
import { filterCurves, filteredEvents } from './pictures/noise.js'
import { fullView } from './prepare.js'
import type { NoiseOptions } from './schema.js'

/** Motion is looked for in squares of this side. */
const CELL_PX = 16
/** Around the moment at which the lens is uncovered nothing counts, in either part. */
const SETTLE_US = 500_000
/** A square in which more happens than noise explains, by this factor, shows something that moves. */
const MOVING = 5
/** A filter is not chosen by fewer events of moving things than these. */
const FEW_WANTED = 500
/** Spans of which pictures are made: noise is thin, motion is not; on the live page this many events. */
const SHOWN_US = { dark: 1_000_000, moving: 50_000 } as const
/** What the live page shows while no filter is chosen: the usual one. */
const USUAL = { timeUs: 5000, support: 1 } as const
const CHIP_STEP_US = 250
const KEPT_ROW = 'events kept where something moves'
const COUNTS = MAX_SUPPORT * AGE_BINS

export const noiseKind: CalibrationKind<NoiseOptions> = {
  name: 'noise',
  title: 'Background activity filter',
  ask: 'Cover the lens; when the first part is over, uncover it and let something move in the picture until the end.',
  needs: ['events'],
  seconds: 15,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'uncovered',
  prepare: (preset) => fullView(preset, { images: false }),
  create: (context) => new NoiseMeasurement(context),
}

class NoiseMeasurement implements Measurement {
  readonly #context: MeasurementContext<NoiseOptions>
  readonly #columns: number
  readonly #cells: number
  readonly #times: NeighbourTimes
  readonly #masked: Uint8Array
  /** Ages of neighbours in the dark, [COUNTS], and with motion, [cells, COUNTS]. */
  readonly #dark = new Float64Array(COUNTS)
  readonly #moving: Float64Array
  readonly #darkEvents: Float64Array
  readonly #movingEvents: Float64Array
  readonly #latest = new Float64Array(MAX_SUPPORT)
  /** Events for the pictures: the last full span of each part, and the one that fills. */
  readonly #samples: Readonly<Record<'dark' | 'moving', SpanSample>>
  #startUs = Number.NaN
  #lastUs = 0

  constructor(context: MeasurementContext<NoiseOptions>) {
    this.#context = context
    const { width, height } = context.size
    this.#columns = Math.ceil(width / CELL_PX)
    this.#cells = this.#columns * Math.ceil(height / CELL_PX)
    this.#times = new NeighbourTimes(context.size)
    this.#masked = new Uint8Array(width * height)
    const area = width * height
    this.#samples = {
      dark: new SpanSample(area, SHOWN_US.dark),
      moving: new SpanSample(area, SHOWN_US.moving),
    }
    for (const { hotPixels = [] } of context.others)
      for (const [x, y] of hotPixels) if (x < width && y < height) this.#masked[y * width + x] = 1
    this.#moving = new Float64Array(this.#cells * COUNTS)
    this.#darkEvents = new Float64Array(this.#cells)
    this.#movingEvents = new Float64Array(this.#cells)
  }

  /** Device time at which the lens is uncovered. */
  #uncoverUs(): number {
    const { options, seconds } = this.#context
    return this.#startUs + Math.min(options.darkSeconds, seconds / 2) * 1e6
  }

  // hot
  events(batch: EventBatch): void {
    const { width, height } = this.#context.size
    const { length, t0Us, dtUs, x, y } = batch
    if (length === 0) return
    this.time(t0Us + dtUs[0]!)
    const uncoverUs = this.#uncoverUs()
    const darkEnds = uncoverUs - SETTLE_US
    const motionStarts = uncoverUs + SETTLE_US
    const times = this.#times
    const latest = this.#latest
    const columns = this.#columns
    for (let i = 0; i < length; i++) {
      const px = x[i]!
      const py = y[i]!
      if (px >= width || py >= height || this.#masked[py * width + px] !== 0) continue
      const t = t0Us + dtUs[i]!
      if (t < darkEnds || t >= motionStarts) {
        times.latest(px, py, latest)
        const cell = Math.floor(py / CELL_PX) * columns + Math.floor(px / CELL_PX)
        const inDark = t < darkEnds
        const into = inDark ? this.#dark : this.#moving
        const at = inDark ? 0 : cell * COUNTS
        for (let k = 0; k < MAX_SUPPORT; k++) into[at + k * AGE_BINS + ageBin(t - latest[k]!)]!++
        if (inDark) this.#darkEvents[cell]!++
        else this.#movingEvents[cell]!++
        const sample = inDark ? this.#samples.dark : this.#samples.moving
        sample.add(py * width + px, t, latest)
      }
      times.fired(px, py, t)
    }
    this.time(t0Us + dtUs[length - 1]!)
  }

  time(tUs: number): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = tUs
    this.#lastUs = Math.max(this.#lastUs, tUs)
  }

  gap(): void {
    this.#times.reset()
  }

  progress(): Progress {
    const dark = sum(this.#darkEvents)
    const moving = sum(this.#movingEvents)
    const left = (this.#uncoverUs() - this.#lastUs) / 1e6
    const text =
      Number.isNaN(left) || left > 0
        ? `covered, ${Math.max(0, Math.ceil(left || 0))} s more`
        : 'uncovered: let something move'
    return { text, figures: { dark_events: dark, moving_events: moving } }
  }

  #filtered(part: 'dark' | 'moving', filter: { timeUs: number; support: number }): Depiction {
    const seconds = SHOWN_US[part] / 1e6
    const what = part === 'dark' ? 'covered' : 'something moves'
    return filteredEvents({
      size: this.#context.size,
      tones: this.#samples[part].shown.filtered(filter),
      title: `What the filter does to ${seconds} s of events: ${what}`,
      filter,
    })
  }

  depict(): Depiction | undefined {
    if (Number.isNaN(this.#startUs)) return undefined
    return this.#filtered(this.#lastUs < this.#uncoverUs() ? 'dark' : 'moving', USUAL)
  }

  #pictures(choices: readonly FilterChoice[], rows: readonly Row[]): Picture[] {
    const best = bestFilter(choices)
    const rowOf = (name: string) => rows.find((each) => each.name === name)
    return [
      pictureOf('dark-filtered', this.#filtered('dark', best), rowOf('noise rejected')),
      pictureOf('moving-filtered', this.#filtered('moving', best), rowOf(KEPT_ROW)),
      pictureOf('noise-filter', filterCurves(choices, best)),
    ]
  }

  finish(): Outcome {
    const { options, size } = this.#context
    const uncoverUs = this.#uncoverUs()
    const darkS = Math.max(1e-6, (uncoverUs - SETTLE_US - this.#startUs) / 1e6)
    const motionS = Math.max(1e-6, (this.#lastUs - uncoverUs - SETTLE_US) / 1e6)
    const darkHz = sum(this.#darkEvents) / darkS
    const wanted = this.#wantedAges(motionS / darkS)
    const choices = filterChoices(this.#dark, wanted.ages)
    const best = bestFilter(choices)
    const chip = options.chip && best.support === 1
    const limits = LIMITS.noise
    const unlike = 'Cover the lens for the first part, then let something move.'
    const rows = [
      judged('noise in the dark', darkHz / (size.width * size.height), {
        limit: limits.dark,
        note: `That is more than noise. ${unlike}`,
      }),
      judged('rate where something moves against dark', wanted.contrast, {
        limit: limits.contrast,
        note: `Too little moved to judge by. ${unlike}`,
      }),
      judged(KEPT_ROW, 100 * best.kept, {
        limit: limits.kept,
        note: 'Something moves too faintly or too slowly to be told from noise: more light, or a lower threshold.',
      }),
      judged('noise rejected', 100 * best.rejected, {
        limit: limits.rejected,
        note: 'The sensor is too noisy: mask its hot pixels first, cool it, or raise its thresholds.',
      }),
      told('background activity time', best.timeUs / 1000, 'ms'),
      told('neighbours needed', best.support, ''),
    ]
    return {
      rows,
      data: {
        timeUs: best.timeUs,
        support: best.support,
        rejected: best.rejected,
        kept: best.kept,
        chip,
        darkHz,
        movingCells: wanted.cells,
      },
      // One filter, not two in a row: the second would miss the supporters that the first has dropped.
      settings: {
        filters: {
          backgroundActivityUs: chip ? 0 : best.timeUs,
          backgroundActivitySupport: best.support,
        },
        preset: {
          dvs: chip
            ? {
                backgroundActivity: true,
                backgroundActivityTimeUs: Math.ceil(best.timeUs / CHIP_STEP_US) * CHIP_STEP_US,
              }
            : { backgroundActivity: false },
        },
      },
      pictures: this.#pictures(choices, rows),
      exports: [{ name: 'filter-choices.json', content: `${JSON.stringify(choices, null, 1)}\n` }],
    }
  }

  /**
   * Ages of what moves: what the squares with motion have, less the noise that these squares have in the dark. `scale`:
   * time with motion over time in the dark.
   */
  #wantedAges(scale: number) {
    const darkTotal = sum(this.#darkEvents)
    const ages = new Float64Array(COUNTS)
    let cells = 0
    let seen = 0
    let dark = 0
    const meanDark = darkTotal / this.#cells
    for (let cell = 0; cell < this.#cells; cell++) {
      const expected = scale * Math.max(this.#darkEvents[cell]!, meanDark)
      if (this.#movingEvents[cell]! < MOVING * (expected + 10)) continue
      cells++
      seen += this.#movingEvents[cell]!
      dark += expected
      const noise = darkTotal === 0 ? 0 : (scale * this.#darkEvents[cell]!) / darkTotal
      for (let i = 0; i < COUNTS; i++)
        ages[i]! += this.#moving[cell * COUNTS + i]! - noise * this.#dark[i]!
    }
    for (let i = 0; i < COUNTS; i++) ages[i] = Math.max(0, ages[i]!)
    return { ages, cells, contrast: seen - dark < FEW_WANTED ? 1 : seen / Math.max(1, dark) }
  }
}

function sum(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
