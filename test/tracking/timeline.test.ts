import t from 'tap'
import { createTimeline } from '../../src/tracking/timeline.js'
import { emptyFrame } from './helpers.js'

const header = (seq: number, more = {}) => emptyFrame({ width: 1, height: 1 }, seq, more).header

t.test('time passes from window to window, missed ones included', async (t) => {
  const timeline = createTimeline(2)
  t.equal(timeline.tUs, 0)
  t.same(timeline.advance(header(0)), { dtUs: 0, torn: false, grace: false })
  t.equal(timeline.advance(header(1)).dtUs, 10_000)
  t.equal(timeline.advance(header(4)).dtUs, 30_000)
  t.equal(timeline.tUs, 50_000)
})

t.test('gaps, broken windows and restarts tear it, with some grace afterwards', async (t) => {
  for (const more of [{ broken: true }, { gapUs: 5 }, { tEndUs: 10 }]) {
    const timeline = createTimeline(2)
    timeline.advance(header(10))
    const steps = [
      timeline.advance(header(11, more)),
      ...[12, 13, 14].map((seq) => timeline.advance(header(seq))),
    ]
    t.same(
      steps.map(({ torn }) => torn),
      [true, false, false, false],
    )
    t.same(
      steps.map(({ grace }) => grace),
      [true, true, true, false],
    )
    t.ok(steps.every(({ dtUs }) => dtUs >= 0))
  }
})
