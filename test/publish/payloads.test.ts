import t from 'tap'
import {
  boxPayload,
  trackEventPayload,
  trackPayload,
  tracksPayload,
} from '../../src/publish/payloads.js'
import { trackEventSchema, tracksSchema } from '../../src/publish/tracks-schema.js'
import { aNew, anEnd, aStep, aTrack, SENSOR } from './tracks.js'

t.test('boxes are clamped to the sensor and never negative', async (t) => {
  t.strictSame(boxPayload({ x: -5.5, y: -1, w: 20, h: 10 }, SENSOR), [0, 0, 14.5, 9])
  t.strictSame(boxPayload({ x: 340, y: 250, w: 20, h: 20 }, SENSOR), [340, 250, 6, 10])
  t.strictSame(boxPayload({ x: 400, y: -50, w: 20, h: 20 }, SENSOR), [346, 0, 0, 0])
  t.strictSame(boxPayload({ x: 10, y: 10, w: -3, h: 5 }, SENSOR), [10, 10, 0, 5])
})

t.test('rounding cannot push a box over the edge of the sensor', async (t) => {
  const outside = Array.from({ length: 1000 }, (_, i) => (i * 0.34567) % 346).filter((x) => {
    const [left, , width] = boxPayload({ x, y: 0, w: 1000, h: 5 }, SENSOR)
    return left + width > 346 + 1e-9
  })
  t.strictSame(outside, [])
})

t.test('a track keeps two decimals, and its label only when it has one', async (t) => {
  t.strictSame(trackPayload(aTrack(), SENSOR), {
    id: 'b1-1',
    state: 'tracking',
    score: 0.8765,
    box: [10, 20, 30, 40],
    center: [25, 40],
    velocity: [12.35, -6.79],
    age_ms: 1234.57,
    t_us: 5_000_000,
  })
  t.equal(trackPayload(aTrack({ label: 'car' }), SENSOR).label, 'car')
  const still = trackPayload(aTrack({ velocity: { x: -0.001, y: 0 } }), SENSOR)
  t.ok(Object.is(still.velocity[0], 0), 'no negative zero')
})

t.test('payloads are what the schemas say, key for key', async (t) => {
  const step = aStep(7, [aTrack(), aTrack({ id: 'b1-2', state: 'still', label: 'van' })])
  const tracks = tracksPayload(step, {
    sensor: SENSOR,
    atUs: 1_700_000_000_000_000,
    latencyMs: 4.2,
  })
  t.strictSame(tracksSchema.parse(tracks), tracks)
  t.equal(tracks.latency_ms, 4.2)
  const context = { sensor: SENSOR, atUs: 1_700_000_000_000_000, bootId: 'b1', seq: 3 }
  for (const event of [aNew('b1-1'), anEnd('b1-1')]) {
    const payload = trackEventPayload(event, context)
    t.strictSame(trackEventSchema.parse(payload), payload)
    t.equal(payload.track, 'b1-1')
  }
  const end = trackEventPayload(anEnd('b1-1'), context)
  t.strictSame(end.summary?.last_box, [330, 240, 16, 20])
  t.equal(trackEventPayload(aNew('x'), context).before, undefined)
})

t.test('a negative latency, from a clock read in another order, is 0', async (t) => {
  const context = { sensor: SENSOR, atUs: 1, latencyMs: -0.004 }
  t.equal(tracksPayload(aStep(1, []), context).latency_ms, 0)
})
