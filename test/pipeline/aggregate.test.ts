import t, { type Test } from 'tap'
import { Aggregator } from '../../src/pipeline/aggregate.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { frameCallback } from '../../src/pipeline/frame-sink.js'
import { type AggregationConfig, aggregationSchema } from '../../src/pipeline/schema.js'
import { batches, batchOf, keepFrame, randomEvents, type TestEvent } from './helpers.js'

// Not a multiple of 16 pixels: the last vector is partly padding.
const size = { width: 19, height: 13 }
const pixels = size.width * size.height
const configure = (config: object): AggregationConfig => aggregationSchema.parse(config)

function record(config: AggregationConfig): { aggregator: Aggregator; frames: Frame[] } {
  const frames: Frame[] = []
  const sink = frameCallback(size, (frame) => frames.push(keepFrame(frame)))
  return { aggregator: new Aggregator(config, size, sink), frames }
}

function aggregate(
  config: AggregationConfig,
  events: readonly TestEvent[],
  longest = 300,
): Frame[] {
  const { aggregator, frames } = record(config)
  for (const part of batches(events, longest)) aggregator.add(batchOf(part))
  return frames
}

interface Cut {
  readonly tStartUs: number
  readonly tEndUs: number
  readonly events: readonly TestEvent[]
}

/** Every full window that the last event closes. */
function cutByTime(config: AggregationConfig, events: readonly TestEvent[]): Cut[] {
  const { windowUs, hopUs } = config
  const cuts: Cut[] = []
  let tStartUs = Math.floor(events[0]!.t / hopUs) * hopUs
  for (; tStartUs + windowUs <= events.at(-1)!.t; tStartUs += hopUs) {
    const tEndUs = tStartUs + windowUs
    cuts.push({ tStartUs, tEndUs, events: events.filter((e) => e.t >= tStartUs && e.t < tEndUs) })
  }
  return cuts
}

function cutByCount(config: AggregationConfig, events: readonly TestEvent[]): Cut[] {
  const hop = config.hopEvents || config.windowEvents
  const cuts: Cut[] = []
  for (let i = 0; i + config.windowEvents <= events.length; i += hop) {
    const part = events.slice(i, i + config.windowEvents)
    cuts.push({ tStartUs: part[0]!.t, tEndUs: part.at(-1)!.t + 1, events: part })
  }
  return cuts
}

/** The Global Trajectory Prompt a pixel at a time: trajectory, negative, positive. */
function planesOf(cuts: readonly Cut[], config: AggregationConfig): Uint8Array[] {
  const trajectory = new Float32Array(pixels)
  const decay = Math.fround(config.decay)
  let previous: Uint8Array | undefined
  return cuts.map((cut) => {
    const planes = new Uint8Array(3 * pixels)
    for (const { x, y, on } of cut.events) {
      const at = (on === 1 ? 2 : 1) * pixels + y * size.width + x
      planes[at] = Math.min(255, planes[at]! + config.amount)
    }
    for (let p = 0; previous !== undefined && p < pixels; p++) {
      let onsets = 0
      for (const plane of [1, 2])
        if (previous[plane * pixels + p] === 0 && planes[plane * pixels + p] !== 0) onsets++
      const decayed = Math.fround(trajectory[p]! * decay)
      trajectory[p] = Math.min(255, Math.fround(decayed + onsets * config.amount))
      planes[p] = Math.trunc(trajectory[p]!)
    }
    previous = planes
    return planes
  })
}

function compare(
  t: Test,
  frames: readonly Frame[],
  expected: { cuts: Cut[]; config: AggregationConfig },
) {
  const planes = planesOf(expected.cuts, expected.config)
  t.equal(frames.length, expected.cuts.length, 'number of windows')
  frames.forEach((frame, i) => {
    const cut = expected.cuts[i]!
    t.match(frame.header, {
      seq: i,
      tStartUs: cut.tStartUs,
      tEndUs: cut.tEndUs,
      events: cut.events.length,
      eventsIn: cut.events.length,
      gapUs: 0,
      broken: false,
    })
    t.ok(Buffer.from(frame.planes).equals(planes[i]!), `planes of window ${i}`)
  })
}

t.test('windows by time equal the definition', async (t) => {
  const events = randomEvents({ seed: 11, count: 15_000, ...size, startUs: 123_456, stepUs: 20 })
  const configs = [
    { windowUs: 10_000, hopUs: 10_000 },
    { windowUs: 30_000, hopUs: 10_000 },
    { windowUs: 6000, hopUs: 1000, amount: 255, decay: 1 },
    { windowUs: 8000, hopUs: 500, amount: 1, decay: 0.37 },
    { windowUs: 5000, hopUs: 5000, amount: 100, decay: 0 },
  ]
  for (const raw of configs) {
    const config = configure(raw)
    const cuts = cutByTime(config, events)
    t.ok(cuts.length >= 10)
    compare(t, aggregate(config, events), { cuts, config })
  }
})

t.test('windows by event count equal the definition', async (t) => {
  const events = randomEvents({ seed: 12, count: 9000, ...size, startUs: 5, stepUs: 20 })
  for (const raw of [{ windowEvents: 700 }, { windowEvents: 600, hopEvents: 100 }]) {
    const config = configure(raw)
    compare(t, aggregate(config, events, 2000), { cuts: cutByCount(config, events), config })
  }
})

t.test('how the stream is cut into batches does not matter', async (t) => {
  const config = configure({ windowUs: 9000, hopUs: 3000 })
  const events = randomEvents({ seed: 13, count: 20_000, ...size, stepUs: 10 })
  t.same(aggregate(config, events, 20_000), aggregate(config, events, 7))
})

t.test('planes saturate at 255, in one hop and over hops', async (t) => {
  const config = configure({ windowUs: 2000, hopUs: 1000 })
  const at = (tUs: number, count: number) =>
    Array.from({ length: count }, () => ({ t: tUs, x: 3, y: 0, on: 1 }))
  const frames = aggregate(config, [...at(0, 5), ...at(1000, 4), ...at(2000, 20), ...at(3000, 1)])
  const pixel = frames.map((f) => f.planes[2 * pixels + 3])
  t.same(pixel, [255, 255], '9 * 30 > 255')
  const few = aggregate(config, [...at(0, 5), ...at(1000, 3), ...at(2000, 1)])
  t.equal(few[0]!.planes[2 * pixels + 3], 240)
})

t.test('the trajectory: nothing at first, then onsets, decay, truncation', async (t) => {
  const config = configure({ windowUs: 1000, hopUs: 1000 })
  const { aggregator, frames } = record(config)
  const fire = (tUs: number, x: number, on: number) => ({ t: tUs, x, y: 0, on })
  aggregator.add(batchOf([fire(0, 0, 1), fire(1000, 0, 1), fire(1001, 1, 1), fire(1002, 1, 0)]))
  aggregator.time(6000, 0)
  const trajectory = [0, 1].map((x) => frames.map((frame) => frame.planes[x]))
  t.same(trajectory[0], [0, 0, 0, 0, 0, 0], 'awake since before: no onset')
  t.same(trajectory[1], [0, 60, 48, 38, 30, 24], '60 * 0.8^n, truncated')
})

t.test('time closes windows in silence, and only what is over', async (t) => {
  const { aggregator, frames } = record(configure({ windowUs: 2000, hopUs: 1000 }))
  aggregator.time(5500, 1)
  aggregator.time(6999, 2)
  t.equal(frames.length, 0)
  aggregator.time(7000, 3)
  t.match(frames[0]?.header, { tStartUs: 5000, tEndUs: 7000, events: 0, hostUs: 3 })
  aggregator.add(batchOf([{ t: 7100, x: 1, y: 1, on: 1 }], 4), 50)
  aggregator.time(6000, 5)
  t.equal(frames.length, 1, 'time that goes back is not heard')
  aggregator.time(9000, 6)
  t.match(frames[1]?.header, { tEndUs: 8000, events: 1, eventsIn: 50, hostUs: 4 })
  t.match(frames[2]?.header, { tStartUs: 7000, tEndUs: 9000, events: 1, seq: 2 })
  aggregator.add(batchOf([]), 7)
  aggregator.time(11_000, 8)
  t.match(frames[4]?.header, { events: 0, eventsIn: 7, hostUs: 8 })
})

t.test('eventsIn is shared among the hops of a batch without loss', async (t) => {
  const { aggregator, frames } = record(configure({ windowUs: 1000, hopUs: 1000 }))
  const events = randomEvents({ seed: 4, count: 500, ...size, stepUs: 20 })
  aggregator.add(batchOf(events), 1234)
  aggregator.time(1e5, 0)
  t.ok(frames.length > 4)
  t.equal(
    frames.reduce((sum, frame) => sum + frame.header.eventsIn, 0),
    1234,
  )
})

t.test('a long silence makes a bounded number of windows and says what it left out', async (t) => {
  const config = configure({ windowUs: 2000, hopUs: 1000, decay: 0.999 })
  const { aggregator, frames } = record(config)
  aggregator.time(0, 0)
  aggregator.add(batchOf([{ t: 2500, x: 4, y: 0, on: 1 }]))
  const hour = 3600e6
  aggregator.time(hour + 300, 0)
  const before = frames.length
  t.ok(before < 300, `${before} windows`)
  const lastUs = frames.at(-1)!.header.tEndUs
  aggregator.add(batchOf([{ t: hour + 400, x: 5, y: 0, on: 1 }]))
  aggregator.time(hour + 1000, 0)
  const next = frames.at(-1)!
  t.equal(frames.length, before + 1)
  t.match(next.header, { seq: before, tEndUs: hour + 1000, events: 1, broken: false })
  t.equal(next.header.gapUs, hour - lastUs)
  t.same([...next.planes.subarray(4, 6)], [0, 30], 'what was, has faded; what wakes, is new')
  t.equal(aggregator.counters.snapshot().silencesSkipped, 1)
})

t.test('a gap marks every window with the hole and makes no onsets', async (t) => {
  const config = configure({ windowUs: 2000, hopUs: 1000 })
  const { aggregator, frames } = record(config)
  const event = (tUs: number, x: number) => ({ t: tUs, x, y: 0, on: 1 })
  aggregator.time(0, 0)
  aggregator.add(batchOf([event(100, 0), event(2100, 1)]))
  aggregator.gap({ reason: 'overrun', tUs: 2400 })
  aggregator.add(batchOf([event(2500, 2), event(3500, 3), event(4500, 4)]))
  aggregator.time(6000, 0)
  t.same(
    frames.map(({ header }) => [header.tEndUs, header.broken, header.gapUs]),
    [
      [2000, false, 0],
      [3000, true, 300],
      [4000, true, 0],
      [5000, false, 0],
      [6000, false, 0],
    ],
  )
  t.same([...frames[1]!.planes.subarray(0, 4)], [0, 0, 0, 0], 'no onset in the first')
  t.equal(frames[1]!.planes[2 * pixels + 2], 30, 'but its events are there')
  t.equal(frames[2]!.planes[3], 30, 'onsets again')
})

t.test('starts anew when time restarts, announced or not', async (t) => {
  const config = configure({ windowUs: 2000, hopUs: 1000 })
  const events = randomEvents({ seed: 15, count: 3000, ...size, startUs: 700, stepUs: 6 })
  const fresh = aggregate(config, events)
  for (const announced of [true, false]) {
    const { aggregator, frames } = record(config)
    aggregator.add(
      batchOf(randomEvents({ seed: 14, count: 900, ...size, startUs: 1e7, stepUs: 9 })),
    )
    const before = frames.length
    if (announced) aggregator.gap({ reason: 'reset', tUs: 0 })
    aggregator.add(batchOf(events))
    const after = frames.slice(before)
    t.same(
      after.map((f) => f.planes),
      fresh.map((f) => f.planes),
    )
    t.same(
      after.map((f) => f.header.broken),
      after.map((_, i) => i === 0),
    )
    t.same(
      after.map((f) => f.header.seq),
      after.map((_, i) => before + i),
      'seq goes on',
    )
    t.equal(aggregator.counters.snapshot().timeRestarts, announced ? 0 : 1)
  }
})

t.test('without memory a window is lost and counted, and the next carries its marks', async (t) => {
  const frames: Frame[] = []
  const kept = frameCallback(size, (frame) => frames.push(keepFrame(frame)))
  let full = false
  const sink = { ...kept, claim: () => (full ? undefined : kept.claim()) }
  const config = configure({ windowUs: 1000, hopUs: 1000 })
  const aggregator = new Aggregator(config, size, sink)
  const events = randomEvents({ seed: 16, count: 900, ...size, stepUs: 10 })
  const parts = [events.filter((e) => e.t < 1500), events.filter((e) => e.t >= 1500)]
  aggregator.add(batchOf(parts[0]!))
  full = true
  aggregator.gap({ reason: 'dropped', tUs: 1520 })
  aggregator.time(2000, 0)
  full = false
  aggregator.add(batchOf(parts[1]!.filter((e) => e.t >= 2000)))
  t.same(
    frames.slice(0, 3).map((f) => f.header.seq),
    [0, 2, 3],
  )
  t.same(
    frames.slice(0, 3).map((f) => f.header.broken),
    [false, true, false],
  )
  t.ok(frames[1]!.header.gapUs > 0)
  t.match(aggregator.counters.snapshot(), { windowsDropped: 1, windows: frames.length + 1 })
})

t.test('events outside the sensor are counted and touch nothing', async (t) => {
  const { aggregator, frames } = record(configure({ windowUs: 1000, hopUs: 1000 }))
  const outside = [
    { t: 0, x: size.width, y: 0, on: 1 },
    { t: 1, x: 0, y: size.height, on: 0 },
    { t: 2, x: 65535, y: 65535, on: 1 },
  ]
  aggregator.add(batchOf(outside))
  aggregator.time(1000, 0)
  t.ok(frames[0]!.planes.every((v) => v === 0))
  t.equal(aggregator.counters.snapshot().outsideSensor, 3)
})

t.test('a hop that does not divide its window is refused, whoever made the config', async (t) => {
  const sink = frameCallback(size, () => {})
  const config = configure({})
  for (const wrong of [{ hopUs: 7000 }, { hopUs: 60_000 }, { windowEvents: 10, hopEvents: 3 }])
    t.throws(() => new Aggregator({ ...config, ...wrong }, size, sink), { code: 'CONFIG_INVALID' })
})
