import t from 'tap'
import { DEFAULT_RESPONSE, noiseRates } from '../../src/davis346/pixel-response.js'
import { createWorld } from '../../src/sources/emulated-world.js'

const PIXELS = 346 * 260
const STEP_US = 1000

/** Events, ON events and times going back, from here on. */
function watch(world: ReturnType<typeof createWorld>, fromUs: number, untilUs: number) {
  const seen = { events: 0, on: 0, back: 0 }
  let last = 0
  for (let tUs = fromUs + STEP_US; tUs <= untilUs; tUs += STEP_US) {
    for (let batch = world.stimulus.next(tUs); batch; batch = world.stimulus.next(tUs)) {
      for (let i = 0; i < batch.length; i++) {
        const at = batch.t0Us + batch.dtUs[i]!
        if (at < last) seen.back++
        last = at
        seen.on += batch.on[i]!
      }
      seen.events += batch.length
    }
  }
  return seen
}

t.test('the background of an emulated camera follows its biases', async (t) => {
  const noiseHz = 0.5
  const world = createWorld({ seed: 3, noiseHz, noiseSpread: 0, hotPixels: 0 })
  const usual = DEFAULT_RESPONSE
  const base = { shotHz: 0.9 * noiseHz, leakHz: 0.1 * noiseHz }
  let fromUs = 0
  const responses = [
    usual,
    { ...usual, onThreshold: 0.93 * usual.onThreshold, offThreshold: 0.9 * usual.offThreshold },
    { ...usual, bandwidthHz: usual.bandwidthHz / 2 },
    usual,
  ]
  for (const response of responses) {
    world.stimulus.bias!(response)
    const { events, on, back } = watch(world, fromUs, fromUs + 1_000_000)
    fromUs += 1_000_000
    const { onHz, offHz } = noiseRates(response, base)
    const wanted = PIXELS * (onHz + offHz)
    t.ok(Math.abs(events - wanted) < 5 * Math.sqrt(wanted), `${events} of ${wanted}`)
    t.ok(Math.abs(on / events - onHz / (onHz + offHz)) < 2.5 / Math.sqrt(wanted), 'ON share')
    t.equal(back, 0)
  }
})

t.test('hot pixels follow the ON threshold, and no noise passes the readout', async (t) => {
  const usual = DEFAULT_RESPONSE
  const world = createWorld({ seed: 4, noiseHz: 0, hotPixels: 40 })
  const before = watch(world, 0, 1_000_000).events
  world.stimulus.bias!({ ...usual, onThreshold: 2 * usual.onThreshold })
  const after = watch(world, 1_000_000, 3_000_000).events / 2
  t.ok(Math.abs(after / before - 0.5) < 0.06, `${after} of ${before}`)
  const wild = createWorld({ seed: 5, noiseHz: 1 })
  wild.stimulus.bias!({ ...usual, onThreshold: 0.02, offThreshold: 0.02, bandwidthHz: 3000 })
  const { events } = watch(wild, 0, 50_000)
  t.ok(events <= 0.05 * 12e6 * 1.01, String(events))
})
