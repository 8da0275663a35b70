import t from 'tap'
import { createPixels } from '../../../src/sources/scene/pixels.js'
import { brightBox, IDEAL, scene, sum, watch } from './scenes.js'

const PIXELS = 120 * 80

t.test('thresholds differ from pixel to pixel as told', async (t) => {
  const plane = { width: 120, height: 80, log: new Float32Array(PIXELS) }
  const config = { ...IDEAL, hotPixelHz: 0, onThreshold: 0.3, offThreshold: 0.2, mismatch: 0.05 }
  const { onStep, offStep } = createPixels(plane, config, 5)
  for (const [steps, mean] of [
    [onStep, 0.3],
    [offStep, 0.2],
  ] as const) {
    const average = sum([...steps]) / PIXELS
    const deviation = Math.sqrt(sum([...steps].map((step) => (step - average) ** 2)) / PIXELS)
    // Standard errors are 0.0005 and 0.0004 of the mean.
    t.ok(Math.abs(average / mean - 1) < 0.003)
    t.ok(Math.abs(deviation / mean - 0.05) < 0.003)
  }
})

t.test('separate ON and OFF thresholds', async (t) => {
  const pixel = { ...IDEAL, onThreshold: 0.15, offThreshold: 0.3 }
  const { on } = watch(scene({ things: [brightBox()], pixel }), 1_500_000)
  // There and back: the same log range is passed up and down.
  const ratio = sum(on) / (on.length - sum(on))
  t.ok(Math.abs(ratio - 2) < 0.25, `${ratio}`)
})

t.test('a pixel rests for the refractory time, noise or not', async (t) => {
  for (const refractoryUs of [50, 700, 5000]) {
    const pixel = {
      ...IDEAL,
      refractoryUs,
      shotNoiseHz: 50,
      leakHz: 5,
      hotPixels: 5,
      hotPixelHz: 2e4,
    }
    const seen = watch(scene({ things: [brightBox()], pixel }), 400_000)
    const last = new Map<number, number>()
    let shortest = Infinity
    for (let i = 0; i < seen.t.length; i++) {
      const p = seen.y[i]! * 120 + seen.x[i]!
      shortest = Math.min(shortest, seen.t[i]! - (last.get(p) ?? -Infinity))
      last.set(p, seen.t[i]!)
    }
    t.ok(shortest >= refractoryUs, `${shortest} us`)
    t.ok(shortest < refractoryUs * 1.5, 'and is ready soon after')
  }
})

t.test('a longer refractory time loses events', async (t) => {
  const count = (refractoryUs: number) =>
    watch(scene({ things: [brightBox()], pixel: { ...IDEAL, refractoryUs } }), 400_000).t.length
  t.ok(count(20_000) < 0.5 * count(0))
})

t.test('leak: ON events at rest, at the wanted rate', async (t) => {
  const { on } = watch(scene({ pixel: { ...IDEAL, leakHz: 0.5 } }), 8_000_000)
  t.ok(on.every((value) => value === 1))
  // Nearly periodic with random phases: the deviation is far below that of a Poisson count.
  t.ok(Math.abs(on.length / (PIXELS * 8 * 0.5) - 1) < 0.02, `${on.length}`)
})

t.test('shot noise: Poisson, both polarities, four times rarer on white', async (t) => {
  const seen = (brightness: number) =>
    watch(
      scene({ background: { kind: 'plain', brightness }, pixel: { ...IDEAL, shotNoiseHz: 4 } }),
      1_000_000,
    )
  const white = seen(1).on.length / PIXELS
  const dark = seen(0.01)
  const rate = dark.on.length / PIXELS
  // Standard error 0.02 Hz at 4 Hz.
  t.ok(Math.abs(rate - 4 * (1 - 0.75 * 0.01)) < 0.08, `dark ${rate} Hz`)
  t.ok(Math.abs(white - 1) < 0.05, `white ${white} Hz`)
  t.ok(Math.abs(sum(dark.on) / dark.on.length - 0.5) < 0.01)
  // Counts of 100 equal intervals: variance equals mean (its own relative standard error is 14 %).
  const counts = new Array<number>(100).fill(0)
  for (const time of dark.t) counts[Math.floor(time / 10_000)]!++
  const mean = sum(counts) / 100
  const variance = sum(counts.map((count) => (count - mean) ** 2)) / 99
  t.ok(Math.abs(variance / mean - 1) < 0.5, `variance over mean ${variance / mean}`)
})

t.test('hot pixels: the wanted number, far above the rest', async (t) => {
  const pixel = { ...IDEAL, hotPixels: 20, hotPixelHz: 200 }
  const { x, y, on } = watch(scene({ pixel }), 2_000_000)
  const counts = new Map<number, number>()
  for (let i = 0; i < x.length; i++) {
    const p = y[i]! * 120 + x[i]!
    counts.set(p, (counts.get(p) ?? 0) + 1)
  }
  t.ok(counts.size <= 20 && counts.size >= 18, 'two may share a place')
  t.ok(on.every((value) => value === 1))
  const rates = [...counts.values()].map((count) => count / 2).sort((a, b) => a - b)
  t.ok(rates[0]! > 30 && rates.at(-1)! < 1300)
  const median = rates[rates.length >> 1]!
  t.ok(median > 100 && median < 400, `median ${median} Hz`)
})

t.test('the readout passes no more than its rate, late but in order', async (t) => {
  const pixel = { ...IDEAL, readoutPerSecond: 100_000, refractoryUs: 100 }
  const flash = { dark: 0, flickerHz: 10, flickerDepth: 0.5 }
  const limited = scene({ pixel, light: flash })
  const { t: times } = watch(limited, 200_000)
  t.ok(times.length > 10_000)
  let busiest = 0
  let backward = 0
  for (let i = 100; i < times.length; i++) {
    if (times[i]! < times[i - 1]!) backward++
    if (times[i]! - times[i - 100]! < 990) busiest++
  }
  t.equal(backward, 0)
  t.equal(busiest, 0, 'never 100 events in less than 1 ms')
  t.equal(limited.dropped(), 0)
})
