import type { EventBatch } from '../events/batch.js'
import type { Size } from '../events/geometry.js'
import type { Gap } from '../events/signals.js'
import { Aggregator } from './aggregate.js'
import { FilterChain } from './filters.js'
import type { FrameSink } from './frame-sink.js'
import type { AggregationConfig, FiltersConfig } from './schema.js'

export interface PipelineConfig {
  readonly filters: FiltersConfig
  readonly aggregation: AggregationConfig
}

/** Filters and aggregation as one sink for a source's events, time and gaps. */
export class Pipeline {
  readonly filters: FilterChain
  readonly aggregator: Aggregator
  #lastUs = Number.NEGATIVE_INFINITY

  constructor(config: PipelineConfig, size: Size, sink: FrameSink) {
    this.filters = new FilterChain(config.filters, size)
    this.aggregator = new Aggregator(config.aggregation, size, sink)
  }

  /** Filters the batch in place and adds what is left to the open window. */
  events(batch: EventBatch): void {
    const eventsIn = batch.length
    if (eventsIn === 0) return
    const firstUs = batch.t0Us + batch.dtUs[0]!
    const lastUs = batch.t0Us + batch.dtUs[eventsIn - 1]!
    // A source announces that time restarts; should one not, two times must still not be mixed.
    if (firstUs < this.#lastUs) this.gap({ reason: 'reset', tUs: firstUs })
    this.#lastUs = lastUs
    this.filters.apply(batch)
    this.aggregator.add(batch, eventsIn)
    // Noise that was dropped still tells the time.
    this.aggregator.time(lastUs, batch.hostUs)
  }

  time(tUs: number, hostUs: number): void {
    this.aggregator.time(tUs, hostUs)
  }

  gap(gap: Gap): void {
    const timeGoesOn =
      gap.reason !== 'reset' &&
      gap.reason !== 'reconnect' &&
      (gap.tUs ?? Number.POSITIVE_INFINITY) >= this.#lastUs
    if (!timeGoesOn) {
      this.#lastUs = Number.NEGATIVE_INFINITY
      this.filters.reset()
    }
    this.aggregator.gap(timeGoesOn ? gap : { ...gap, reason: 'reset' })
  }
}
