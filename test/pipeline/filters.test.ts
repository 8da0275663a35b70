import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { FilterChain } from '../../src/pipeline/filters.js'
import { buildPassMap } from '../../src/pipeline/mask.js'
import { type FiltersConfig, filtersSchema } from '../../src/pipeline/schema.js'
import { PASS } from '../../src/pipeline/wasm/filter-kernel.js'
import { batches, batchOf, eventsOf, randomEvents, type TestEvent } from './helpers.js'

const size = { width: 23, height: 17 }
const configure = (config: object): FiltersConfig => filtersSchema.parse(config)

/** The definition, one event and one neighbour at a time, with times that never wrap. */
function reference(config: FiltersConfig, events: readonly TestEvent[]): TestEvent[] {
  const { width, height } = size
  const pass = buildPassMap(config, size)
  const last = new Map<number, number>()
  return events.filter(({ t: now, x, y }) => {
    if (x >= width || y >= height) return false
    const p = y * width + x
    if (pass[p] !== PASS) return false
    const fresh = now - (last.get(p) ?? Number.NEGATIVE_INFINITY) >= config.refractoryUs
    let support = 0
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height
        if ((dx === 0 && dy === 0) || !inside) continue
        const fired = last.get(p + dy * width + dx)
        if (fired !== undefined && now - fired < config.backgroundActivityUs) support++
      }
    last.set(p, now)
    const off = config.backgroundActivityUs === 0
    return fresh && (off || support >= config.backgroundActivitySupport)
  })
}

function filtered(config: FiltersConfig, events: readonly TestEvent[], longest = 700): TestEvent[] {
  const chain = new FilterChain(config, size)
  return batches(events, longest).flatMap((part) => {
    const batch = batchOf(part)
    chain.apply(batch)
    return eventsOf(batch)
  })
}

t.test('equals the definition on random streams', async (t) => {
  const common = {
    hotPixels: [
      [4, 3],
      [22, 16],
      [0, 0],
    ],
    regions: [{ mode: 'exclude', box: [9, 5, 6, 4] }],
  }
  const configs = {
    'background activity': { backgroundActivityUs: 150 },
    'two neighbours': { backgroundActivityUs: 400, backgroundActivitySupport: 2 },
    'eight neighbours': { backgroundActivityUs: 9000, backgroundActivitySupport: 8 },
    refractory: { backgroundActivityUs: 0, refractoryUs: 120 },
    'refractory and three neighbours': {
      refractoryUs: 60,
      backgroundActivityUs: 900,
      backgroundActivitySupport: 3,
    },
    mask: { ...common, backgroundActivityUs: 0 },
    all: { ...common, refractoryUs: 40, backgroundActivityUs: 200 },
    off: { backgroundActivityUs: 0 },
  }
  const events = randomEvents({ seed: 7, count: 20_000, ...size, stepUs: 9 })
  for (const [name, raw] of Object.entries(configs)) {
    const config = configure(raw)
    const expected = reference(config, events)
    t.ok(isDeepStrictEqual(filtered(config, events), expected), name)
    if (name === 'off') t.equal(expected.length, events.length)
    else t.ok(expected.length > 0 && expected.length < events.length, `${name} decides something`)
  }
})

t.test('a batch longer than a chunk equals many short ones', async (t) => {
  const config = configure({ backgroundActivityUs: 150, refractoryUs: 10 })
  const events = randomEvents({ seed: 3, count: 30_000, ...size, stepUs: 4 })
  const whole = filtered(config, events, 30_000)
  t.ok(isDeepStrictEqual(whole, reference(config, events)))
  t.ok(isDeepStrictEqual(filtered(config, events, 50), whole))
})

t.test('a pixel that never fired supports nobody, at any time', async (t) => {
  for (const startUs of [0, 1, 100, 2 ** 31, 2 ** 32, 2 ** 40]) {
    const alone = [{ t: startUs, x: 5, y: 5, on: 1 }]
    t.same(filtered(configure({ backgroundActivityUs: 10_000_000 }), alone), [], `at ${startUs}`)
    t.same(filtered(configure({ backgroundActivityUs: 0 }), alone), alone, `off, at ${startUs}`)
    t.same(filtered(configure({ backgroundActivityUs: 0, refractoryUs: 10_000_000 }), alone), alone)
  }
})

t.test('the limits: less than the time supports, refractory includes its end', async (t) => {
  const pair = (dt: number, x: number) => [
    { t: 1000, x: 5, y: 5, on: 1 },
    { t: 1000 + dt, x, y: 5, on: 0 },
  ]
  const background = configure({ backgroundActivityUs: 50 })
  t.equal(filtered(background, pair(49, 6)).length, 1)
  t.equal(filtered(background, pair(50, 6)).length, 0)
  t.equal(filtered(background, pair(10, 5)).length, 0, 'own history is no support')
  const refractory = configure({ backgroundActivityUs: 0, refractoryUs: 50 })
  t.equal(filtered(refractory, pair(49, 5)).length, 1)
  t.equal(filtered(refractory, pair(50, 5)).length, 2)
})

t.test('stays exact over hours, across 2^32 us and within a batch of an hour', async (t) => {
  const config = configure({ backgroundActivityUs: 3000, refractoryUs: 500 })
  const around = (startUs: number, seed: number) =>
    randomEvents({ seed, count: 3000, ...size, startUs, stepUs: 60 })
  const wrap = 2 ** 32
  const starts = [0, 2 ** 30 - 90_000, 2 ** 31 - 90_000, wrap - 90_000, 3 * wrap - 90_000, 2 ** 45]
  const events = starts.flatMap((start, i) => around(start, i + 1))
  t.ok(isDeepStrictEqual(filtered(config, events), reference(config, events)))

  const hour = [0, 18, 36, 54, 71].flatMap((minute, i) => around(minute * 60e6, i + 1))
  t.ok(isDeepStrictEqual(filtered(config, hour, hour.length), reference(config, hour)), 'one batch')
  const steady = randomEvents({ seed: 5, count: 20_000, ...size, stepUs: 1_000_000 })
  const slow = configure({ backgroundActivityUs: 10_000_000, refractoryUs: 2_000_000 })
  t.ok(
    isDeepStrictEqual(filtered(slow, steady), reference(slow, steady)),
    'three hours of a few events a second',
  )
})

t.test('counts what each filter dropped', async (t) => {
  const config = configure({
    hotPixels: [[1, 1]],
    regions: [{ mode: 'exclude', box: [10, 10, 3, 3] }],
    refractoryUs: 100,
    backgroundActivityUs: 1000,
  })
  const chain = new FilterChain(config, size)
  const batch = batchOf([
    { t: 0, x: 1, y: 1, on: 1 }, // hot
    { t: 1, x: 2, y: 1, on: 1 }, // alone: the hot pixel supports nobody
    { t: 2, x: 3, y: 1, on: 1 }, // supported
    { t: 3, x: 3, y: 1, on: 0 }, // refractory
    { t: 4, x: 11, y: 11, on: 1 }, // out of region
    { t: 5, x: 23, y: 4, on: 1 }, // outside
    { t: 6, x: 4, y: 17, on: 1 }, // outside
    { t: 7, x: 65535, y: 65535, on: 1 }, // outside
  ])
  chain.apply(batch)
  t.same(eventsOf(batch), [{ t: 2, x: 3, y: 1, on: 1 }])
  t.same(chain.counters.snapshot(), {
    eventsIn: 8,
    outsideSensor: 3,
    outOfRegion: 1,
    hotPixel: 1,
    refractory: 1,
    backgroundActivity: 1,
    eventsOut: 1,
    timeRestarts: 0,
  })
  const empty = batchOf([])
  chain.apply(empty)
  t.equal(empty.length, 0)
})

t.test('update takes effect at once and forgets masked pixels', async (t) => {
  const chain = new FilterChain(configure({ backgroundActivityUs: 1000 }), size)
  const apply = (event: TestEvent): number => {
    const batch = batchOf([event])
    chain.apply(batch)
    return batch.length
  }
  t.equal(apply({ t: 0, x: 5, y: 5, on: 1 }), 0)
  t.equal(apply({ t: 1, x: 6, y: 5, on: 1 }), 1)
  chain.update(
    configure({
      backgroundActivityUs: 1000,
      hotPixels: [
        [5, 5],
        [6, 5],
      ],
    }),
  )
  t.equal(apply({ t: 2, x: 5, y: 5, on: 1 }), 0, 'hot now')
  t.equal(apply({ t: 3, x: 5, y: 6, on: 1 }), 0, 'and no support any more')
  chain.update(configure({ backgroundActivityUs: 0 }))
  t.equal(apply({ t: 4, x: 20, y: 10, on: 1 }), 1)
  t.throws(() => chain.update(configure({ hotPixels: [[23, 0]] })), { code: 'CONFIG_INVALID' })
  t.equal(apply({ t: 5, x: 20, y: 15, on: 1 }), 1, 'a refused update changes nothing')
})

t.test('starts anew when time restarts, announced or not', async (t) => {
  const config = configure({ backgroundActivityUs: 1000 })
  for (const announced of [true, false]) {
    const chain = new FilterChain(config, size)
    const before = batchOf(randomEvents({ seed: 1, count: 500, ...size, startUs: 1e9 }))
    chain.apply(before)
    if (announced) chain.reset()
    const events = randomEvents({ seed: 2, count: 500, ...size, startUs: 10 })
    const batch = batchOf(events)
    chain.apply(batch)
    t.same(eventsOf(batch), reference(config, events))
    t.equal(chain.counters.snapshot().timeRestarts, announced ? 0 : 1)
  }
})
