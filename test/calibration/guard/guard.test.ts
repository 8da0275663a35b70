import t from 'tap'
import { knobsOf, NOMINAL, SAFE, withKnobs } from '../../../src/calibration/biases/knobs.js'
import { EventRateGuard, type GuardStep } from '../../../src/calibration/guard/guard.js'
import { LADDER, onRung } from '../../../src/calibration/guard/ladder.js'
import { guardSchema } from '../../../src/calibration/guard/schema.js'
import { loadPreset } from '../../../src/davis346/presets.js'
import { createRng } from '../../../src/sources/scene/rng.js'

const LIMIT = 1e6
const OPTIONS = { enabled: true, maxEventsPerSecond: LIMIT, calmSeconds: 2 }
/** What each rung leaves of the events. */
const LEFT = [1, 0.8, 0.5, 0.3, 0.15, 0.08]
const TICK_US = 100_000

interface Did extends GuardStep {
  readonly atSeconds: number
}

/** Runs the guard over a course of rates as they would be without it. */
function serve(of: {
  readonly perSecond: (seconds: number) => number
  readonly seconds: number
  readonly takes?: (step: GuardStep) => boolean
  readonly dropped?: (seconds: number) => number
}) {
  const guard = new EventRateGuard(OPTIONS)
  const did: Did[] = []
  const rates: number[] = []
  let events = 0
  let dropped = 0
  let pending: { step: GuardStep; atUs: number } | undefined
  for (let us = 0; us < of.seconds * 1e6; us += TICK_US) {
    const seconds = us / 1e6
    const rate = of.perSecond(seconds) * LEFT[guard.level]!
    rates.push(rate)
    events += (rate * TICK_US) / 1e6
    dropped += of.dropped?.(seconds) ?? 0
    if (pending !== undefined && us >= pending.atUs) {
      const taken = of.takes?.(pending.step) ?? true
      guard.settled(us, taken, pending.step)
      if (taken) did.push({ ...pending.step, atSeconds: seconds })
      pending = undefined
    }
    const step = guard.tick(us, { events, dropped })
    if (step !== undefined) pending = { step, atUs: us + TICK_US }
  }
  return { guard, did, rates }
}

t.test('it does nothing while the rate is right', async (t) => {
  const { guard, did } = serve({ perSecond: () => 0.95 * LIMIT, seconds: 60 })
  t.same(did, [])
  t.same(guard.counters, { raised: 0, lowered: 0, exhausted: 0, failed: 0 })
})

t.test('a flood is brought below the limit, rung by rung, and undone after it', async (t) => {
  const flood = (s: number) => (s > 10 && s < 40 ? 4 * LIMIT : 0.3 * LIMIT)
  const { guard, did, rates } = serve({ perSecond: flood, seconds: 80 })
  t.same(
    did.filter(({ direction }) => direction === 'up').map(({ measure }) => measure),
    ['refractory', 'refractory-long', 'threshold', 'threshold-high'],
  )
  const reached = rates.findIndex((rate, i) => i > 101 && rate <= LIMIT)
  t.ok(reached < 135, `below the limit within 3.5 s: ${reached / 10 - 10}`)
  t.ok(rates.slice(reached, 400).every((rate) => rate <= LIMIT))
  t.equal(guard.level, 0)
  t.ok(did.filter(({ direction }) => direction === 'down').every((d) => d.atSeconds > 40))
  t.ok(did.at(-1)!.atSeconds < 60)
  t.match(guard.counters, { raised: 4, lowered: 4, exhausted: 0 })
  for (let i = 1; i < did.length; i++)
    t.ok(did[i]!.atSeconds - did[i - 1]!.atSeconds >= 0.3, 'no step before the last can be seen')
})

t.test('a lasting flood is not undone and not swung around', async (t) => {
  const { did } = serve({ perSecond: () => 1.6 * LIMIT, seconds: 600 })
  t.same(
    did.map(({ direction }) => direction),
    ['up', 'up'],
  )
})

t.test('one that comes and goes is undone ever more slowly', async (t) => {
  const pulses = (s: number) => (s % 12 < 4 ? 3 * LIMIT : 0.1 * LIMIT)
  const { did } = serve({ perSecond: pulses, seconds: 600 })
  const ups = (from: number, to: number) =>
    did.filter((d) => d.direction === 'up' && d.atSeconds >= from && d.atSeconds < to).length
  t.ok(ups(0, 60) >= 3)
  t.ok(ups(300, 600) < ups(0, 300) / 2, `${ups(0, 300)}, then ${ups(300, 600)}`)
})

t.test('noise in the rate around the limit does not make it swing', async (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const rng = createRng(seed)
    const { did } = serve({ perSecond: () => LIMIT * rng.logRange(0.6, 1.4), seconds: 300 })
    t.ok(did.length <= 12, `seed ${seed}: ${did.length} steps in 5 minutes`)
  }
})

t.test('with nothing left it stays at the top and counts', async (t) => {
  const { guard, did } = serve({ perSecond: () => 100 * LIMIT, seconds: 20 })
  t.equal(guard.level, LADDER.length - 1)
  t.equal(did.at(-1)!.measure, 'skip')
  t.ok(guard.counters.exhausted > 20)
})

t.test('events that the camera loses are as bad as too many', async (t) => {
  const perSecond = () => 0.4 * LIMIT
  const lossy = serve({ perSecond, seconds: 3, dropped: () => 0.1 * LIMIT * 0.1 })
  t.ok(lossy.guard.level > 0)
  const few = serve({ perSecond, seconds: 3, dropped: () => 2 })
  t.equal(few.guard.level, 0)
})

t.test('a step that the camera did not take is tried again', async (t) => {
  let tries = 0
  const { guard, did } = serve({
    perSecond: () => 1.2 * LIMIT,
    seconds: 5,
    takes: () => ++tries > 2,
  })
  t.equal(guard.counters.failed, 2)
  t.equal(did.length, 1)
  t.equal(guard.level, 1)
})

t.test('a camera that came back counts from zero again', async (t) => {
  const guard = new EventRateGuard(OPTIONS)
  for (let i = 0; i < 20; i++) guard.tick(i * TICK_US, { events: 9e4 * i, dropped: 5000 })
  t.equal(guard.tick(2_000_000, { events: 10, dropped: 0 }), undefined)
  for (let i = 1; i < 10; i++)
    t.equal(guard.tick(2_000_000 + i * TICK_US, { events: 10 + 9e4 * i, dropped: 0 }), undefined)
  guard.restart()
  t.equal(guard.tick(9_000_000, { events: 5e9, dropped: 0 }), undefined, 'not a rate')
})

t.test('each rung asks for less, and never for more than the preset', async (t) => {
  for (const name of ['default', 'quiet', 'night', 'fast']) {
    const preset = await loadPreset(name)
    t.same(onRung(preset, LADDER[0]!), preset, 'none is none')
    let before = knobsOf(preset)
    let restUs = preset.dvs.refractory ? preset.dvs.refractoryTimeUs : 0
    for (const rung of LADDER.slice(1)) {
      const { dvs, ...rest } = onRung(preset, rung)
      const knobs = knobsOf({ dvs, ...rest })
      t.ok(knobs.onThreshold >= 0.99 * before.onThreshold, `${name} ${rung.name}`)
      t.ok(knobs.offThreshold >= 0.99 * before.offThreshold)
      t.ok(dvs.refractory && dvs.refractoryTimeUs >= restUs)
      t.ok(Math.abs(Math.log(knobs.bandwidthHz / knobsOf(preset).bandwidthHz)) < 0.05)
      t.equal(dvs.skip, rung.name === 'skip' || preset.dvs.skip)
      before = knobs
      restUs = dvs.refractoryTimeUs
    }
    t.ok(before.onThreshold <= Math.max(SAFE.onThreshold[1], knobsOf(preset).onThreshold) * 1.01)
  }
  const high = withKnobs(await loadPreset('default'), { ...NOMINAL, onThreshold: 0.55 })
  const raised = knobsOf(onRung(high, LADDER[4]!))
  t.ok(raised.onThreshold > 0.54, 'what is beyond the safe end already is not lowered')
})

t.test('the table [guard] is off by default and refuses nonsense', async (t) => {
  t.equal(guardSchema.parse({}).enabled, false)
  t.throws(() => guardSchema.parse({ maxEventsPerSecond: 0 }))
  t.throws(() => guardSchema.parse({ calmSeconds: 0 }))
  t.throws(() => guardSchema.parse({ limit: 5 }))
})
