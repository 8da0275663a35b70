import t from 'tap'
import type { Box } from '../../src/events/geometry.js'
import type { Answer, OnePassResult } from '../../src/tracking/one-pass.js'
import { groupScores, meanScore, scoreSequence } from '../../src/tracking/score-report.js'

const box = (x: number): Box => ({ x, y: 0, w: 10, h: 10 })

/** Labels every 100 ms: the error of each in pixels, undefined where the target is absent. */
function result(
  errors: readonly (number | undefined)[],
  more: { state?: Answer['state']; windowMs?: number[] } = {},
): OnePassResult {
  const given: Answer = { tUs: 0, truth: box(0), box: box(0), state: 'given', spentMs: 0 }
  const rest = errors.map((error, i): Answer => {
    const truth = error === undefined ? undefined : box(0)
    const state = more.state ?? 'tracking'
    return { tUs: (i + 1) * 1e5, truth, box: box(error ?? 0), state, spentMs: 1 }
  })
  return {
    answers: [given, ...rest],
    windows: 7,
    dropped: 2,
    windowMs: more.windowMs ?? [1, 3],
    cpuMs: 50,
    spanUs: 1e6,
    id: 't-1',
  }
}

const one = { name: 'one', group: 'a' }

t.test('a sequence: overlap of judged labels, losses of all, load', async (t) => {
  const score = scoreSequence(one, result([0, undefined, 5, 100]))
  t.match(score, { name: 'one', group: 'a', frames: 3, windows: 7, dropped: 2, lostShare: 0 })
  t.ok(Math.abs(score.meanIou - (1 + 1 / 3) / 3) < 1e-12)
  t.ok(Math.abs(score.precision20 - 2 / 3) < 1e-12)
  t.equal(score.windowMsMean, 2)
  t.equal(score.cpuShare, 0.05, '50 ms of CPU in a second')
  t.equal(scoreSequence(one, result([0, undefined], { state: 'ended' })).lostShare, 1)
  const hundred = Array.from({ length: 101 }, (_, i) => i)
  t.equal(scoreSequence(one, result([0], { windowMs: hundred })).windowMsP99, 99)
})

t.test('kept: on the target at the end, not before', async (t) => {
  const away = Array.from({ length: 30 }, () => 100)
  const there = Array.from({ length: 30 }, () => 0)
  t.equal(scoreSequence(one, result([...away, ...there])).kept, 1)
  t.equal(scoreSequence(one, result([...there, ...away])).kept, 0)
  t.equal(scoreSequence(one, result(there, { state: 'lost' })).kept, 0, 'a lost one only guesses')
  t.equal(scoreSequence(one, result([...there, undefined, undefined])).kept, 1)
  t.equal(scoreSequence(one, result([undefined])).kept, 0)
})

t.test('means weigh sequences alike, long or short; groups in order', async (t) => {
  const long = scoreSequence({ name: 'x', group: 'b' }, result([0, 0, 0, 0]))
  const short = scoreSequence(one, result([100]))
  const mean = meanScore([long, short])
  t.match(mean, { sequences: 2, frames: 5, windows: 14, dropped: 4, meanIou: 0.5 })
  t.equal(mean.success[10], 0.5)
  t.equal(mean.precision[20], 0.5)
  t.same([...groupScores([long, short, long]).keys()], ['b', 'a'])
  t.equal(groupScores([long, short, long]).get('b')?.sequences, 2)
  t.match(meanScore([]), { sequences: 0, auc: 0, success: [] })
})
