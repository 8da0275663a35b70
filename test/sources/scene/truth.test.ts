import t from 'tap'
import { BODIES } from '../../../src/sources/scene/sketch.js'
import { brightBox, maskOf, scene, watch } from './scenes.js'

const SIZE = { width: 200, height: 160 }
/** Brighter than half-way between wall (0.08) and thing (0.64): covered by more than half, in the log domain. */
const covered = (value: number) => value > Math.sqrt(0.08 * 0.64)

t.test('the box is that of the picture', async (t) => {
  for (const kind of BODIES) {
    for (const seed of [1, 2]) {
      const view = scene({
        size: SIZE,
        things: [
          brightBox({
            shape: { kind, seed },
            width: kind === 'person' ? 36 : 60,
            height: kind === 'person' ? 90 : 40,
            // Parts have tones of their own: white enough to stay above half in all of them.
            texture: { kind: 'plain', brightness: kind === 'person' || kind === 'car' ? 1.5 : 0.8 },
            path: { kind: 'line', x: 100, y: 80, vx: 60, vy: 20, edge: 'bounce' },
            spin: { angle: 0.4, perSecond: 0.7 },
            scale: { amplitude: 0.2, periodMs: 700 },
          }),
        ],
      })
      for (const untilUs of [1, 150_000, 330_000]) {
        watch(view, untilUs)
        const mask = maskOf(view, covered)
        const [truth] = view.truth(view.timeUs)
        const { box, hidden } = truth!
        const miss = Math.max(
          Math.abs(box.x - mask.x0),
          Math.abs(box.y - mask.y0),
          Math.abs(box.x + box.w - mask.x1),
          Math.abs(box.y + box.h - mask.y1),
        )
        t.ok(miss <= 1.3, `${kind} ${seed} at ${view.timeUs}: ${miss} px`)
        t.equal(hidden, 0)
      }
    }
  }
})

t.test('at the edge of the sensor the box is clipped and the rest hidden', async (t) => {
  const at = (x: number) =>
    scene({ things: [brightBox({ path: { kind: 'still', x, y: 40 } })] }).truth(0)[0]
  const half = at(0)!
  t.ok(half.box.x === 0 && Math.abs(half.box.w - 10) < 0.3)
  t.ok(Math.abs(half.hidden - 0.5) < 0.05)
  t.equal(at(-30), undefined, 'outside there is no target')
})

t.test('hidden is the covered share of the silhouette; the box stays whole', async (t) => {
  for (const x of [22, 30, 41, 55]) {
    const post = brightBox({
      id: 9,
      role: 'occluder',
      depth: 1,
      width: 14,
      height: 200,
      texture: { kind: 'plain', brightness: 0.1 },
      path: { kind: 'still', x, y: 40 },
    })
    const target = brightBox({ shape: { kind: 'ellipse' }, path: { kind: 'still', x: 40, y: 40 } })
    const open = scene({ things: [target] })
    const behind = scene({ things: [post, target] })
    const full = maskOf(open, covered).count
    const visible = maskOf(behind, covered).count
    const [truth] = behind.truth(0)
    t.ok(
      Math.abs(truth!.hidden - (1 - visible / full)) < 0.03,
      `${truth!.hidden} ${1 - visible / full}`,
    )
    t.same(truth!.box, open.truth(0)[0]!.box)
  }
})

t.test('what is farther hides nothing', async (t) => {
  const far = brightBox({
    id: 9,
    role: 'occluder',
    depth: -1,
    path: { kind: 'still', x: 40, y: 40 },
  })
  const near = brightBox({ path: { kind: 'still', x: 40, y: 40 } })
  t.equal(scene({ things: [near, far] }).truth(0)[0]!.hidden, 0)
})

t.test('distractors are movers, not targets; occluders are neither', async (t) => {
  const still = { kind: 'still' as const, x: 60, y: 40 }
  const view = scene({
    things: [
      brightBox({ id: 1, path: still }),
      brightBox({ id: 2, role: 'distractor', path: still }),
      brightBox({ id: 3, role: 'occluder', path: still }),
    ],
  })
  t.same(
    view.truth(0).map(({ id }) => id),
    [1],
  )
  t.same(
    view.truth(0, 'movers').map(({ id }) => id),
    [1, 2],
  )
})

t.test('truth may be asked for at any time in any order', async (t) => {
  const view = scene({ things: [brightBox()] })
  const later = view.truth(900_000)
  watch(view, 400_000)
  t.same(view.truth(900_000), later)
  t.same(view.truth(0), scene({ things: [brightBox()] }).truth(0))
})
