import t from 'tap'
import { type Box, iou } from '../../src/events/geometry.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { ActivityGrid } from '../../src/tracking/activity.js'
import { createProposer, type Proposer } from '../../src/tracking/proposals.js'
import { proposalsSchema } from '../../src/tracking/schema.js'
import { addBlob, addEvent, addNoise, emptyFrame, HOP_US } from './helpers.js'

const size = { width: 200, height: 150 }

/** Boxes proposed in each window. */
function run(options: {
  windows: number
  draw: (frame: Frame, i: number) => void
  explain?: (i: number) => Box
  config?: Record<string, unknown>
}): { proposed: Box[][]; proposer: Proposer } {
  const config = proposalsSchema.parse(options.config ?? {})
  const grid = new ActivityGrid(size, config.cellPx)
  const proposer = createProposer({ size, config })
  const proposed: Box[][] = []
  for (let i = 0; i < options.windows; i++) {
    const frame = emptyFrame(size, i)
    options.draw(frame, i)
    grid.count(frame)
    grid.clearExplained()
    if (options.explain !== undefined) grid.explain(options.explain(i))
    grid.updateNoise()
    proposer.update(grid, HOP_US)
    proposed.push(proposer.clusters.flatMap((cluster) => proposer.propose(cluster, frame) ?? []))
  }
  return { proposed, proposer }
}

const last = (proposed: Box[][]) => proposed.at(-1)!
const box: Box = { x: 40, y: 50, w: 26, h: 20 }
const along = (i: number, vx = 1, vy = 0): Box => ({ ...box, x: box.x + vx * i, y: box.y + vy * i })

t.test('a moving thing is proposed with a tight box, and only after it has moved', async (t) => {
  const { proposed } = run({ windows: 30, draw: (f, i) => addBlob(f, along(i)) })
  t.equal(proposed.findIndex((boxes) => boxes.length > 0) >= 5, true, 'six windows at least')
  t.equal(last(proposed).length, 1)
  t.ok(iou(last(proposed)[0]!, along(29)) > 0.8, JSON.stringify(last(proposed)))
})

t.test('noise around it changes little', async (t) => {
  const { proposed } = run({
    windows: 30,
    draw: (f, i) => {
      addNoise(f, 250, i)
      addBlob(f, along(i, 1, 0.5))
    },
  })
  t.equal(last(proposed).length, 1)
  t.ok(iou(last(proposed)[0]!, along(29, 1, 0.5)) > 0.7, JSON.stringify(last(proposed)))
})

t.test('two things apart are two proposals; an outline is one', async (t) => {
  const other: Box = { x: 120, y: 20, w: 20, h: 20 }
  const two = run({
    windows: 30,
    draw: (f, i) => {
      addBlob(f, along(i))
      addBlob(f, { ...other, y: other.y + i })
    },
  })
  t.equal(last(two.proposed).length, 2)
  const outline = run({
    windows: 30,
    draw: (f, i) => {
      // Only the edges across the motion have events, as of a plain dark box.
      addBlob(f, { ...along(i), w: 4 }, 0.9)
      addBlob(f, { ...along(i), x: along(i).x + 18, w: 4 }, 0.9)
    },
  })
  t.equal(last(outline.proposed).length, 1)
  t.ok(iou(last(outline.proposed)[0]!, { ...along(29), w: 22 }) > 0.8)
})

const refused: [string, (frame: Frame, i: number) => void][] = [
  ['nothing', () => {}],
  ['noise', (f, i) => addNoise(f, 600, i)],
  ['a flickering spot', (f, i) => i % 2 === 0 && addBlob(f, box)],
  ['a standing thing', (f) => addBlob(f, box)],
  ['a shaking thing', (f, i) => addBlob(f, along(i % 2 === 0 ? 0 : 3))],
  ['a single hot row', (f, i) => addBlob(f, { ...box, h: 1, x: i }, 1)],
  ['a moving camera', (f, i) => addBlob(f, { x: i - 60, y: 0, w: 300, h: 150 }, 0.3)],
  [
    'dense texture that is everywhere around it',
    (f, i) => {
      for (let x = -80 + i; x < 130; x += 3) addBlob(f, { x, y: 40, w: 2, h: 40 }, 0.5)
    },
  ],
  [
    'light that goes on and off',
    (f, i) => i % 7 === 0 && addBlob(f, { x: 0, y: 0, w: 200, h: 150 }),
  ],
]
t.test('refused', async (t) => {
  for (const [name, draw] of refused) {
    const { proposed } = run({ windows: 60, draw })
    t.same(proposed.flat(), [], name)
  }
})

t.test('what a target explains is not proposed', async (t) => {
  const draw = (f: Frame, i: number) => addBlob(f, along(i))
  t.same(run({ windows: 30, draw, explain: (i) => along(i) }).proposed.flat(), [])
})

t.test('a slow thing is found, a slower one counts as standing', async (t) => {
  const at = (speed: number) =>
    run({ windows: 200, draw: (f, i) => addBlob(f, along(i, speed)) }).proposed.flat().length
  t.ok(at(0.2) > 0, '20 pixels a second')
  t.equal(at(0.02), 0, '2 pixels a second')
})

t.test('the number of clusters is bounded and what is dropped is counted', async (t) => {
  const { proposer } = run({
    windows: 3,
    config: { cellPx: 4, cellPixels: 1, busyShare: 1 },
    draw: (f) => {
      for (let y = 2; y < 150; y += 16) {
        for (let x = 2; x < 200; x += 16) addEvent(f, { x, y })
      }
    },
  })
  t.equal(proposer.clusters.length, 32)
  t.ok(proposer.counters().clustersDropped > 0)
  proposer.reset()
  t.equal(proposer.clusters.length, 0)
})
