import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { biasesKind, IGNORED_US } from '../../../src/calibration/biases/kind.js'
import { type Knobs, knobsOf, NOMINAL, withKnobs } from '../../../src/calibration/biases/knobs.js'
import { worst } from '../../../src/calibration/kind.js'
import { loadPreset } from '../../../src/davis346/presets.js'
import { OPTIONS, runLoop } from './bench.js'
import { type Kept, kept, rowsText, wellBehaved } from './well-behaved.js'
import { BAND, SENSOR, smallWorld, steadyWorld } from './worlds.js'

const DEFAULT = await loadPreset('default')
const start = (knobs: Partial<Knobs>) => withKnobs(DEFAULT, { ...NOMINAL, ...knobs })

t.test('what is right already is left alone', async (t) => {
  const run = runLoop({
    preset: DEFAULT,
    stimulus: smallWorld({ seed: 40 }).stimulus,
    size: SENSOR,
    options: BAND,
  })
  t.same(run.changes, [])
  t.equal(worst(run.outcome.rows), 'PASS', rowsText(run.outcome))
  t.equal(run.outcome.settings, undefined)
})

t.test('a scene that swings is not hunted', async (t) => {
  for (const periodSeconds of [1.3, 4, 11]) {
    const times = (seconds: number) => 4 ** Math.sin((2 * Math.PI * seconds) / periodSeconds)
    const stimulus = steadyWorld({ perSecond: (seconds) => 4e4 * times(seconds), seed: 60 })
    const run = runLoop({
      preset: start({ onThreshold: 0.15, offThreshold: 0.15 }),
      stimulus,
      size: SENSOR,
      options: BAND,
    })
    wellBehaved(t, run)
    const levels = run.presets.map((preset) => {
      const { onThreshold, offThreshold } = knobsOf(preset)
      return Math.log(onThreshold * offThreshold) / 2
    })
    const steps = levels.slice(1).map((level, i) => level - levels[i]!)
    const turns = steps.slice(1).filter((step, i) => step * steps[i]! < 0).length
    t.ok(turns <= 6, `period ${periodSeconds} s: ${turns} times turned around`)
    const late = steps.slice(-3).map(Math.abs)
    t.ok(Math.max(0, ...late) < 0.36, 'no step grows')
    t.not(worst(run.outcome.rows), 'FAIL', rowsText(run.outcome))
  }
})

t.test('a camera that answers the wrong way round keeps what it had', async (t) => {
  const stimulus = steadyWorld({ perSecond: () => 2.5e5, seed: 70, wrongWay: true })
  const run = runLoop({ preset: DEFAULT, stimulus, size: SENSOR, options: BAND })
  wellBehaved(t, run)
  t.ok(run.changes.length > 0)
  const found = (run.outcome.data['found'] as Kept).perSecond
  t.ok(kept(run.outcome).perSecond <= 1.1 * found, 'never worse than found')
  t.same(run.presets.at(-1)?.biases ?? DEFAULT.biases, DEFAULT.biases, 'back to its very codes')
  t.equal(run.outcome.settings, undefined)
})

t.test('a quiet scene is a warning, not a failure', async (t) => {
  const stimulus = steadyWorld({ perSecond: () => 1200, seed: 80 })
  const run = runLoop({ preset: DEFAULT, stimulus, size: SENSOR, options: BAND })
  t.equal(worst(run.outcome.rows), 'WARN', rowsText(run.outcome))
  t.ok(kept(run.outcome).onThreshold < NOMINAL.onThreshold, 'as sensitive as is safe')
})

t.test('device time that restarts in the middle does not disturb', async (t) => {
  const stimulus = steadyWorld({ perSecond: () => 2e5, seed: 90 })
  const run = runLoop({
    preset: DEFAULT,
    stimulus,
    size: SENSOR,
    options: BAND,
    resetAtUs: 1_700_000,
  })
  t.equal(worst(run.outcome.rows), 'PASS', rowsText(run.outcome))
})

t.test('the preset that it writes is one that evtrackd reads', async (t) => {
  const stimulus = steadyWorld({ perSecond: () => 6e5, seed: 100 })
  const { outcome } = runLoop({ preset: DEFAULT, stimulus, size: SENSOR, options: BAND })
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-biases-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = outcome.exports.find(({ name }) => name === 'preset.json')!
  writeFileSync(join(dir, 'field.json'), file.content)
  const preset = await loadPreset('field', dir)
  const biases = outcome.settings?.preset?.biases
  t.ok(biases !== undefined)
  t.match(preset.biases, biases as object)
  t.same(
    outcome.pictures.map(({ name }) => name),
    ['rate', 'thresholds', 'noise'],
  )
  for (const { svg } of outcome.pictures) t.match(svg, /^<svg /)
})

t.test('nothing measured is a failure, not a result', async (t) => {
  const stimulus = { next: () => undefined }
  const { outcome } = runLoop({ preset: DEFAULT, stimulus, size: SENSOR, seconds: 0.5 })
  t.equal(worst(outcome.rows), 'FAIL')
  t.equal(outcome.settings, undefined)
})

t.test('what cannot be asked for is refused', async (t) => {
  const context = { size: SENSOR, seconds: 30, others: [], preset: DEFAULT }
  const wrong = [
    { minPerSecond: 1e6, maxPerSecond: 1e5 },
    { minPerSecond: 1e5, maxPerSecond: 1e6, targetPerSecond: 2e6 },
  ]
  for (const options of wrong)
    t.throws(() => biasesKind.create({ ...context, options: { ...OPTIONS, ...options } }), {
      code: 'CALIBRATION_FAILED',
    })
  const { preset: _, ...recording } = context
  t.throws(() => biasesKind.create({ ...recording, options: OPTIONS }), {
    code: 'CALIBRATION_FAILED',
  })
  t.equal(biasesKind.needsCamera, true)
  t.ok(IGNORED_US >= 100_000)
})

t.test('filters of the camera are out of the way while it measures', async (t) => {
  const quiet = await loadPreset('quiet')
  const during = biasesKind.prepare!(quiet, OPTIONS)
  t.match(during.dvs, { backgroundActivity: false, refractory: false, skip: false })
  t.same(during.biases, quiet.biases)
})
