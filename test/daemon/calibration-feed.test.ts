import { once } from 'node:events'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import t from 'tap'
import { CalibrationFeed, takenOf } from '../../src/daemon/calibration-feed.js'
import type { CalibrationSignal } from '../../src/daemon/calibration-signals.js'
import { createBatch } from '../../src/events/batch.js'
import type { ApsImage, ImuSample } from '../../src/events/signals.js'

const IMAGE: ApsImage = {
  width: 2,
  height: 1,
  x: 0,
  y: 0,
  pixels: Uint16Array.of(1, 2),
  channels: 1,
  tUs: 5,
  startOfFrameUs: 0,
  endOfFrameUs: 9,
  startOfExposureUs: 1,
  endOfExposureUs: 4,
}
const SAMPLE: ImuSample = { tUs: 7, accel: [0, 1, 0], gyro: [0, 0, 0], temperatureC: 30 }

function setUp() {
  const { port1, port2 } = new MessageChannel()
  const feed = new CalibrationFeed(port1, { state: 'streaming' })
  const received: CalibrationSignal[] = []
  const take = () => {
    for (;;) {
      const next = receiveMessageOnPort(port2)
      if (next === undefined) return
      received.push(next.message)
    }
  }
  /** As the calibration thread does once it has worked something off. */
  const workOff = async () => {
    for (const signal of received) {
      const taken = takenOf(signal)
      if (taken !== undefined) port2.postMessage(taken)
    }
    received.length = 0
    await once(port1, 'message')
    await new Promise(setImmediate)
  }
  return { feed, received, take, workOff, port1, port2 }
}

t.test('copies what is borrowed, in its order', async (t) => {
  const { feed, received, take } = setUp()
  const batch = createBatch(4)
  Object.assign(batch, { length: 1, t0Us: 100, hostUs: 3 })
  batch.x[0] = 9
  feed.sink.imu?.(SAMPLE)
  void feed.sink.events(batch)
  batch.x[0] = 1
  feed.sink.image?.(IMAGE)
  feed.sink.gap({ reason: 'reset' })
  take()
  t.same(
    received.map(({ type }) => type),
    ['state', 'imu', 'events', 'image', 'gap'],
  )
  t.match(received[2], { batch: { length: 1, t0Us: 100, x: Uint16Array.of(9) } })
  t.match(received[3], { image: { pixels: Uint16Array.of(1, 2), tUs: 5 } })
  feed.close()
})

t.test('a calibration that is too slow loses the newest, counted, and is told', async (t) => {
  const { feed, received, take, workOff } = setUp()
  const length = 1_000_000
  const batch = createBatch(length)
  batch.length = length
  for (let i = 0; i < 3; i++) {
    batch.t0Us = i
    void feed.sink.events(batch)
    feed.sink.image?.(IMAGE)
  }
  take()
  const events = () => received.filter(({ type }) => type === 'events').length
  t.equal(events(), 1, '9 MB wait, and 16 MiB may')
  t.equal(received.filter(({ type }) => type === 'image').length, 2)
  t.same(feed.lost, { events: 2 * length, images: 1 })
  await workOff()
  batch.t0Us = 77
  void feed.sink.events(batch)
  take()
  t.match(received[0], { type: 'gap', gap: { reason: 'dropped', tUs: 77 } })
  t.equal(events(), 1, 'and goes on')
  feed.close()
})

t.test('whoever is gone gets no more copies', async (t) => {
  const { feed, port1, port2 } = setUp()
  port2.close()
  await once(port1, 'close')
  const batch = createBatch(1_000_000)
  batch.length = batch.capacity
  for (let i = 0; i < 3; i++) void feed.sink.events(batch)
  t.same(feed.lost, { events: 0, images: 0 }, 'they would pile up')
  feed.close()
})
