import t from 'tap'
import { buildPassMap } from '../../src/pipeline/mask.js'
import { filtersSchema } from '../../src/pipeline/schema.js'

const size = { width: 8, height: 6 }

/** Rows as text: '.' passes, 'h' is hot, 'x' is out of the regions. */
function picture(config: object): string[] {
  const map = buildPassMap(filtersSchema.parse(config), size)
  return Array.from({ length: size.height }, (_, y) =>
    Array.from(
      map.subarray(y * size.width, (y + 1) * size.width),
      (v) => 'h.x'[v === -1 ? 1 : v * 2],
    ).join(''),
  )
}

t.test('without regions the whole sensor passes', async (t) => {
  t.same(picture({}), new Array(6).fill('........'))
})

t.test('included regions add up, excluded ones are cut out, hot pixels come last', async (t) => {
  const config = {
    regions: [
      { mode: 'exclude', box: [2, 1, 2, 2] },
      { mode: 'include', box: [0, 0, 4, 4] },
      { mode: 'include', box: [3, 3, 9, 9] },
    ],
    hotPixels: [
      [0, 0],
      [2, 1],
      [7, 5],
    ],
  }
  t.same(picture(config), ['h...xxxx', '..xxxxxx', '..xxxxxx', '........', 'xxx.....', 'xxx....h'])
})

t.test('a pixel belongs to a polygon when its centre does', async (t) => {
  const triangle = [
    [0, 0],
    [6, 0],
    [0, 6],
  ]
  const rows = ['xxxxx...', 'xxxx....', 'xxx.....', 'xx......', 'x.......', '........']
  // The diagonal runs through centres, which belong to the side that starts there.
  t.same(picture({ regions: [{ mode: 'exclude', polygon: triangle }] }), rows)
  const reversed = triangle.slice().reverse()
  t.same(picture({ regions: [{ mode: 'exclude', polygon: reversed }] }), rows)
})

t.test('regions may reach beyond the sensor; a slit between centres is empty', async (t) => {
  t.same(picture({ regions: [{ mode: 'include', box: [-5, -5, 100, 100] }] })[5], '........')
  t.same(picture({ regions: [{ mode: 'exclude', box: [1.6, 0, 0.8, 6] }] })[0], '........')
})

t.test('a hot pixel outside the sensor is refused', async (t) => {
  const config = filtersSchema.parse({ hotPixels: [[3, 6]] })
  t.throws(() => buildPassMap(config, size), { code: 'CONFIG_INVALID', message: /\[3, 6\].*8 x 6/ })
})
