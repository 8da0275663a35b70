import t from 'tap'
import { fitClock, PairCollector } from '../../src/calibration/clock-fit.js'
import { worst } from '../../src/calibration/kind.js'
import { timeKind } from '../../src/calibration/time.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { row, start } from './helpers.js'

/** Host times of device times every millisecond, as a computer that is sometimes late sees them. */
function* pairs(of: { ppm: number; seed: number; seconds: number; lateUs?: number }) {
  const rng = createRng(of.seed)
  const { lateUs = 300 } = of
  for (let t = 0; t < of.seconds * 1e6; t += 1000) {
    const late = rng.chance(0.01) ? rng.range(5000, 60_000) : 0
    const delay = 80 - lateUs * Math.log(1 - rng.next()) + late
    yield { deviceUs: t, hostUs: 5e9 + t * (1 + of.ppm * 1e-6) + delay }
  }
}

t.test('drift within 1 ppm over 60 s, however late the host is', async (t) => {
  for (const ppm of [-150, -23, 0, 7.5, 80]) {
    for (const seed of [1, 2, 3]) {
      const collector = new PairCollector()
      for (const { deviceUs, hostUs } of pairs({ ppm, seed, seconds: 60 }))
        collector.add(deviceUs, hostUs)
      const fit = fitClock(collector.longest())
      t.ok(Math.abs(fit!.driftPpm - ppm) < 1, `${ppm} ppm, seed ${seed}: ${fit?.driftPpm}`)
      t.ok(Math.abs(fit!.driftPpm - ppm) < 2 * fit!.driftErrorPpm + 0.2, 'as sure as it says')
      const truth = 5e9 + fit!.referenceUs * ppm * 1e-6
      t.ok(Math.abs(fit!.offsetUs - truth) < 300, `offset ${fit!.offsetUs - truth}`)
    }
  }
})

function measure(signals: Iterable<{ deviceUs: number; hostUs: number; restart?: boolean }>) {
  const measurement = start(timeKind, { options: {}, seconds: 60 })
  for (const { deviceUs, hostUs, restart } of signals) {
    if (restart) measurement.gap?.({ reason: 'reset' })
    measurement.time?.(deviceUs, hostUs)
  }
  return measurement.finish()
}

t.test('a good clock passes and is put to use', async (t) => {
  const { rows, settings } = measure(pairs({ ppm: 23, seed: 1, seconds: 60 }))
  t.equal(worst(rows), 'PASS')
  t.ok(Math.abs(settings!.clock!.driftPpm - 23) < 1)
})

t.test('a host that is very late is a warning: the drift is known all the same', async (t) => {
  const late80ms = function* () {
    // Three whole seconds of the sixty.
    for (const pair of pairs({ ppm: 23, seed: 1, seconds: 60 }))
      yield {
        ...pair,
        hostUs: pair.hostUs + (Math.floor(pair.deviceUs / 1e6) % 20 === 9 ? 80_000 : 0),
      }
  }
  const { rows, settings } = measure(late80ms())
  const late = row(rows, 'distance from the line, 99 %')
  t.ok(late.value! > 50, `${late.value} ms`)
  t.equal(late.verdict, 'WARN')
  t.equal(worst(rows), 'WARN')
  t.ok(Math.abs(settings!.clock!.driftPpm - 23) < 1, `${settings?.clock?.driftPpm}`)
})

t.test('a clock that restarts half way: the longer run is fitted', async (t) => {
  const first = [...pairs({ ppm: 40, seed: 1, seconds: 20 })]
  const second = [...pairs({ ppm: 40, seed: 2, seconds: 40 })].map((pair, i) => ({
    deviceUs: pair.deviceUs,
    hostUs: pair.hostUs + 20e6,
    restart: i === 0,
  }))
  const { rows, data } = measure([...first, ...second])
  t.ok(Math.abs((data['driftPpm'] as number) - 40) < 1, `${data['driftPpm']}`)
  t.equal(row(rows, 'clock restarts').value, 1)
  t.equal(row(rows, 'camera time went back').verdict, 'PASS')
})

t.test('time that goes back without a word, and drift no crystal has, fail', async (t) => {
  const all = [...pairs({ ppm: 900, seed: 1, seconds: 30 })]
  const { rows } = measure([...all, { deviceUs: 5, hostUs: 5e9 + 31e6 }])
  t.equal(row(rows, 'camera time went back').verdict, 'FAIL')
  t.equal(row(rows, 'drift of the host against the camera').verdict, 'FAIL')
})

t.test('a camera that sends nothing for long enough fails and says so', async (t) => {
  const { rows, settings } = measure(pairs({ ppm: 0, seed: 1, seconds: 1 }))
  t.equal(worst(rows), 'FAIL')
  t.equal(settings, undefined)
  t.match(rows[0]?.note, 'at least 2 s')
})
