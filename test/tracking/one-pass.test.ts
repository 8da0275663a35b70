import t from 'tap'
import type { Box } from '../../src/events/geometry.js'
import { scoreSingle } from '../../src/tracking/evaluate.js'
import type { TargetManager } from '../../src/tracking/manager.js'
import { OnePass, type OnePassMode, scoredPairs } from '../../src/tracking/one-pass.js'
import { trackingSchema } from '../../src/tracking/schema.js'
import { createStaticTracker } from '../../src/tracking/static-tracker.js'
import { emptyFrame, HOP_US } from './helpers.js'

const SIZE = { width: 346, height: 260 }
const box = (x: number): Box => ({ x, y: 50, w: 20, h: 20 })
const label = (tUs: number, x?: number) => ({ tUs, box: x === undefined ? undefined : box(x) })
const first = { tUs: 30_000, box: box(0) }

/** Answers a window with a box at its number, after `costMs` of a clock that only it moves. */
function counting(costMs: (seq: number) => number, endsAt = Infinity, vx = 0) {
  const state = { ms: 0, started: -1, worked: [] as number[] }
  const fixed = createStaticTracker({
    size: SIZE,
    config: trackingSchema.parse({}),
    idPrefix: 'c',
  })
  const manager: TargetManager = {
    ...fixed,
    start(at, text) {
      state.started = state.worked.length
      return fixed.start(at, text)
    },
    async step(frame) {
      const { seq } = frame.header
      state.ms += costMs(seq)
      state.worked.push(seq)
      const result = await fixed.step(frame)
      const tracks = result.tracks.map((track) => ({
        ...track,
        box: box(seq),
        velocity: { x: vx, y: 0 },
        state: 'tracking' as const,
      }))
      return { ...result, tracks: seq < endsAt ? tracks : [] }
    },
  }
  return { manager, state }
}

async function run(
  mode: OnePassMode,
  {
    cost = () => 0,
    endsAt,
    windows = 12,
    vx = 0,
  }: { cost?: (seq: number) => number; endsAt?: number; windows?: number; vx?: number } = {},
) {
  const labels = [
    first,
    label(40_000, 4),
    label(64_999, 6),
    label(65_000),
    label(100_000, 10),
  ] as const
  const { manager, state } = counting(cost, endsAt, vx)
  const pass = new OnePass({
    manager,
    mode,
    size: SIZE,
    labels: [labels[0], ...labels.slice(1)],
    nowMs: () => state.ms,
    cpuUs: () => state.ms * 2000,
  })
  for (let seq = 0; seq < windows; seq++) await pass.frame(emptyFrame(SIZE, seq))
  return { result: await pass.end(), state }
}

const xs = (answers: readonly { box: Box }[]) => answers.map((answer) => answer.box.x)

t.test('offline: the newest window that ended by then; the first box is given', async (t) => {
  const { result, state } = await run('offline', { cost: () => 25 })
  // Window n ends at (n + 1) * 10 ms.
  t.same(xs(result.answers), [0, 3, 5, 5, 9])
  t.equal(state.started, 2, 'started with the first window that ends at or after its label')
  t.match(result, { windows: 12, dropped: 0 }, 'however long it takes')
  t.equal(result.windowMs.length, 10, 'of windows with a target')
  t.equal(result.cpuMs, 500)
  t.equal(result.spanUs, 10 * HOP_US)
  t.same(
    result.answers.map(({ spentMs }) => spentMs),
    [0, 50, 50, 0, 100],
  )
  const score = scoreSingle(scoredPairs(result.answers))
  t.equal(score.frames, 3, 'neither the given label nor the absent one is scored')
})

t.test('streaming with time to spare answers later by what a window takes', async (t) => {
  const { result } = await run('streaming', { cost: () => 4 })
  // Ready 4 ms after their windows' ends: at 40 ms window 2, at 65 ms window 5, at 100 ms window 8.
  t.same(xs(result.answers), [0, 2, 5, 5, 8])
  t.equal(result.dropped, 0)
})

t.test('streaming moves a box on to the time of the label, offline leaves it', async (t) => {
  const late = await run('streaming', { cost: () => 4, vx: 100 })
  // Windows 2, 5, 5 and 8 ended 10, 4.999, 5 and 10 ms before their labels: 0.1 pixels a millisecond.
  t.same(
    xs(late.result.answers).map((x) => Number(x.toFixed(4))),
    [0, 3, 5.4999, 5.5, 9],
  )
  t.same(xs((await run('offline', { vx: 100 })).result.answers), [0, 3, 5, 5, 9])
})

t.test('streaming without time to spare works on the newest and drops the others', async (t) => {
  const { result, state } = await run('streaming', { cost: () => 25 })
  // 0 runs from 10 to 35 ms and 1 gives its place to 2; 2 until 60 (3 gives way to 4), 4 until 85, 7 until 110 …
  t.same(state.worked, [0, 2, 4, 7, 9, 11], 'the last one waits when the windows end')
  t.equal(result.dropped, 6)
  t.same(xs(result.answers), [0, 0, 2, 2, 4])
})

t.test('a target that has ended is answered by its last box', async (t) => {
  const { result } = await run('offline', { endsAt: 5 })
  t.same(xs(result.answers), [0, 3, 4, 4, 4])
  t.same(
    result.answers.map(({ state }) => state),
    ['given', 'tracking', 'ended', 'ended', 'ended'],
  )
})

t.test('without any window the answer is the given box', async (t) => {
  const { result } = await run('offline', { windows: 0 })
  t.same(xs(result.answers), [0, 0, 0, 0, 0])
  t.match(result, { windows: 0, cpuMs: 0, spanUs: 0, id: undefined })
})
