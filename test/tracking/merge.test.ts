import t from 'tap'
import { mergeTargets } from '../../src/tracking/merge.js'
import { newTarget, type Target } from '../../src/tracking/target-record.js'
import type { TrackState } from '../../src/tracking/track.js'

const config = { mergeOverlap: 0.7, mergeSpeed: 40, mergeWindows: 3 }

function target(
  order: number,
  of: { x: number; side?: number; vx?: number; phase?: TrackState; found?: boolean },
): Target {
  const { x, side = 20, vx = 0, phase = 'tracking', found = true } = of
  const motion = { box: { x, y: 0, w: side, h: side }, vx, vy: 0 }
  const made = newTarget({ order, found, motion, tUs: 0 })
  return { ...made, life: { ...made.life, phase } }
}

/** Orders of the targets that end within `windows` windows of this. */
function ended(targets: Target[], windows = 3): number[] {
  const all = []
  for (let i = 0; i < windows; i++) all.push(...mergeTargets(targets, config))
  return all.map(({ order }) => order)
}

t.test('who merges into whom', async (t) => {
  t.same(ended([target(1, { x: 0 }), target(2, { x: 3 })]), [2], 'the younger ends')
  t.same(ended([target(1, { x: 0 }), target(2, { x: 3 })], 2), [], 'but not at once')
  t.same(ended([target(1, { x: 0 }), target(2, { x: 15 })]), [], 'a touch is not enough')
  t.same(
    ended([target(1, { x: 0 }), target(2, { x: 5, side: 8 })]),
    [2],
    'a part is no other thing',
  )
  t.same(ended([target(1, { x: 0, vx: 90 }), target(2, { x: 3 })]), [], 'crossing things stay two')
  t.same(ended([target(1, { x: 0 }), target(2, { x: 3, found: false })]), [1], 'commands win')
  t.same(
    ended([target(1, { x: 0, phase: 'lost' }), target(2, { x: 3 })]),
    [],
    'a guess absorbs nobody',
  )
  t.same(ended([target(1, { x: 0 }), target(2, { x: 3, phase: 'tentative' })], 1), [2])
  const three = [target(1, { x: 0 }), target(2, { x: 2 }), target(3, { x: 4 })]
  t.same(ended(three), [2, 3], 'one remains')
})

t.test('the windows must be in a row', async (t) => {
  const pair = [target(1, { x: 0 }), target(2, { x: 3 })]
  t.same(ended(pair, 2), [])
  pair[1]!.motion = { ...pair[1]!.motion, vx: 500 }
  t.same(ended(pair, 1), [])
  pair[1]!.motion = { ...pair[1]!.motion, vx: 0 }
  t.same(ended(pair, 2), [])
  t.same(ended(pair, 1), [2])
})
