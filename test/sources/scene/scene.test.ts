import t from 'tap'
import { sceneByName } from '../../../src/sources/scene/named.js'
import { createScene } from '../../../src/sources/scene/scene.js'
import { brightBox, digest, IDEAL, type Seen, scene, sum, watch } from './scenes.js'

t.test('the same scene gives the same events, however time is cut', async (t) => {
  const whole = watch(createScene(sceneByName('demo', 7)), 120_000)
  t.ok(whole.t.length > 5000, 'there is something to compare')

  const pieces: Seen = { t: [], x: [], y: [], on: [] }
  const cut = createScene(sceneByName('demo', 7), { batchCapacity: 100 })
  for (const untilUs of [1, 2, 777, 778, 50_001, 50_001, 119_999, 120_000]) {
    const piece = watch(cut, untilUs)
    t.ok(
      piece.t.every((time) => time < untilUs),
      'nothing from later',
    )
    for (const key of ['t', 'x', 'y', 'on'] as const) pieces[key].push(...piece[key])
  }
  for (const key of ['t', 'x', 'y', 'on'] as const) {
    t.equal(digest(pieces[key]), digest(whole[key]), key)
  }

  const other = watch(createScene(sceneByName('demo', 8)), 120_000)
  t.not(digest(other.t), digest(whole.t), 'another seed, other events')
})

t.test('events are in time order and on the sensor', async (t) => {
  const busy = createScene(sceneByName('high-rate', 1))
  let last = 0
  let wrong = 0
  busy.advance(60_000, (batch) => {
    for (let i = 0; i < batch.length; i++) {
      const time = batch.t0Us + batch.dtUs[i]!
      const inside = batch.x[i]! < 346 && batch.y[i]! < 260 && batch.on[i]! <= 1
      if (time < last || !inside) wrong++
      last = time
    }
  })
  t.equal(wrong, 0)
  t.equal(busy.dropped(), 0)
})

t.test('next() returns batches until it is empty', async (t) => {
  const whole = watch(createScene(sceneByName('clean', 2)), 100_000)
  const stepwise = createScene(sceneByName('clean', 2), { batchCapacity: 64 })
  let count = 0
  for (let batch = stepwise.next(100_000); batch.length > 0; batch = stepwise.next(100_000)) {
    t.ok(batch.length <= 64)
    count += batch.length
  }
  t.equal(count, whole.t.length)
  t.ok(stepwise.timeUs >= 100_000)
})

t.test('a quiet scene still hands over in time', async (t) => {
  const quiet = scene({ pixel: { ...IDEAL, hotPixels: 1, hotPixelHz: 3 } })
  let longest = 0
  let count = 0
  quiet.advance(60_000_000, (batch) => {
    longest = Math.max(longest, batch.dtUs[batch.length - 1]!)
    count += batch.length
  })
  t.ok(count > 30)
  t.ok(longest <= 1_001_000)
})

t.test('a bright edge that arrives gives ON events, one that leaves OFF', async (t) => {
  // The box (20 px wide, centre 30) goes right at 50 px/s: in 0.8 s its right edge sweeps columns 40..80, its left one 20..60.
  const { x, on } = watch(scene({ things: [brightBox()] }), 800_000)
  const only = (from: number, to: number) => on.filter((_, i) => x[i]! >= from && x[i]! < to)
  const ahead = only(62, 78)
  const behind = only(22, 38)
  t.ok(ahead.length > 1000 && ahead.every((value) => value === 1))
  t.ok(behind.length > 1000 && behind.every((value) => value === 0))
})

t.test('as many events as the log contrast holds thresholds', async (t) => {
  const contrast = Math.log(0.8 / 0.1)
  for (const threshold of [0.1, 0.2, 0.4]) {
    const seen = watch(
      scene({
        things: [brightBox()],
        pixel: { ...IDEAL, onThreshold: threshold, offThreshold: threshold },
      }),
      600_000,
    )
    const column = seen.on.filter((_, i) => seen.x[i] === 60 && Math.abs(seen.y[i]! - 40) < 8)
    const perPixel = column.length / 15
    t.ok(Math.abs(perPixel - contrast / threshold) <= 1, `${perPixel} at threshold ${threshold}`)
  }
})

t.test('the event rate follows speed and contrast', async (t) => {
  const count = (vx: number, brightness: number) => {
    const thing = brightBox({
      texture: { kind: 'plain', brightness },
      path: { kind: 'line', x: 30, y: 40, vx, vy: 0, edge: 'bounce' },
    })
    return watch(scene({ things: [thing] }), 400_000).t.length
  }
  const slow = count(50, 0.4)
  t.ok(Math.abs(count(100, 0.4) / slow - 2) < 0.15, 'twice as fast, twice the events')
  // ln(1.6 / 0.1) is twice ln(0.4 / 0.1); reflectance ends at 1.5, so compare with half of it instead.
  t.ok(Math.abs(slow / count(50, 0.2) - 2) < 0.3, 'half the log contrast, half the events')
})

t.test('events come when the edge passes, not when the step ends', async (t) => {
  // Steps as long as they may be: 0.75 px at 50 px/s is 15 ms.
  const seen = watch(
    scene({ things: [brightBox()], step: { maxUs: 15_000, minUs: 100, maxMovePx: 0.75 } }),
    700_000,
  )
  for (const column of [50, 57, 64]) {
    const times = seen.t.filter((_, i) => seen.x[i] === column && seen.on[i] === 1)
    const middle = sum(times) / times.length
    // The edge at x = 40 + 50 s reaches the pixel's middle at (column + 0.5 - 40) / 50 s. Half the log range is
    // passed a little earlier than half the coverage; a quarter of a pixel is 5 ms.
    const expected = ((column + 0.5 - 40) / 50) * 1e6
    t.ok(Math.abs(middle - expected) < 6000, `column ${column}: ${middle - expected} us off`)
    t.ok(new Set(times).size > 5, 'spread over the passage')
  }
})

t.test(
  'camera motion moves the background, and what is anchored in the world with it',
  async (t) => {
    const still = scene({ background: { kind: 'leaves', brightness: 0.4 } })
    t.equal(watch(still, 200_000).t.length, 0)

    const panned = scene({
      background: { kind: 'leaves', brightness: 0.4 },
      camera: { vx: 40, vy: 10 },
      things: [
        brightBox({ id: 1, path: { kind: 'still', x: 60, y: 40 } }),
        brightBox({ id: 2, path: { kind: 'still', x: 60, y: 40 }, anchor: 'world' }),
      ],
    })
    t.ok(watch(panned, 500_000).t.length > 5000)
    const [fixed, moving] = panned.truth(500_000).map(({ box }) => box)
    t.match(fixed, { x: Number, y: Number })
    t.ok(Math.abs(fixed!.x - moving!.x - 20) < 1e-6)
    t.ok(Math.abs(fixed!.y - moving!.y - 5) < 1e-6)
  },
)

t.test('lamps that flicker light and darken every pixel', async (t) => {
  const lit = scene({ light: { dark: 0, flickerHz: 100, flickerDepth: 0.3 } })
  const { on } = watch(lit, 100_000)
  // From trough to crest it is 0.6, three thresholds; a turn costs up to one. Ten times up and ten times down.
  const perPixel = on.length / (120 * 80)
  t.ok(perPixel > 36 && perPixel <= 60, `${perPixel}`)
  t.ok(Math.abs(sum(on) / on.length - 0.5) < 0.05)
})

t.test('less light, less contrast, fewer events', async (t) => {
  const count = (illumination: number) =>
    watch(scene({ things: [brightBox()], light: { dark: 0.01, illumination } }), 300_000).t.length
  t.ok(count(0.02) < 0.7 * count(1))
})

t.test('the intensity picture', async (t) => {
  const lit = scene({ things: [brightBox()], light: { dark: 0.01, illumination: 0.3 } })
  const picture = lit.image()
  t.equal(picture.length, 120 * 80)
  // White (1) is exposed to 0.8 of full scale, whatever the light.
  t.ok(Math.abs(picture[0]! / 65472 - 0.8 * 0.1) < 0.002, 'wall')
  t.ok(Math.abs(picture[40 * 120 + 30]! / 65472 - 0.8 * 0.8) < 0.005, 'box')
})
