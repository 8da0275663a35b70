import t from 'tap'
import {
  BENCHMARK_SEEDS,
  benchmarkSequence,
  LABEL_US,
  LONG_SCENES,
} from '../../../src/sources/scene/benchmark.js'

t.test('the long scenes ask what they are named for', async (t) => {
  for (const group of LONG_SCENES) {
    for (let index = 0; index < BENCHMARK_SEEDS; index++) {
      const { durationUs, labels, name, scene } = benchmarkSequence(group, index)
      const truth = scene()
      const seen = labels.map(({ tUs }) => truth.truth(tUs)[0])
      if (group === 'long-stop') {
        const at = (tUs: number) => JSON.stringify(truth.truth(tUs)[0]?.box)
        const stops = labels.filter(({ tUs }) => at(tUs) === at(tUs - LABEL_US))
        t.ok(stops.length * LABEL_US >= 4.8e6, `${name} stands 5 s`)
      } else {
        const away =
          group === 'long-hidden'
            ? (s: (typeof seen)[0]) => (s?.hidden ?? 1) > 0.99
            : (s: (typeof seen)[0]) => s === undefined
        let longest = 0
        let run = 0
        for (const each of seen) {
          run = away(each) ? run + 1 : 0
          longest = Math.max(longest, run)
        }
        t.ok(longest * LABEL_US >= 0.95e6, `${name} is away for ${longest * 30} ms`)
        t.ok(longest * LABEL_US <= 3e6, `${name} comes back`)
      }
      const end = labels.filter(({ tUs }) => tUs > durationUs - 2e6)
      t.ok(
        end.some(({ box }) => box !== undefined),
        `${name} is there at the end`,
      )
    }
  }
})
