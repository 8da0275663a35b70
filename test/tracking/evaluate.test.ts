import t from 'tap'
import {
  createEvaluator,
  precisionCurve,
  scoreSingle,
  successCurve,
} from '../../src/tracking/evaluate.js'

const box = (x: number, y = 0) => ({ x, y, w: 10, h: 10 })

t.test('a perfect tracker, an absent one and one half off', async (t) => {
  const perfect = scoreSingle([{ truth: box(0), answer: box(0) }])
  // IoU 1 is above every threshold but the last, 1.
  t.match(perfect, { frames: 1, meanIou: 1, auc: 20 / 21, precision20: 1, normalisedPrecision: 1 })
  t.match(scoreSingle([{ truth: box(0) }]), { meanIou: 0, auc: 0, precision20: 0 })
  const half = scoreSingle([{ truth: box(0), answer: box(5) }])
  t.ok(Math.abs(half.meanIou - 1 / 3) < 1e-12)
  // Above 0, 0.05 … 0.3: seven thresholds.
  t.ok(Math.abs(half.auc - 7 / 21) < 1e-12)
  t.match(half, { precision20: 1, normalisedPrecision: 0 })
})

t.test('precision counts centre errors of at most 20 pixels', async (t) => {
  const pairs = [12, 16, 12.1].map((dx) => ({
    truth: box(0),
    answer: box(dx, dx === 16 ? 12 : 16),
  }))
  t.ok(Math.abs(scoreSingle(pairs).precision20 - 2 / 3) < 1e-12)
})

t.test('the curves that the figures are read from', async (t) => {
  const pairs = [
    { truth: box(0), answer: box(0) },
    { truth: box(0), answer: box(5) },
    { truth: box(0) },
  ]
  const success = successCurve(pairs)
  t.equal(success.length, 21)
  // Overlaps 1, 1/3 and 0: none of them is above 1, two are above 0.3.
  t.same(
    [0, 6, 7, 19, 20].map((i) => Math.round(3 * success[i]!)),
    [2, 2, 1, 1, 0],
  )
  const precision = precisionCurve(pairs)
  t.equal(precision.length, 51)
  t.same(
    [0, 4, 5, 50].map((i) => Math.round(3 * precision[i]!)),
    [1, 1, 2, 2],
  )
  t.notOk([...successCurve([]), ...precisionCurve([])].some((value) => value !== 0))
})

t.test('nothing to score is 0, not NaN', async (t) => {
  t.same(Object.values(scoreSingle([])), [0, 0, 0, 0, 0])
  t.notOk(Object.values(createEvaluator().score()).some(Number.isNaN))
})

t.test('several targets: pairs, misses, false tracks and changes of name', async (t) => {
  const evaluator = createEvaluator()
  const truths = [
    { id: 1, box: box(0) },
    { id: 2, box: box(100) },
  ]
  const matches = evaluator.add(
    [
      { id: 'b', box: box(4) },
      { id: 'a', box: box(1) },
      { id: 'c', box: box(300) },
    ],
    truths,
  )
  t.same(
    matches.map(({ track, truth }) => [track.id, truth.id]),
    [['a', 1]],
    'the larger overlap first; a truth has one track',
  )
  evaluator.add([{ id: 'z', box: box(0) }], truths.slice(0, 1))
  const score = evaluator.score()
  t.match(score, { windows: 2, truths: 3, tracks: 4, matched: 2, idSwitches: 1 })
  t.ok(Math.abs(score.meanIou - (9 / 11 + 1) / 2) < 1e-12)
  t.ok(Math.abs(score.meanIouOfTruths - (9 / 11 + 1) / 3) < 1e-12)
  t.ok(Math.abs(score.recall - 2 / 3) < 1e-12)
  t.equal(score.precision, 0.5)
})
