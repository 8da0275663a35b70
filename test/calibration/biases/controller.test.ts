import t from 'tap'
import {
  decide,
  distance,
  FRESH,
  type Memory,
  type Seen,
} from '../../../src/calibration/biases/controller.js'
import {
  clampKnobs,
  type Knobs,
  knobsOf,
  NOMINAL,
  SAFE,
  withKnobs,
} from '../../../src/calibration/biases/knobs.js'
import { loadPreset } from '../../../src/davis346/presets.js'
import { GOALS } from './bench.js'

const GOOD: Seen = {
  seconds: 1,
  perSecond: 3e5,
  p99PerSecond: 6e5,
  onOff: 1,
  noiseHz: 0.05,
  lonelyShare: 0.2,
}
const turn = (seen: Partial<Seen>, knobs: Partial<Knobs> = {}, memory: Memory = FRESH) =>
  decide({ ...GOOD, ...seen }, { ...NOMINAL, ...knobs }, { goals: GOALS, memory, margin: 1.25 })

t.test('what is good stays', async (t) => {
  t.equal(turn({}).knobs, undefined)
  t.equal(turn({ perSecond: 1.4e5, onOff: 1.4, noiseHz: 0.15 }).knobs, undefined)
})

t.test('each complaint turns its own knob, in its own direction', async (t) => {
  const more = turn({ perSecond: 3e6 })
  t.ok(more.knobs!.onThreshold > NOMINAL.onThreshold)
  t.ok(more.knobs!.offThreshold > NOMINAL.offThreshold)
  t.equal(more.knobs!.bandwidthHz, NOMINAL.bandwidthHz)
  t.ok(turn({ p99PerSecond: 8e6 }).knobs!.onThreshold > NOMINAL.onThreshold, 'bursts')
  t.ok(turn({ perSecond: 3e4 }).knobs!.onThreshold < NOMINAL.onThreshold)
  t.ok(turn({ noiseHz: 1 }).knobs!.onThreshold > NOMINAL.onThreshold)
  const tilted = turn({ onOff: 3 }).knobs!
  t.ok(tilted.onThreshold > NOMINAL.onThreshold && tilted.offThreshold < NOMINAL.offThreshold)
  const other = turn({ onOff: 1 / 3 }).knobs!
  t.ok(other.onThreshold < NOMINAL.onThreshold && other.offThreshold > NOMINAL.offThreshold)
})

t.test('noise with few events is fought with bandwidth, so that those few stay', async (t) => {
  const { knobs } = turn({ noiseHz: 1, perSecond: 1.2e5 })
  t.ok(knobs!.bandwidthHz < NOMINAL.bandwidthHz)
  t.equal(knobs!.onThreshold, NOMINAL.onThreshold)
})

t.test('thresholds do not go down into noise', async (t) => {
  const { knobs, why } = turn({ perSecond: 5e4, noiseHz: 0.15 })
  t.equal(knobs, undefined)
  t.match(why, /noise/)
  const memory = { ...FRESH, noisyLevel: 0.265 }
  t.equal(
    turn({ perSecond: 5e4, noiseHz: 0.01 }, {}, memory).knobs,
    undefined,
    'it was noisy there',
  )
})

t.test('of noise alone, the balance says nothing', async (t) => {
  const { knobs } = turn({ perSecond: 2e4, noiseHz: 0.15, lonelyShare: 0.7, onOff: 5 })
  t.equal(knobs, undefined)
})

t.test('when thresholds are at their end, bandwidth and then refractory time follow', async (t) => {
  const top = { onThreshold: SAFE.onThreshold[1], offThreshold: SAFE.offThreshold[1] }
  const first = turn({ perSecond: 3e6 }, top).knobs!
  t.ok(first.bandwidthHz < NOMINAL.bandwidthHz)
  const slow = { ...top, bandwidthHz: SAFE.bandwidthHz[0] }
  t.ok(turn({ perSecond: 3e6 }, slow).knobs!.refractoryUs > NOMINAL.refractoryUs)
  const last = turn({ perSecond: 3e6 }, { ...slow, refractoryUs: SAFE.refractoryUs[1] })
  t.equal(last.knobs, undefined)
  t.match(last.why, /nothing left/)
})

t.test('whatever is seen, what is turned stays in the safe range', async (t) => {
  const values = [1e2, 1e4, 1e5, 1e6, 1e7]
  const thresholds = [0.02, 0.14, 0.3, 0.5, 2]
  let turned = 0
  for (const perSecond of values)
    for (const onOff of [1e-6, 0.3, 1, 3, 1e6, Number.NaN])
      for (const noiseHz of [0, 0.1, 5])
        for (const onThreshold of thresholds)
          for (const bandwidthHz of [1e-6, 70, 300, 1e5]) {
            const { knobs } = turn({ perSecond, onOff, noiseHz }, { onThreshold, bandwidthHz })
            if (knobs === undefined) continue
            turned++
            t.strictSame(clampKnobs(knobs), knobs) || t.bailout()
          }
  t.ok(turned > 500)
})

t.test('turning back halves the steps', async (t) => {
  const up = turn({ perSecond: 3e6 })
  const { memory } = turn({ perSecond: 2e4 }, {}, up.memory)
  t.equal(up.memory.gain, 1)
  t.equal(memory.gain, 0.5)
  const step = (gain: number) =>
    Math.log(
      turn({ perSecond: 3e6 }, {}, { ...FRESH, gain }).knobs!.onThreshold / NOMINAL.onThreshold,
    )
  t.ok(Math.abs(step(0.5) / step(1) - 0.5) < 1e-9)
})

t.test('holding is more patient than steering', async (t) => {
  const edge = { ...GOOD, perSecond: 9e5 }
  const at = (margin: number) =>
    decide(edge, NOMINAL, { goals: GOALS, memory: FRESH, margin }).knobs
  t.ok(at(1.25) !== undefined)
  t.equal(at(1), undefined)
})

t.test('distance is 0 inside the goals and grows with each excess', async (t) => {
  t.equal(distance(GOOD, GOALS), 0)
  const worse: Partial<Seen>[] = [
    { perSecond: 2e6 },
    { perSecond: 2e4 },
    { p99PerSecond: 9e6 },
    { onOff: 4 },
    { onOff: 0.2 },
    { noiseHz: 1 },
  ]
  for (const one of worse) t.ok(distance({ ...GOOD, ...one }, GOALS) > 0.1, JSON.stringify(one))
  const noise = { ...GOOD, perSecond: 1.5e5, lonelyShare: 0.9, noiseHz: 1.5 }
  t.ok(distance(noise, GOALS) > distance({ ...GOOD, perSecond: 2e4 }, GOALS), 'noise is no rate')
})

t.test('knobs become biases and come back', async (t) => {
  const preset = await loadPreset('default')
  const wanted = { onThreshold: 0.2, offThreshold: 0.4, bandwidthHz: 100, refractoryUs: 12 }
  const got = knobsOf(withKnobs(preset, wanted))
  for (const key of Object.keys(wanted) as (keyof Knobs)[])
    t.ok(Math.abs(Math.log(got[key] / wanted[key])) < 0.03, `${key}: ${got[key]}`)
  t.same(withKnobs(preset, wanted).dvs, preset.dvs, 'nothing else changes')
})
