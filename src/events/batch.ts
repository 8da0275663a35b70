/**
 * A fixed-capacity struct of typed arrays of events: the unit that the decoder fills, filters compact in place and
 * the aggregator consumes. Nothing allocates per event.
 *
 * The time of event i is `t0Us + dtUs[i]` in device microseconds. `t0Us` is a Number (2^53 us is 285 years); `dtUs` is
 * unsigned 32-bit, so a batch must span less than 2^32 us. Within a batch times never go back: whoever fills it
 * commits the batch before a timestamp reset.
 */
export interface EventBatch {
  readonly capacity: number
  /** Number of valid events, at most `capacity`. */
  length: number
  t0Us: number
  readonly dtUs: Uint32Array
  /** Sensor column, 0 at the left. */
  readonly x: Uint16Array
  /** Sensor row, 0 at the top. */
  readonly y: Uint16Array
  /** 1 for an ON event (brighter), 0 for OFF. */
  readonly on: Uint8Array
  /** Host receive time of the transfer that completed these events, microseconds of the monotonic clock (see time.ts). */
  hostUs: number
}

export function createBatch(capacity: number): EventBatch {
  return {
    capacity,
    length: 0,
    t0Us: 0,
    dtUs: new Uint32Array(capacity),
    x: new Uint16Array(capacity),
    y: new Uint16Array(capacity),
    on: new Uint8Array(capacity),
    hostUs: 0,
  }
}
