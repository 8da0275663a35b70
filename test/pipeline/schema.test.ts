import t from 'tap'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'

t.test('defaults', async (t) => {
  t.same(aggregationSchema.parse({}), {
    windowUs: 30_000,
    hopUs: 10_000,
    windowEvents: 0,
    hopEvents: 0,
    amount: 30,
    decay: 0.8,
  })
  t.match(filtersSchema.parse({}), { refractoryUs: 0, backgroundActivitySupport: 1, regions: [] })
})

t.test('a hop must divide its window', async (t) => {
  const path = (config: object) => aggregationSchema.safeParse(config).error?.issues[0]?.path
  t.same(path({ hopUs: 7000 }), ['hopUs'])
  t.same(path({ hopUs: 60_000 }), ['hopUs'])
  t.same(path({ windowUs: 1_000_000, hopUs: 10_000 }), ['hopUs'], 'too many parts')
  t.same(path({ windowEvents: 100, hopEvents: 30 }), ['hopEvents'])
  t.equal(path({ windowEvents: 100, hopUs: 7000 }), undefined, 'hopUs does not matter here')
  t.equal(path({ windowUs: 33_000, hopUs: 33_000 }), undefined)
})

t.test('values out of range are refused by key', async (t) => {
  const bad: [object, string][] = [
    [{ amount: 0 }, 'amount'],
    [{ amount: 256 }, 'amount'],
    [{ decay: 1.5 }, 'decay'],
    [{ windowUs: 0, hopUs: 0 }, 'windowUs'],
  ]
  for (const [config, key] of bad)
    t.equal(aggregationSchema.safeParse(config).error?.issues[0]?.path[0], key)
  const filters: [object, string][] = [
    [{ hotPixels: [[-1, 2]] }, 'hotPixels'],
    [{ backgroundActivitySupport: 9 }, 'backgroundActivitySupport'],
    [{ backgroundActivityUs: 1e8 }, 'backgroundActivityUs'],
    [{ refractoryUs: -1 }, 'refractoryUs'],
    [{ regions: [{ mode: 'include' }] }, 'regions'],
    [
      {
        regions: [
          {
            mode: 'include',
            polygon: [
              [0, 0],
              [1, 1],
            ],
          },
        ],
      },
      'regions',
    ],
    [{ regions: [{ mode: 'exclude', box: [0, 0, 0, 5] }] }, 'regions'],
  ]
  for (const [config, key] of filters)
    t.equal(filtersSchema.safeParse(config).error?.issues[0]?.path[0], key)
})
