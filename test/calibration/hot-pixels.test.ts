import t from 'tap'
import { findHotPixels } from '../../src/calibration/hot-pixel-fit.js'
import { type HotPixelsData, hotPixelsKind } from '../../src/calibration/hot-pixels.js'
import { worst } from '../../src/calibration/kind.js'
import type { HotPixelsOptions } from '../../src/calibration/schema.js'
import { createWorld, type WorldOptions } from '../../src/sources/emulated-world.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { batchOf, row, start, watch } from './helpers.js'

const OPTIONS: HotPixelsOptions = { chipSlots: true, onlyAdd: false }
const DARK = { uncoverUs: Number.POSITIVE_INFINITY }

function measure(world: WorldOptions, previous?: HotPixelsData, options = OPTIONS) {
  const { stimulus, hotPixels, noisePerSecond } = createWorld({ ...DARK, ...world })
  const seconds = 5
  const measurement = start(hotPixelsKind, {
    options,
    seconds,
    ...(previous && { previous: { ...previous } }),
  })
  watch(measurement, stimulus, [0, seconds * 1e6])
  const outcome = measurement.finish()
  const data = outcome.data as unknown as HotPixelsData
  const found = new Set(data.pixels.map(({ x, y }) => `${x},${y}`))
  const hits = hotPixels.filter(({ x, y }) => found.has(`${x},${y}`)).length
  return {
    outcome,
    data,
    noisePerSecond,
    verdict: worst(outcome.rows),
    recall: hits / hotPixels.length,
    precision: hits / Math.max(1, found.size),
  }
}

t.test('the true hot pixels are found at 10 000 background events a second', async (t) => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { recall, precision, verdict, noisePerSecond } = measure({ seed, hotPixels: 200 })
    t.ok(noisePerSecond > 1e4, 'as noisy as promised')
    t.comment(`seed ${seed}: recall ${recall.toFixed(4)}, precision ${precision.toFixed(4)}`)
    t.ok(recall >= 0.99, `seed ${seed}: recall ${recall}`)
    t.ok(precision >= 0.99, `seed ${seed}: precision ${precision}`)
    t.equal(verdict, 'PASS')
  }
})

t.test('a hot camera with twenty times the noise', async (t) => {
  const { recall, precision } = measure({ seed: 7, noiseHz: 2.2, hotPixels: 200, hotPixelHz: 300 })
  t.ok(recall >= 0.99, `recall ${recall}`)
  t.ok(precision >= 0.99, `precision ${precision}`)
})

t.test('a camera without hot pixels gets next to none', async (t) => {
  const { data } = measure({ seed: 3, hotPixels: 0 })
  t.ok(data.pixels.length <= 3, `${data.pixels.length}`)
})

t.test('run again it confirms; the worst eight go to the camera, all to the host', async (t) => {
  const first = measure({ seed: 1 })
  const again = measure({ seed: 1 }, first.data)
  t.equal(row(again.outcome.rows, 'new against the active mask').verdict, 'PASS')
  const { settings } = first.outcome
  t.equal(settings?.preset?.dvs?.pixelFilter?.length, 8)
  t.equal(settings?.hotPixels?.length, first.data.pixels.length)
  const rates = first.data.pixels.map(({ rateHz }) => rateHz)
  t.same(
    rates,
    [...rates].sort((a, b) => b - a),
    'the most active first',
  )
  t.match(first.outcome.exports[0]?.content, /^%.*\n\d+ \d+\n/)
})

t.test('unattended it only ever adds', async (t) => {
  const before: HotPixelsData = {
    pixels: [{ x: 7, y: 9, rateHz: 50 }],
    thresholdHz: 1,
    backgroundHz: 0.1,
  }
  const kept = measure({ seed: 2 }, before, { ...OPTIONS, onlyAdd: true })
  t.ok(kept.data.pixels.some(({ x, y }) => x === 7 && y === 9))
  const fresh = measure({ seed: 2 }, before)
  t.notOk(fresh.data.pixels.some(({ x, y }) => x === 7 && y === 9))
})

t.test('a scene that moves fails: the lens was not covered', async (t) => {
  const seconds = 5
  const measurement = start(hotPixelsKind, { options: OPTIONS, seconds })
  const rng = createRng(5)
  // An edge that sweeps the picture again and again.
  for (let k = 0; k < 1000; k++) {
    const x = Math.floor(k / 3) % 346
    const events = Array.from({ length: 120 }, (_, i) => ({
      t: k * 5000 + rng.range(0, 5000),
      x,
      y: 2 * i,
    }))
    measurement.events?.(batchOf(events.flatMap((e) => [e, { ...e, y: e.y + 1 }])))
  }
  const { rows } = measurement.finish()
  t.equal(worst(rows), 'FAIL')
  t.equal(row(rows, 'correlated with a neighbour').verdict, 'FAIL')
  t.match(row(rows, 'correlated with a neighbour').note, 'cover')
})

t.test('a lens that is covered only half of the time fails', async (t) => {
  const { stimulus } = createWorld({ ...DARK, seed: 4 })
  const bright = createWorld({ ...DARK, seed: 5, noiseHz: 1.5 })
  const measurement = start(hotPixelsKind, { options: OPTIONS, seconds: 5 })
  watch(measurement, bright.stimulus, [0, 2e6])
  watch(measurement, stimulus, [2e6, 5e6])
  t.equal(row(measurement.finish().rows, 'steadiness over time').verdict, 'FAIL')
})

t.test('counts of pure chance give at most a few, over seeds', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const rng = createRng(seed)
    const counts = new Uint32Array(20_000)
    for (let i = 0; i < 40_000; i++) counts[rng.int(counts.length)]!++
    const { hot } = findHotPixels(counts)
    t.ok(hot.length <= 4, `seed ${seed}: ${hot.length}`)
  }
})
