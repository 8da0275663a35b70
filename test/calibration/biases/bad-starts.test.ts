import t from 'tap'
import { type Knobs, NOMINAL, withKnobs } from '../../../src/calibration/biases/knobs.js'
import { worst } from '../../../src/calibration/kind.js'
import { DEFAULT_RESPONSE, noiseRates } from '../../../src/davis346/pixel-response.js'
import { loadPreset } from '../../../src/davis346/presets.js'
import { OPTIONS, runLoop } from './bench.js'
import { kept, rowsText, wellBehaved } from './well-behaved.js'
import { BAND, SENSOR, smallWorld } from './worlds.js'

const DEFAULT = await loadPreset('default')
const start = (knobs: Partial<Knobs>) => withKnobs(DEFAULT, { ...NOMINAL, ...knobs })

const BAD_STARTS: Record<string, Partial<Knobs>> = {
  'thresholds far too low': { onThreshold: 0.11, offThreshold: 0.1 },
  'thresholds far too high': { onThreshold: 0.7, offThreshold: 0.8 },
  'ON far below OFF': { onThreshold: 0.16, offThreshold: 0.5 },
  'OFF far below ON': { onThreshold: 0.5, offThreshold: 0.17 },
  'hardly any bandwidth': { bandwidthHz: 5 },
  'far too much bandwidth': { bandwidthHz: 4000 },
  'a refractory time of seconds': { refractoryUs: 20_000 },
}

let seed = 0
for (const [name, knobs] of Object.entries(BAD_STARTS)) {
  seed++
  const own = seed
  t.test(`from a bad start: ${name}`, async (t) => {
    const { stimulus, shotHz, leakHz } = smallWorld({ seed: own })
    const run = runLoop({ preset: start(knobs), stimulus, size: SENSOR, options: BAND })
    wellBehaved(t, run)
    const { outcome } = run
    t.equal(worst(outcome.rows), 'PASS', rowsText(outcome))
    t.ok(run.seconds < 15, `settled and proven after ${run.seconds} s`)
    const found = kept(outcome)
    t.ok(found.perSecond > BAND.minPerSecond && found.perSecond < BAND.maxPerSecond)
    t.ok(found.onOff > 0.5 && found.onOff < 2)
    const { onHz, offHz } = noiseRates({ ...DEFAULT_RESPONSE, ...found }, { shotHz, leakHz })
    t.ok(onHz + offHz < OPTIONS.noiseHz, 'the true noise is within its limit, too')
    t.ok(outcome.settings?.preset?.biases !== undefined)
  })
}

t.test('a camera whose pixels lie beside the formula is brought there, too', async (t) => {
  for (const [i, gains] of [
    [1.4, 0.75],
    [0.7, 1.3],
  ].entries()) {
    const { stimulus } = smallWorld({ seed: 20 + i, gains: gains as [number, number] })
    const run = runLoop({ preset: start({}), stimulus, size: SENSOR, options: BAND })
    wellBehaved(t, run)
    t.equal(worst(run.outcome.rows), 'PASS', rowsText(run.outcome))
  }
})

t.test('a hot camera: the noise goes, the scene stays', async (t) => {
  const { stimulus } = smallWorld({ seed: 30, shotHz: 4 })
  const run = runLoop({ preset: start({}), stimulus, size: SENSOR, options: BAND })
  wellBehaved(t, run)
  t.equal(worst(run.outcome.rows), 'PASS', rowsText(run.outcome))
  const { noiseHz, perSecond } = kept(run.outcome)
  t.ok(noiseHz < 0.2 && perSecond > BAND.minPerSecond)
})

t.test('a covered lens fails and says so', async (t) => {
  const { stimulus } = smallWorld({ seed: 50, covered: true })
  const run = runLoop({
    preset: start({ onThreshold: 0.2 }),
    stimulus,
    size: SENSOR,
    options: BAND,
  })
  wellBehaved(t, run)
  t.equal(worst(run.outcome.rows), 'FAIL')
  t.match(run.outcome.rows.find(({ name }) => name === 'mean event rate')?.note, /lens covered/)
})
