import t from 'tap'
import { hasMosquitto } from '../publish/real-brokers.js'
import { busiest, Fleet } from './fleet.js'

const skip = hasMosquitto ? false : 'mosquitto is not installed'

t.test('what a small fleet publishes arrives, and the count is right', { skip }, async (t) => {
  const fleet = await Fleet.start({ devices: 6, rate: 20, seconds: 2, processes: 2 })
  t.teardown(() => fleet.close())
  const { offered, received, missing, p50 } = await fleet.sustain()
  t.ok(offered > 0)
  t.ok(received > 0 && received <= offered * 1.05, `${received} of ${offered} a second`)
  t.equal(missing, 0)
  t.ok(p50 !== null && p50 >= 0)
})

t.test('after an outage everybody comes back, with what was to be told', { skip }, async (t) => {
  const fleet = await Fleet.start({ devices: 12, rate: 20, seconds: 1, processes: 2 })
  t.teardown(() => fleet.close())
  const storm = await fleet.storm(1)
  t.equal(storm.eventsArrived, 12)
  t.ok(storm.allMs >= storm.halfMs && storm.halfMs >= storm.firstMs)
})

t.test('the busiest span', async (t) => {
  t.equal(busiest([], 100), 0)
  t.equal(busiest([0, 50, 99, 100, 250], 100), 3)
  t.equal(busiest([5], 100), 1)
})
