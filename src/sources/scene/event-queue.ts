import type { EventBatch } from '../../events/batch.js'

/**
 * Collects the events of one step in any order, puts them in time order (counting sort on the microsecond) and passes
 * them on, at most as fast as the readout of the sensor allows.
 *
 * Bounded: `capacity` events a step. Drop policy: once full, further events of the step are lost and counted in
 * `dropped`; what the readout could not pass in its step waits for the next one and comes first there.
 */
export interface EventQueue {
  /** pixel · 2 + on, in order of creation. */
  readonly staged: Int32Array
  /** Microseconds from the start of the step, not sorted. */
  readonly stagedAt: Uint16Array
  stagedCount: number
  dropped: number
  readonly width: number
  readonly capacity: number
  readonly counts: Int32Array
  readonly sorted: Int32Array
  readonly sortedAt: Uint16Array
  sortedCount: number
  /** First sorted event not yet handed out. */
  cursor: number
  stepStartUs: number
  readonly usPerEvent: number
  /** When the readout is free again, us. */
  readoutFreeUs: number
  /** How long an event now waits for the readout, us: a pixel cannot fire again before it was read. */
  waitUs: number
}

export function createEventQueue(options: {
  width: number
  capacity: number
  maxStepUs: number
  readoutPerSecond: number
}): EventQueue {
  const { width, capacity, maxStepUs, readoutPerSecond } = options
  return {
    staged: new Int32Array(capacity),
    stagedAt: new Uint16Array(capacity),
    stagedCount: 0,
    dropped: 0,
    width,
    capacity,
    counts: new Int32Array(maxStepUs + 1),
    sorted: new Int32Array(capacity),
    sortedAt: new Uint16Array(capacity),
    sortedCount: 0,
    cursor: 0,
    stepStartUs: 0,
    usPerEvent: readoutPerSecond > 0 ? 1e6 / readoutPerSecond : 0,
    readoutFreeUs: 0,
    waitUs: 0,
  }
}

// hot
/** Sorts what was staged for the step [startUs, startUs + stepUs). Everything before must have been taken. */
export function closeStep(queue: EventQueue, startUs: number, stepUs: number): void {
  const { staged, stagedAt, sorted, sortedAt, counts, stagedCount } = queue
  counts.fill(0, 0, stepUs + 1)
  for (let i = 0; i < stagedCount; i++) counts[stagedAt[i]! + 1]!++
  for (let i = 1; i < stepUs; i++) counts[i]! += counts[i - 1]!
  for (let i = 0; i < stagedCount; i++) {
    const at = stagedAt[i]!
    const k = counts[at]!++
    sorted[k] = staged[i]!
    sortedAt[k] = at
  }
  queue.stepStartUs = startUs
  queue.cursor = 0
  queue.sortedCount = stagedCount
  queue.stagedCount = 0
  if (queue.usPerEvent > 0) limitReadout(queue, stepUs)
}

// hot
function limitReadout(queue: EventQueue, stepUs: number): void {
  const { sorted, sortedAt, staged, stagedAt, usPerEvent, sortedCount } = queue
  let free = queue.readoutFreeUs - queue.stepStartUs
  let passed = 0
  for (; passed < sortedCount; passed++) {
    const at = sortedAt[passed]!
    if (at > free) free = at
    if (free >= stepUs) break
    sortedAt[passed] = free | 0
    free += usPerEvent
  }
  queue.readoutFreeUs = queue.stepStartUs + free
  queue.sortedCount = passed
  const waiting = sortedCount - passed
  for (let i = 0; i < waiting; i++) {
    staged[i] = sorted[passed + i]!
    stagedAt[i] = 0
  }
  queue.stagedCount = waiting
  queue.waitUs = waiting * usPerEvent
}

// hot
/** Moves events before `untilUs` into the batch until it is full. True when none before `untilUs` is left. */
export function takeEvents(queue: EventQueue, batch: EventBatch, untilUs: number): boolean {
  const { sorted, sortedAt, sortedCount, width, stepStartUs } = queue
  const { dtUs, x, y, on, capacity } = batch
  let n = batch.length
  let k = queue.cursor
  if (k < sortedCount && n === 0) batch.t0Us = stepStartUs
  const shift = stepStartUs - batch.t0Us
  const until = untilUs - stepStartUs
  const perWidth = 1 / width
  while (k < sortedCount && n < capacity && sortedAt[k]! < until) {
    const event = sorted[k]!
    const pixel = event >> 1
    const row = ((pixel + 0.5) * perWidth) | 0
    dtUs[n] = shift + sortedAt[k]!
    x[n] = pixel - row * width
    y[n] = row
    on[n] = event & 1
    n++
    k++
  }
  batch.length = n
  queue.cursor = k
  return k >= sortedCount || sortedAt[k]! >= until
}
