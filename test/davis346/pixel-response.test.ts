import t from 'tap'
import {
  DEFAULT_CURRENTS,
  DEFAULT_RESPONSE,
  noiseRates,
  PIXEL_BIASES,
  pixelCurrents,
  pixelResponse,
  refractoryCurrent,
  thresholdCurrents,
  withCurrents,
} from '../../src/davis346/pixel-response.js'
import { loadPreset } from '../../src/davis346/presets.js'

const changed = (currents: Partial<typeof DEFAULT_CURRENTS>) =>
  pixelResponse({ ...DEFAULT_CURRENTS, ...currents })

t.test('the reference is the preset `default`', async (t) => {
  const { biases } = await loadPreset('default')
  t.same(pixelCurrents(biases), DEFAULT_CURRENTS)
})

t.test('the default pixel has the orders of magnitude that are published', async (t) => {
  const { onThreshold, offThreshold, bandwidthHz, refractoryUs } = DEFAULT_RESPONSE
  // A quarter to a third of the light; hundreds of hertz; microseconds.
  t.ok(onThreshold > 0.2 && onThreshold < 0.35, String(onThreshold))
  t.ok(offThreshold > 0.2 && offThreshold < 0.35, String(offThreshold))
  t.ok(bandwidthHz > 100 && bandwidthHz < 1000, String(bandwidthHz))
  t.ok(refractoryUs > 1 && refractoryUs < 10, String(refractoryUs))
})

t.test('each bias turns what firmware-config/README.md says, in that direction', async (t) => {
  const { OnBn, OffBn, DiffBn, PrBp, PrSFBp, RefrBp } = DEFAULT_CURRENTS
  const usual = DEFAULT_RESPONSE
  const step = changed({ OnBn: 2 * OnBn }).onThreshold / usual.onThreshold - 1
  t.ok(step > 0.16 && step < 0.2, 'one doubling of OnBn: 17 to 19 percent')
  t.equal(changed({ OnBn: 2 * OnBn }).offThreshold, usual.offThreshold)
  t.ok(changed({ OffBn: OffBn / 2 }).offThreshold > usual.offThreshold)
  const diff = changed({ DiffBn: 2 * DiffBn })
  t.ok(diff.onThreshold < usual.onThreshold && diff.offThreshold > usual.offThreshold)
  t.ok(changed({ PrBp: PrBp / 50 }).bandwidthHz < usual.bandwidthHz / 1.4)
  const slow = changed({ PrSFBp: PrSFBp / 4 }).bandwidthHz / usual.bandwidthHz
  t.ok(slow > 0.24 && slow < 0.27, 'the follower limits the bandwidth')
  const lazy = changed({ RefrBp: RefrBp / 10 }).refractoryUs
  t.ok(Math.abs(lazy / usual.refractoryUs - 10) < 1e-9)
})

t.test('bundled presets do what they are for', async (t) => {
  const of = async (name: string) => pixelResponse(pixelCurrents((await loadPreset(name)).biases))
  const [night, fast, quiet] = await Promise.all([of('night'), of('fast'), of('quiet')])
  t.ok(night.bandwidthHz < DEFAULT_RESPONSE.bandwidthHz / 3)
  t.ok(fast.bandwidthHz > 3 * DEFAULT_RESPONSE.bandwidthHz)
  t.ok(quiet.onThreshold > 1.15 * DEFAULT_RESPONSE.onThreshold)
  t.ok(quiet.offThreshold > 1.15 * DEFAULT_RESPONSE.offThreshold)
})

t.test(
  'currents on the wrong side, and none at all, give a pixel at the end of the scale',
  async (t) => {
    const { DiffBn } = DEFAULT_CURRENTS
    t.ok(changed({ OnBn: DiffBn / 2 }).onThreshold < 0.05, 'always fires')
    t.ok(changed({ OffBn: 0 }).offThreshold > 1, 'never fires')
    const off = Object.fromEntries(PIXEL_BIASES.map((name) => [name, 0]))
    const dead = pixelResponse(off as unknown as typeof DEFAULT_CURRENTS)
    for (const value of Object.values(dead)) t.ok(Number.isFinite(value), String(value))
  },
)

t.test('thresholds and refractory time become codes and come back', async (t) => {
  const { biases } = await loadPreset('default')
  for (const onThreshold of [0.14, 0.25, 0.4, 0.5]) {
    const wanted = { onThreshold, offThreshold: 0.64 - onThreshold }
    const currents = {
      ...DEFAULT_CURRENTS,
      ...thresholdCurrents(wanted, DEFAULT_CURRENTS.DiffBn),
      RefrBp: refractoryCurrent(20),
    }
    const got = pixelResponse(pixelCurrents(withCurrents(biases, currents)))
    t.ok(Math.abs(got.onThreshold - wanted.onThreshold) < 0.005, `ON ${got.onThreshold}`)
    t.ok(Math.abs(got.offThreshold - wanted.offThreshold) < 0.005, `OFF ${got.offThreshold}`)
    t.ok(Math.abs(got.refractoryUs / 20 - 1) < 0.02)
  }
})

t.test('noise: as given by default, steep in the thresholds, more with bandwidth', async (t) => {
  const base = { shotHz: 0.1, leakHz: 0.01 }
  const sum = (response: typeof DEFAULT_RESPONSE) => {
    const { onHz, offHz } = noiseRates(response, base)
    return onHz + offHz
  }
  const usual = DEFAULT_RESPONSE
  t.ok(Math.abs(sum(usual) - 0.11) < 1e-9)
  const scaled = (times: number) =>
    sum({
      ...usual,
      onThreshold: times * usual.onThreshold,
      offThreshold: times * usual.offThreshold,
    })
  t.ok(scaled(0.8) > 5 * scaled(1), 'a fifth lower: many times the noise')
  t.ok(scaled(1.3) < scaled(1) / 5)
  t.ok(sum({ ...usual, bandwidthHz: usual.bandwidthHz / 2 }) < scaled(1) / 3)
  t.ok(sum({ ...usual, bandwidthHz: usual.bandwidthHz * 2 }) > 2 * scaled(1))
  const lower = noiseRates({ ...usual, onThreshold: usual.onThreshold * 0.9 }, base)
  t.ok(lower.onHz > 2 * lower.offHz, 'only the polarity whose threshold fell')
  const leak = noiseRates(
    { ...usual, onThreshold: 2 * usual.onThreshold },
    { shotHz: 0, leakHz: 1 },
  )
  t.same([leak.onHz, leak.offHz < 1e-6], [0.5, true], 'leak goes inversely as the ON threshold')
})
