import t from 'tap'
import { DEFAULT_RESPONSE, noiseRates } from '../../../src/davis346/pixel-response.js'
import type { Scene } from '../../../src/sources/scene/scene.js'
import { brightBox, digest, IDEAL, scene, sum, watch } from './scenes.js'

const PIXELS = 120 * 80
const usual = DEFAULT_RESPONSE
const noisy = { ...IDEAL, shotNoiseHz: 2, leakHz: 0.5, mismatch: 0.03, refractoryUs: 100 }
const moving = () => scene({ things: [brightBox()], pixel: noisy })

t.test('the default biases change nothing, bit for bit', async (t) => {
  const plain = watch(moving(), 300_000)
  const biased = moving()
  biased.bias(usual)
  const first = watch(biased, 150_000)
  biased.bias(usual)
  const rest = watch(biased, 300_000)
  for (const key of ['t', 'x', 'y', 'on'] as const)
    t.equal(digest([...first[key], ...rest[key]]), digest(plain[key]), key)
})

t.test('an edge makes as many events as its contrast holds thresholds', async (t) => {
  const count = (times: number) => {
    const world = scene({
      things: [brightBox()],
      pixel: { ...IDEAL, onThreshold: 0.1, offThreshold: 0.1 },
    })
    world.bias({
      ...usual,
      onThreshold: times * usual.onThreshold,
      offThreshold: times * usual.offThreshold,
    })
    watch(world, 20_000)
    return watch(world, 520_000).t.length
  }
  const once = count(1)
  // ln(0.8 / 0.1) = 2.08: 20 thresholds of 0.1, 10 of 0.2, 5 of 0.4.
  t.ok(Math.abs(count(2) / once - 0.5) < 0.04, String(count(2) / once))
  t.ok(Math.abs(count(4) / once - 0.25) < 0.04)
})

t.test('the ON threshold alone moves ON events alone', async (t) => {
  const world = scene({
    things: [brightBox()],
    pixel: { ...IDEAL, onThreshold: 0.1, offThreshold: 0.1 },
  })
  world.bias({ ...usual, onThreshold: 2 * usual.onThreshold })
  watch(world, 20_000)
  const { on } = watch(world, 800_000)
  const ratio = sum(on) / (on.length - sum(on))
  t.ok(Math.abs(ratio - 0.5) < 0.06, String(ratio))
})

/** Shortest time between two events of one pixel. */
function shortestGap(world: Scene): number {
  const { t: times, x, y } = watch(world, 400_000)
  const last = new Map<number, number>()
  let shortest = Number.POSITIVE_INFINITY
  times.forEach((tUs, i) => {
    const pixel = y[i]! * 120 + x[i]!
    shortest = Math.min(shortest, tUs - (last.get(pixel) ?? -1e9))
    last.set(pixel, tUs)
  })
  return shortest
}

t.test('the refractory time is as many times longer as its current is smaller', async (t) => {
  const path = { kind: 'line', x: 30, y: 40, vx: 400, vy: 0, edge: 'bounce' } as const
  const fast = () =>
    scene({ things: [brightBox({ path })], pixel: { ...IDEAL, refractoryUs: 100 } })
  t.ok(shortestGap(fast()) < 1000)
  const world = fast()
  world.bias({ ...usual, refractoryUs: 30 * usual.refractoryUs })
  const gap = shortestGap(world)
  t.ok(gap >= 2999 && gap < 4000, String(gap))
})

t.test('noise and its balance are what the model says', async (t) => {
  const responses = [
    usual,
    { ...usual, onThreshold: 0.9 * usual.onThreshold, offThreshold: 0.95 * usual.offThreshold },
    { ...usual, bandwidthHz: 2 * usual.bandwidthHz },
  ]
  for (const response of responses) {
    // A black wall: all candidates of shot noise are taken but for what its faint light saves.
    const world = scene({
      pixel: { ...IDEAL, shotNoiseHz: 1 },
      background: { kind: 'plain', brightness: 1e-6 },
    })
    world.bias(response)
    const { on } = watch(world, 2_000_000)
    const { onHz, offHz } = noiseRates(response, { shotHz: 1, leakHz: 0 })
    const events = 2 * PIXELS * (onHz + offHz)
    t.ok(Math.abs(on.length / events - 1) < 5 / Math.sqrt(events), `${on.length} of ${events}`)
    const share = onHz / (onHz + offHz)
    t.ok(Math.abs(sum(on) / on.length - share) < 2.5 / Math.sqrt(events), 'ON share')
  }
})

t.test('leak goes inversely as the ON threshold', async (t) => {
  const count = (times: number) => {
    const world = scene({ pixel: { ...IDEAL, leakHz: 1 } })
    world.bias({ ...usual, onThreshold: times * usual.onThreshold })
    watch(world, 2_000_000)
    return watch(world, 6_000_000).t.length / PIXELS / 4
  }
  t.ok(Math.abs(count(1) - 1) < 0.05)
  t.ok(Math.abs(count(2) - 0.5) < 0.04)
})

t.test('a slow photoreceptor smooths fast change and lets slow change through', async (t) => {
  const flicker = (bandwidthHz: number) => {
    const world = scene({
      things: [
        brightBox({ path: { kind: 'line', x: 30, y: 40, vx: 2000, vy: 0, edge: 'bounce' } }),
      ],
      pixel: { ...IDEAL, onThreshold: 0.1, offThreshold: 0.1 },
    })
    world.bias({ ...usual, bandwidthHz })
    watch(world, 50_000)
    return watch(world, 250_000).t.length
  }
  // The box passes a pixel in 10 ms: 5 Hz see little of it, 150 Hz nearly all.
  const fast = flicker(usual.bandwidthHz)
  t.ok(flicker(150) > 0.85 * fast)
  const slow = flicker(5)
  t.ok(slow < 0.5 * fast, `${slow} of ${fast}`)
  const still = scene({ things: [brightBox()], pixel: IDEAL })
  still.bias({ ...usual, bandwidthHz: 5 })
  const through = watch(still, 1_000_000).t.length
  const whole = watch(scene({ things: [brightBox()], pixel: IDEAL }), 1_000_000).t.length
  t.ok(through > 0.8 * whole, `${through} of ${whole}: what moves slowly stays`)
})

t.test('biases may be turned again and again, and back', async (t) => {
  const world = moving()
  const plain = moving()
  watch(plain, 400_000)
  for (let i = 1; i <= 8; i++) {
    const times = i % 2 === 0 ? 1 : 1.7
    world.bias({ ...usual, onThreshold: times * usual.onThreshold, bandwidthHz: 40 * i })
    watch(world, 50_000 * i)
  }
  world.bias(usual)
  const after = watch(world, 1_400_000).t.length
  const same = watch(plain, 1_400_000).t.length
  t.ok(Math.abs(after / same - 1) < 0.05, `${after} against ${same}`)
})
