import t from 'tap'
import { TracksSender } from '../../src/publish/tracks-sender.js'
import { ManualClock } from './manual-clock.js'
import { ScriptedBroker } from './scripted-broker.js'
import { aStep, aTrack, SENSOR } from './tracks.js'

function setUp(perSecond: number) {
  const clock = new ManualClock()
  const broker = new ScriptedBroker()
  broker.connect()
  const sender = new TracksSender({ topic: 'tracks', sensor: SENSOR, broker, clock, perSecond })
  return { clock, broker, sender }
}

t.test('at most so many a second, evenly, and the rest is counted', async (t) => {
  const { clock, broker, sender } = setUp(10)
  for (let i = 0; i < 100; i++) {
    sender.offer(aStep(i, [aTrack()]), clock.nowUs())
    await clock.advance(10)
  }
  t.equal(broker.published.length, 10)
  t.match(sender.counts, { published: 10, limited: 90, dropped: 0 })
  sender.perSecond = 0
  for (let i = 0; i < 10; i++) sender.offer(aStep(1, [aTrack()]), clock.nowUs())
  t.equal(broker.published.length, 20, 'a new rate holds at once')
})

t.test('a pause is not made up for', async (t) => {
  const { clock, broker, sender } = setUp(10)
  sender.offer(aStep(1, [aTrack()]), clock.nowUs())
  await clock.advance(10_000)
  for (let i = 0; i < 5; i++) sender.offer(aStep(1, [aTrack()]), clock.nowUs())
  t.ok(broker.published.length <= 3, 'one before the pause, at most two after it')
})

t.test('that the last track has gone is told whatever the rate', async (t) => {
  const { clock, broker, sender } = setUp(1)
  sender.offer(aStep(1, [aTrack()]), clock.nowUs())
  sender.offer(aStep(2, []), clock.nowUs())
  sender.offer(aStep(2, []), clock.nowUs())
  t.equal(broker.published.length, 2)
  t.same(JSON.parse(broker.published[1]!.payload).tracks, [])
})
