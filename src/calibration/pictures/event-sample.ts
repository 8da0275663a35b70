import { MAX_SUPPORT } from '../noise-fit.js'
import { KEPT, type Tones } from './tones.js'

/** Drop policy: of a span with more events than these the later ones are not shown. */
const CAPACITY = 40_000

/** Events of a short span with the ages of their neighbours, so that it can be shown what a filter makes of them. */
export class EventSample {
  readonly #pixels = new Uint32Array(CAPACITY)
  /** [CAPACITY, MAX_SUPPORT], latest neighbour first, microseconds. */
  readonly #ages = new Float32Array(CAPACITY * MAX_SUPPORT)
  readonly #area: number
  #count = 0

  constructor(area: number) {
    this.#area = area
  }

  /** hot. `latest`: times of the neighbours, latest first. */
  add(pixel: number, tUs: number, latest: Float64Array): void {
    const at = this.#count
    if (at >= CAPACITY) return
    this.#pixels[at] = pixel
    for (let k = 0; k < MAX_SUPPORT; k++) this.#ages[at * MAX_SUPPORT + k] = tUs - latest[k]!
    this.#count = at + 1
  }

  clear(): void {
    this.#count = 0
  }

  /** Pixels with events that a filter keeps, and those of which it drops all. */
  filtered({ timeUs, support }: { timeUs: number; support: number }): Tones {
    const values = new Uint8Array(this.#area)
    for (let i = 0; i < this.#count; i++) {
      const pixel = this.#pixels[i]!
      const keeps = this.#ages[i * MAX_SUPPORT + support - 1]! <= timeUs
      if (keeps) values[pixel] = KEPT.kept
      else if (values[pixel] === KEPT.nothing) values[pixel] = KEPT.dropped
    }
    return { values, palette: 'kept' }
  }
}

/** The last full span of events: one sample is shown while the next one fills. */
export class SpanSample {
  readonly #spanUs: number
  #shown: EventSample
  #filling: EventSample
  #endUs = Number.NEGATIVE_INFINITY
  #full = false

  constructor(area: number, spanUs: number) {
    this.#spanUs = spanUs
    this.#shown = new EventSample(area)
    this.#filling = new EventSample(area)
  }

  /** The one that fills, until a first one is full. */
  get shown(): EventSample {
    return this.#full ? this.#shown : this.#filling
  }

  /** hot */
  add(pixel: number, tUs: number, latest: Float64Array): void {
    if (tUs >= this.#endUs) this.#turn(tUs)
    this.#filling.add(pixel, tUs, latest)
  }

  #turn(tUs: number): void {
    this.#full = Number.isFinite(this.#endUs)
    const next = this.#shown
    this.#shown = this.#filling
    this.#filling = next
    next.clear()
    this.#endUs = tUs + this.#spanUs
  }
}
