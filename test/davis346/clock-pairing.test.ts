import t from 'tap'
import { createClockPairing } from '../../src/davis346/clock-pairing.js'
import { seeded } from './decoder-helpers.js'

t.test('the offset is the least delay seen, not the mean', async (t) => {
  const pairing = createClockPairing()
  t.same(pairing.offsetUs(), Number.NaN)
  const random = seeded(1)
  for (let device = 0; device < 5e6; device += 1000) {
    const delay = device % 100_000 === 0 ? 150 : 150 + random() * 20_000
    pairing.update(7e9 + device + delay, device)
  }
  t.equal(pairing.offsetUs(), 7e9 + 150)
})

t.test('drift is the slope of the minima, and the offset follows it', async (t) => {
  const pairing = createClockPairing()
  const random = seeded(2)
  const ppm = 50
  t.same(pairing.driftPpm(), Number.NaN)
  for (let device = 0; device < 60e6; device += 1000) {
    pairing.update(device * (1 + ppm / 1e6) + 100 + random() * 3000, device)
  }
  t.ok(Math.abs(pairing.driftPpm() - ppm) < 2, `${pairing.driftPpm()} ppm`)
  t.ok(Math.abs(pairing.offsetUs() - (100 + 60 * ppm)) < 9 * ppm, 'no older than eight seconds')
})

t.test('a restart forgets', async (t) => {
  const pairing = createClockPairing()
  pairing.update(100, 0)
  pairing.restart()
  t.same(pairing.offsetUs(), Number.NaN)
  pairing.update(5000, 10)
  t.equal(pairing.offsetUs(), 4990)
})
