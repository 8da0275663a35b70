import t from 'tap'
import type { Frame } from '../../src/pipeline/frame.js'
import { frameCallback } from '../../src/pipeline/frame-sink.js'
import { Pipeline } from '../../src/pipeline/pipeline.js'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'
import { batchOf, keepFrame, type TestEvent } from './helpers.js'

const size = { width: 12, height: 10 }

function start(filters: object, aggregation: object) {
  const frames: Frame[] = []
  const pipeline = new Pipeline(
    { filters: filtersSchema.parse(filters), aggregation: aggregationSchema.parse(aggregation) },
    size,
    frameCallback(size, (frame) => frames.push(keepFrame(frame))),
  )
  return {
    pipeline,
    frames,
    events: (...events: TestEvent[]) => pipeline.events(batchOf(events, 9)),
  }
}

const short = { windowUs: 1000, hopUs: 1000 }

t.test('headers count events before and after the filters', async (t) => {
  const { frames, events, pipeline } = start({ backgroundActivityUs: 100 }, short)
  events({ t: 0, x: 3, y: 3, on: 1 }, { t: 10, x: 4, y: 3, on: 1 }, { t: 20, x: 9, y: 9, on: 0 })
  pipeline.time(1000, 0)
  t.match(frames[0]?.header, { events: 1, eventsIn: 3, hostUs: 9 })
  const { planes } = frames[0]!
  t.equal(
    planes.reduce((sum, v) => sum + v, 0),
    30,
  )
  t.equal(planes[2 * 120 + 3 * 12 + 4], 30)
})

t.test('noise that is dropped still closes windows', async (t) => {
  const { frames, events } = start({ backgroundActivityUs: 100 }, short)
  for (let tUs = 0; tUs <= 3000; tUs += 500) events({ t: tUs, x: 3, y: 3, on: 1 })
  t.same(
    frames.map((f) => [f.header.tEndUs, f.header.events]),
    [
      [1000, 0],
      [2000, 0],
      [3000, 0],
    ],
  )
})

t.test('filters remember over an overrun and forget at a restart', async (t) => {
  const first = { t: 5000, x: 3, y: 3, on: 1 }
  const second = { x: 4, y: 3, on: 1 }
  const kept = (act: (s: ReturnType<typeof start>) => void): number => {
    const s = start({ backgroundActivityUs: 1000 }, short)
    s.events(first)
    act(s)
    return s.pipeline.filters.counters.snapshot().eventsOut
  }
  t.equal(
    kept((s) => {
      s.pipeline.gap({ reason: 'overrun', tUs: 5100 })
      s.events({ t: 5200, ...second })
    }),
    1,
  )
  t.equal(
    kept((s) => {
      s.pipeline.gap({ reason: 'reconnect' })
      s.events({ t: 5200, ...second })
    }),
    0,
  )
  t.equal(
    kept((s) => {
      s.pipeline.gap({ reason: 'corrupt', tUs: 10 })
      s.events({ t: 5200, ...second })
    }),
    0,
    'a gap after which time is earlier',
  )
})

t.test('a restart that nobody announced is found even in what the filters drop', async (t) => {
  const { frames, events, pipeline } = start({ backgroundActivityUs: 100 }, short)
  events({ t: 8000, x: 3, y: 3, on: 1 })
  events({ t: 100, x: 3, y: 3, on: 1 })
  pipeline.time(2000, 0)
  t.same(
    frames.map((f) => [f.header.tEndUs, f.header.broken]),
    [
      [1000, true],
      [2000, false],
    ],
  )
})
