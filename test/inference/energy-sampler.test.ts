import t from 'tap'
import { type EnergyMeter, openEnergyMeter } from '../../src/inference/energy-meter.js'
import { EnergySampler } from '../../src/inference/energy-sampler.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import { microjoules } from '../../src/inference/spike-energy.js'
import type { TemplateState, TrackerSession } from '../../src/inference/tracker-session.js'
import { goldenInputs } from '../../src/inference/verification-inputs.js'
import { PACKAGE_DIR } from './packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const prices = pkg.manifest.energy
const CROP = 4

/** A meter that takes `costMs` on a clock that only moves when told, and a session of one-pixel crops. */
function staged({ costMs, fail = false }: { readonly costMs: number; readonly fail?: boolean }) {
  const clock = { ms: 0 }
  const metered: number[] = []
  const meter: EnergyMeter = {
    template: async () => [],
    search: async (crop) => {
      clock.ms += costMs
      if (fail) throw new Error('the backend is gone')
      metered.push(crop[0]!)
      const operations = crop[0]! * 1e6
      return [{ name: 'a', kind: 'AC', operations, denseMacs: 0, spikes: 0, rate: 0 }]
    },
    close: async () => {},
  }
  const inner: TrackerSession = {
    spec: pkg.spec,
    template: async () => ({ tensors: {} }),
    search: async (_, templates) => ({
      batch: templates.length,
      mapSize: 1,
      score: new Float32Array(0),
      size: new Float32Array(0),
      offset: new Float32Array(0),
    }),
    close: async () => {},
  }
  const sampler = new EnergySampler({ meter, prices, nowMs: () => clock.ms })
  const session = sampler.watch(inner)
  const search = (...first: number[]) => {
    const crops = new Uint8Array(CROP * first.length)
    for (const [i, value] of first.entries()) crops.fill(value, i * CROP, (i + 1) * CROP)
    const states: TemplateState[] = first.map(() => ({ tensors: {} }))
    return session.search(crops, states).then(() => crops.fill(0))
  }
  return { sampler, search, clock, metered }
}

t.test('a search is measured when the thread is free, on its own crop', async (t) => {
  const { sampler, search, metered } = staged({ costMs: 2 })
  t.equal(await sampler.sample(), false, 'nothing was searched yet')
  t.equal(sampler.measured(), undefined)
  await search(10)
  t.same(metered, [], 'never within the search itself')
  t.equal(await sampler.sample(), true)
  t.same(metered, [10], 'a copy: the caller uses its crops again')
  t.match(sampler.measured(), { microjoules: 10 * prices.picojoulePerAc, samples: 1 })
})

t.test('it takes at most a hundredth of the time', async (t) => {
  const { sampler, search, clock, metered } = staged({ costMs: 2 })
  const endMs = 10_000
  while (clock.ms < endMs) {
    clock.ms += 10
    await search(1)
    await sampler.sample()
  }
  t.ok(metered.length * 2 <= 0.01 * clock.ms + 2, `${metered.length} of 2 ms in ${clock.ms} ms`)
  t.ok(metered.length >= 40, 'and not much less')
})

t.test('every target of a batch has its turn; the figure is the mean of the newest', async (t) => {
  const { sampler, search, clock, metered } = staged({ costMs: 1 })
  for (let i = 0; i < 100; i++) {
    clock.ms += 1000
    await search(1, 3)
    await sampler.sample()
  }
  t.same(new Set(metered), new Set([1, 3]))
  const measured = sampler.measured()
  t.equal(measured?.samples, 100)
  t.ok(Math.abs(measured!.microjoules - 2 * prices.picojoulePerAc) < 1e-9)
})

t.test('a measurement that fails ends measuring, not tracking', async (t) => {
  const { sampler, search, clock } = staged({ costMs: 1, fail: true })
  await search(1)
  await sampler.sample()
  clock.ms += 10_000
  await search(1)
  t.equal(await sampler.sample(), false)
  t.equal(sampler.measured(), undefined)
})

t.test('on the real network: the energy of a golden search', async (t) => {
  const [input] = goldenInputs(pkg)
  const meter = await openEnergyMeter(pkg, { parts: ['search'] })
  const real = await createTrackerSession(pkg, { skipGolden: true })
  const sampler = new EnergySampler({ meter, prices })
  t.teardown(() => Promise.all([sampler.close(), real.close()]))
  const session = sampler.watch(real)
  const template = await session.template(input!.template)
  const expected = await real.search(input!.search, [template])
  const maps = await session.search(input!.search, [template])
  t.ok(maps.score.every((value, i) => value === expected.score[i]))
  t.equal(await sampler.sample(), true)
  const counted = await meter.search(input!.search, template)
  t.equal(sampler.measured()?.microjoules, microjoules(counted, prices))
  const mac = (8 * 8 * 4 * 32 * 32 * 32 * prices.picojoulePerMac) / 1e6
  t.ok(sampler.measured()!.microjoules > mac, 'more than the first layer alone')
  await t.rejects(meter.template(input!.template), { message: /not opened for the template/ })
})
