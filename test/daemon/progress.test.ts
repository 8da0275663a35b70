import t from 'tap'
import { type Progress, ProgressJudge } from '../../src/daemon/progress.js'

function at(seconds: number, over: Partial<Progress> = {}): Progress {
  return {
    captureReports: seconds,
    inferenceReports: seconds,
    committed: 100 * seconds,
    taken: 90 * seconds,
    opening: false,
    ...over,
  }
}

function judge(...looks: Progress[]): string[] {
  const judge = new ProgressJudge(60_000)
  return looks.map((look, i) => judge.judge(look, 10_000 * i))
}

t.test('all parts move', async (t) => {
  t.same(judge(at(1), at(11), at(21)), ['alive', 'alive', 'alive'])
})

t.test('a camera that is not there is no lack of progress', async (t) => {
  const idle = { committed: 500, taken: 500 }
  t.same(judge(at(1, idle), at(11, idle), at(21, idle)), ['alive', 'alive', 'alive'])
})

t.test('a thread whose loop does not turn is named', async (t) => {
  t.same(judge(at(1), at(11, { captureReports: 1 })), ['alive', 'capture'])
  t.same(judge(at(1), at(11, { inferenceReports: 1 })), ['alive', 'inference'])
  t.same(judge(at(1), at(11, { captureReports: 1 }), at(21)), ['alive', 'capture', 'alive'])
})

t.test('windows that nobody takes are no life', async (t) => {
  t.same(judge(at(1), at(11, { taken: 90 })), ['alive', 'inference'])
})

t.test('opening the network takes its time, but not for ever', async (t) => {
  const opening = at(0, { opening: true })
  const verdicts = judge(...new Array<Progress>(8).fill(opening))
  t.equal(verdicts[5], 'alive')
  t.equal(verdicts[7], 'inference')
  t.same(judge(opening, at(1)), ['alive', 'alive'])
})

t.test('threads that were started anew count from 0', async (t) => {
  t.same(judge(at(100), at(2), at(12)), ['alive', 'alive', 'alive'])
})
