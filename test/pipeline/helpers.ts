import { createBatch, type EventBatch } from '../../src/events/batch.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { createRng } from '../../src/sources/scene/rng.js'

export interface TestEvent {
  readonly t: number
  readonly x: number
  readonly y: number
  readonly on: number
}

/** Seeded events in time order: half of them crowd around a few places, so that pixels have neighbours and repeats. */
export function randomEvents(options: {
  seed: number
  count: number
  width: number
  height: number
  startUs?: number
  /** Largest step of time from one event to the next. */
  stepUs?: number
}): TestEvent[] {
  const { width, height } = options
  const rng = createRng(options.seed)
  let t = options.startUs ?? 0
  return Array.from({ length: options.count }, () => {
    t += rng.int((options.stepUs ?? 1) + 1)
    const crowd = rng.chance(0.5)
    const x = crowd ? Math.min(width - 1, 3 + rng.int(4)) : rng.int(width)
    const y = crowd ? Math.min(height - 1, 2 + rng.int(4)) : rng.int(height)
    return { t, x, y, on: rng.int(2) }
  })
}

export function batchOf(events: readonly TestEvent[], hostUs = 0): EventBatch {
  const batch = createBatch(Math.max(1, events.length))
  batch.length = events.length
  batch.t0Us = events[0]?.t ?? 0
  batch.hostUs = hostUs
  events.forEach((e, i) => {
    batch.dtUs[i] = e.t - batch.t0Us
    batch.x[i] = e.x
    batch.y[i] = e.y
    batch.on[i] = e.on
  })
  return batch
}

export function eventsOf(batch: EventBatch): TestEvent[] {
  return Array.from({ length: batch.length }, (_, i) => ({
    t: batch.t0Us + batch.dtUs[i]!,
    x: batch.x[i]!,
    y: batch.y[i]!,
    on: batch.on[i]!,
  }))
}

/** Cuts a stream into batches of seeded random lengths; a batch spans less than 2^32 us. */
export function batches(events: readonly TestEvent[], longest: number, seed = 1): TestEvent[][] {
  const rng = createRng(seed)
  const parts: TestEvent[][] = []
  for (let i = 0; i < events.length; ) {
    const firstUs = events[i]!.t
    const part = events.slice(i, i + 1 + rng.int(longest)).filter((e) => e.t - firstUs < 2 ** 32)
    parts.push(part)
    i += part.length
  }
  return parts
}

/** A frame that outlives the callback. */
export function keepFrame(frame: Frame): Frame {
  return { ...frame, planes: frame.planes.slice() }
}
