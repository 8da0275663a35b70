import type { EventBatch } from '../events/batch.js'
import type { ApsImage } from '../events/signals.js'
import type { CalibrationKind, Measurement, MeasurementContext, Outcome, Progress } from './kind.js'
import { failed, judged, LIMITS, told } from './limits.js'
import { lightOf, sharpnessOf } from './picture-statistics.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { focusCurve } from './pictures/focus.js'

/** Events are summed up over this long for one score. */
const EVENT_WINDOW_US = 100_000
/** Fewer events than these in a window show no edges. */
const FEW_EVENTS = 2000
/** Scores are smoothed by the median of so many. */
const SMOOTH = 5
/** A picture darker than this, of 255, or with less light in it, is that of a covered lens. */
const DARK_MEAN = 6

export const focusKind: CalibrationKind<Record<string, never>> = {
  name: 'focus',
  title: 'Focus',
  ask: 'Point the camera at something with fine detail, turn the focus ring slowly from one end to the other, then back to where the score was highest.',
  needs: ['events'],
  seconds: 60,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'still',
  prepare: (preset) => ({ ...preset, aps: { ...preset.aps, run: true } }),
  create: (context) => new FocusMeasurement(context),
}

/** A score and its time since the start. */
type Score = readonly [seconds: number, score: number]

/**
 * Scores sharpness as it goes: by the pictures where there are some, else by how sharply events gather. A moving scene
 * or a moving camera makes the second work.
 */
class FocusMeasurement implements Measurement {
  readonly #width: number
  readonly #counts: Uint16Array
  readonly #byPicture: Score[] = []
  readonly #byEvents: Score[] = []
  #windowEvents = 0
  #windowUs = Number.NaN
  #startUs = Number.NaN
  #dark = 0
  #pictures = 0

  constructor({ size }: MeasurementContext<unknown>) {
    this.#width = size.width
    this.#counts = new Uint16Array(size.width * size.height)
  }

  // hot
  events({ length, t0Us, dtUs, x, y }: EventBatch): void {
    const counts = this.#counts
    const width = this.#width
    for (let i = 0; i < length; i++) {
      const t = t0Us + dtUs[i]!
      if (!(t < this.#windowUs + EVENT_WINDOW_US)) this.#closeWindow(t)
      const p = y[i]! * width + x[i]!
      if (p < counts.length) counts[p]!++
    }
    this.#windowEvents += length
  }

  #closeWindow(tUs: number): void {
    this.#begin(tUs)
    if (this.#windowEvents >= FEW_EVENTS) {
      this.#byEvents.push([this.#since(this.#windowUs), gathering(this.#counts)])
    }
    this.#counts.fill(0)
    this.#windowEvents = 0
    this.#windowUs = tUs
  }

  image(image: ApsImage): void {
    this.#begin(image.tUs)
    this.#pictures++
    if (lightOf(image).mean < DARK_MEAN) this.#dark++
    const score = sharpnessOf(image)
    if (!Number.isNaN(score)) this.#byPicture.push([this.#since(image.tUs), 100 * score])
  }

  #begin(tUs: number): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = tUs
  }

  #since(tUs: number): number {
    return Math.max(0, (tUs - this.#startUs) / 1e6)
  }

  #scores(): readonly Score[] {
    return smooth(this.#by() === 'pictures' ? this.#byPicture : this.#byEvents)
  }

  progress(): Progress {
    const scores = this.#scores()
    const now = scores.at(-1)?.[1]
    if (now === undefined) return { text: 'waiting for something to see', figures: {} }
    const best = Math.max(...scores.map(([, s]) => s))
    const filled = Math.round((20 * now) / best)
    return {
      text: `${'#'.repeat(filled)}${'-'.repeat(20 - filled)} ${now.toFixed(2)}, best ${best.toFixed(2)}`,
      figures: { score: now, best },
    }
  }

  #by(): 'pictures' | 'events' {
    return this.#byPicture.length >= SMOOTH ? 'pictures' : 'events'
  }

  #curve(scores: readonly Score[]): Depiction {
    return focusCurve({ scores, by: this.#by(), near: LIMITS.focus.nearPeak.pass / 100 })
  }

  depict(): Depiction | undefined {
    const scores = this.#scores()
    return scores.length === 0 ? undefined : this.#curve(scores)
  }

  finish(): Outcome {
    const scores = this.#scores()
    if (scores.length < SMOOTH || this.#dark > this.#pictures / 2) {
      const note =
        this.#dark > this.#pictures / 2
          ? 'The pictures are dark: take the cover off the lens, or expose longer.'
          : 'Nothing to see: point the camera at something with detail, and move it if there are no pictures.'
      return { rows: [failed('scores', note)], data: {}, pictures: [], exports: [] }
    }
    const values = scores.map(([, s]) => s)
    const best = Math.max(...values)
    const worst = Math.min(...values)
    const last = values.at(-1)!
    const peakAt = scores[values.indexOf(best)]![0]
    const by = this.#by()
    const limits = LIMITS.focus
    const rows = [
      told('best score', best, ''),
      judged('best against worst', best / Math.max(1e-9, worst), {
        limit: limits.range,
        note: 'The score hardly changed: turn the ring all the way, at a scene with fine detail.',
      }),
      judged('score at the end against the best', (100 * last) / best, {
        limit: limits.nearPeak,
        note: 'The ring was left beside the peak: turn it back until the score is highest.',
      }),
    ]
    return {
      rows,
      data: { by, best, worst, last, peakAtSeconds: peakAt },
      pictures: [pictureOf('focus', this.#curve(scores), rows.at(-1))],
      exports: [],
    }
  }
}

/**
 * How sharply events gather: variance over mean of the counts of pixels that saw something. A sharp edge falls on few
 * pixels, a blurred one on many.
 */
export function gathering(counts: Uint16Array): number {
  let n = 0
  let sum = 0
  let squares = 0
  for (let i = 0; i < counts.length; i++) {
    const c = counts[i]!
    if (c === 0) continue
    n++
    sum += c
    squares += c * c
  }
  return n === 0 ? 0 : squares / sum
}

function smooth(scores: readonly Score[]): Score[] {
  return scores.slice(SMOOTH - 1).map(([s], i) => {
    const near = scores
      .slice(i, i + SMOOTH)
      .map(([, v]) => v)
      .sort((a, b) => a - b)
    return [s, near[(SMOOTH - 1) >> 1]!]
  })
}
