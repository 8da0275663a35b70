import t from 'tap'
import { worst } from '../../src/calibration/kind.js'
import { signedArea, zoneProblem } from '../../src/calibration/polygon.js'
import type { Zone } from '../../src/calibration/schema.js'
import { calibrationSchema } from '../../src/calibration/schema.js'
import { zonesKind } from '../../src/calibration/zones.js'
import { start } from './helpers.js'

const SQUARE: Zone['polygon'] = [
  [10, 10],
  [90, 10],
  [90, 90],
  [10, 90],
]

t.test('what is wrong with a polygon is said in words', async (t) => {
  t.equal(zoneProblem(SQUARE), undefined)
  t.equal(Math.abs(signedArea(SQUARE)), 6400)
  t.match(zoneProblem([SQUARE[0]!, SQUARE[2]!, SQUARE[1]!, SQUARE[3]!]), 'cross')
  t.match(zoneProblem([...SQUARE, SQUARE[0]!]), 'same point')
  t.match(
    zoneProblem([
      [0, 0],
      [5, 0],
      [0.1, 0.1],
    ]),
    'less than one pixel',
  )
  t.match(
    zoneProblem([
      [0, 0],
      [50, 0],
      [20, 0],
    ]),
    'cross',
  )
})

t.test('zones become regions and count zones', async (t) => {
  const zones: Zone[] = [
    { name: 'road', mode: 'include', polygon: SQUARE },
    { name: 'tree', mode: 'exclude', polygon: SQUARE },
    { name: 'gate', mode: 'count', polygon: SQUARE },
  ]
  const { rows, settings } = start(zonesKind, { options: { zones }, seconds: 0 }).finish()
  t.equal(worst(rows), 'PASS')
  t.same(
    settings?.regions?.map(({ mode }) => mode),
    ['include', 'exclude'],
  )
  t.same(settings?.zones, [{ name: 'gate', polygon: SQUARE }])
})

t.test('none, and one that leaves the sensor', async (t) => {
  t.throws(() => start(zonesKind, { options: { zones: [] }, seconds: 0 }), {
    code: 'CALIBRATION_FAILED',
    next: /--input/,
  })
  const zones: Zone[] = [
    {
      name: 'far',
      mode: 'count',
      polygon: [
        [0, 0],
        [900, 0],
        [0, 90],
      ],
    },
  ]
  const { rows } = start(zonesKind, { options: { zones }, seconds: 0 }).finish()
  t.equal(worst(rows), 'FAIL')
})

t.test('options: crossed polygons and doubled names are refused', async (t) => {
  const parse = (zones: unknown) => calibrationSchema.shape.zones.safeParse({ zones })
  const crossed = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]
  const bad = parse([{ name: 'a', mode: 'count', polygon: crossed }])
  t.match(bad.error?.issues[0]?.message, 'cross')
  const one = { name: 'a', mode: 'count', polygon: SQUARE }
  t.match(parse([one, one]).error?.issues[0]?.message, 'same name')
})
