import t from 'tap'
import { DEFAULT_BOARD } from '../../../src/calibration/board/board.js'
import { coverageOf, hintOf, ViewCollection } from '../../../src/calibration/lens/guidance.js'
import type { Pose } from '../../../src/calibration/lens/render.js'
import { boardPoses, EMULATED_LENS } from '../../../src/calibration/lens/show.js'
import { leanOf, type View, viewOf } from '../../../src/calibration/lens/view.js'
import { trueCorners } from './boards.js'

const SIZE = { width: 346, height: 260 }

function view(pose: Pose, lens = EMULATED_LENS): View {
  const found = viewOf(trueCorners(lens, pose, DEFAULT_BOARD), DEFAULT_BOARD, SIZE)
  if (found === undefined) throw new Error('no view')
  return found
}

t.test('the side that is nearer is told apart', async (t) => {
  const lens = { ...EMULATED_LENS, k1: 0, k2: 0, p1: 0, p2: 0, cx: 172.5, cy: 129.5, fy: 265 }
  // About the y axis a positive turn takes the right side (x > 0) towards the camera: z = -x sin.
  const turned = view({ rotation: [0, 0.4, 0], middle: [0, 0, 420] }, lens)
  const [across, down] = leanOf(turned, SIZE, lens.fx)
  t.ok(Math.abs(across - (0.4 * 180) / Math.PI) < 0.1, `right side nearer: ${across}`)
  t.ok(Math.abs(down) < 0.1)
  const tipped = view({ rotation: [0.3, 0, 0], middle: [0, 0, 420] }, lens)
  const [, tip] = leanOf(tipped, SIZE, lens.fx)
  t.ok(Math.abs(tip + (0.3 * 180) / Math.PI) < 0.1, `upper side nearer: ${tip}`)
})

t.test('a view like another is not kept, a different one is', async (t) => {
  const views = new ViewCollection(SIZE)
  const pose: Pose = { rotation: [0.1, 0.3, 0], middle: [0, 0, 420] }
  t.ok(views.offer(view(pose)))
  t.notOk(views.offer(view({ ...pose, middle: [4, 2, 421] })))
  t.ok(views.offer(view({ ...pose, rotation: [0.1, -0.3, 0] })), 'turned to the other side')
  t.ok(views.offer(view({ ...pose, middle: [60, 30, 420] })), 'somewhere else')
  t.equal(views.alike, 1)
})

t.test('what is missing is named, until nothing is', async (t) => {
  const views = new ViewCollection(SIZE)
  t.match(views.hint(), /top left of the picture/)
  const poses = boardPoses(48, { seed: 1, lens: EMULATED_LENS, board: DEFAULT_BOARD })
  for (const pose of poses) if (!views.complete) views.offer(view(pose))
  t.ok(views.complete, views.hint())
  t.ok(views.views.length >= 20 && views.views.length < 40)

  const all = views.coverage()
  t.match(hintOf({ ...all, leans: [2, 2, 2, 1] }), /its top side is nearer/)
  t.match(hintOf({ ...all, leans: [0, 2, 2, 2] }), /its right side is nearer/)
  t.match(hintOf({ ...all, near: 1 }), /nearer, until it almost fills/)
  t.match(hintOf({ ...all, far: 0 }), /further away/)
  const fields = all.fields.map(
    (_, field) => field !== 15 && field !== 14 && field !== 11 && field !== 10,
  )
  t.match(hintOf({ ...all, fields, covered: 12 }), /bottom right of the picture/)
})

t.test('too few corners, or corners in a line, are no view', async (t) => {
  const whole = trueCorners(
    EMULATED_LENS,
    { rotation: [0, 0, 0], middle: [0, 0, 420] },
    DEFAULT_BOARD,
  )
  const part = (n: number) => ({ ids: whole.ids.slice(0, n), points: whole.points.slice(0, n) })
  t.equal(viewOf(part(7), DEFAULT_BOARD, SIZE), undefined)
  t.ok(viewOf(part(12), DEFAULT_BOARD, SIZE))
  const wide = { columns: 14, rows: 5, squareMm: 36 }
  const line = {
    ids: [...Array(9).keys()],
    points: [...Array(9).keys()].map((i) => [10 + 30 * i, 50] as const),
  }
  t.equal(viewOf(line, wide, SIZE), undefined)
})

t.test('corners are counted in the field they lie in', async (t) => {
  const near = view({ rotation: [0, 0, 0], middle: [-90, -60, 420] })
  const { fields, covered } = coverageOf([near], SIZE, 265)
  t.equal(fields[0], true)
  t.equal(fields[15], false)
  t.equal(covered, fields.filter(Boolean).length)
})
