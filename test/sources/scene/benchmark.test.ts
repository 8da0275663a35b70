import t from 'tap'
import { center } from '../../../src/events/geometry.js'
import {
  BENCHMARK_GROUPS,
  BENCHMARK_SEEDS,
  benchmarkSequence,
  LABEL_US,
} from '../../../src/sources/scene/benchmark.js'

t.equal(BENCHMARK_GROUPS.length * BENCHMARK_SEEDS, 40)

for (const group of BENCHMARK_GROUPS) {
  t.test(`${group}: the target shows itself, moves and can be judged`, async (t) => {
    const starts = new Set<string>()
    for (let index = 0; index < BENCHMARK_SEEDS; index++) {
      const { durationUs, labels, name } = benchmarkSequence(group, index)
      t.ok(durationUs >= 6e6 && durationUs <= 10e6, name)
      const [first, ...rest] = labels
      const { x, y, w, h } = first.box
      t.ok(x > 0 && y > 0 && x + w < 346 && y + h < 260, `${name} starts inside`)
      t.ok(Math.min(w, h) >= 12, `${name} starts large enough`)
      const judged = rest.flatMap(({ box }) => (box === undefined ? [] : [box]))
      t.ok(judged.length >= 0.6 * rest.length, `${name}: ${judged.length} of ${rest.length} judged`)
      t.ok(rest.length * LABEL_US >= 3.5e6, `${name} is long enough`)
      const xs = judged.map((box) => center(box).x)
      const ys = judged.map((box) => center(box).y)
      const way = Math.max(...xs) - Math.min(...xs) + Math.max(...ys) - Math.min(...ys)
      t.ok(way > 40, `${name} goes ${way.toFixed(0)} px`)
      starts.add(JSON.stringify(first))
    }
    t.equal(starts.size, BENCHMARK_SEEDS, 'no two are alike')
  })
}

t.test('the same sequence each time, event by event', async (t) => {
  const [a, b] = [benchmarkSequence('clean', 1), benchmarkSequence('clean', 1)]
  t.same(a.labels, b.labels)
  const events = ({ scene }: typeof a) => {
    const seen: number[] = []
    scene().advance(50_000, ({ t0Us, dtUs, length, x, y }) => {
      for (let i = 0; i < length; i++) seen.push(t0Us + dtUs[i]!, x[i]!, y[i]!)
    })
    return seen
  }
  const first = events(a)
  t.ok(first.length > 0)
  t.same(first, events(b))
})

t.test('a group that does not exist', async (t) => {
  t.throws(() => benchmarkSequence('no-such', 0), { code: 'CONFIG_INVALID' })
})
