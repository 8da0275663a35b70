import t from 'tap'
import { type Box, center } from '../../src/events/geometry.js'
import { correct, inflate, isLeaving, type Motion, predict } from '../../src/tracking/motion.js'
import { trackingSchema } from '../../src/tracking/schema.js'

const config = trackingSchema.parse({ sizeGain: 0.15, sizeStep: 1.3, sizeRange: 3 })
const box: Box = { x: 40, y: 40, w: 20, h: 10 }

function follow(truth: (i: number) => Box, windows: number): Motion {
  let motion: Motion = { box: truth(0), vx: 0, vy: 0 }
  for (let i = 1; i < windows; i++) {
    motion = predict(motion, 10_000, { coasting: false, coastMs: 150 })
    motion = correct(motion, truth(i), { dtUs: 10_000, reference: box, config })
  }
  return motion
}

t.test('a constant velocity is learnt, and then followed without lag', async (t) => {
  const truth = (i: number) => ({ ...box, x: 40 + 2 * i, y: 40 - i })
  const motion = follow(truth, 100)
  t.ok(Math.abs(motion.vx - 200) < 1 && Math.abs(motion.vy + 100) < 1)
  t.ok(Math.abs(center(motion.box).x - center(truth(99)).x) < 0.05)
})

t.test('speed is bounded', async (t) => {
  const { vx, vy } = follow((i) => ({ ...box, x: 100 * i, y: 100 * i }), 50)
  t.ok(Math.sqrt(vx * vx + vy * vy) <= config.maxSpeed * (1 + 1e-12))
})

t.test('the size follows slowly and stays within its range of the template', async (t) => {
  const grown = (windows: number) =>
    follow((i) => (i === 0 ? box : { ...box, w: 400, h: 1 }), windows).box
  t.ok(grown(2).w < 21, 'one wild answer changes little')
  t.equal(grown(200).w, 60, 'three times 20')
  t.equal(grown(200).h, config.minBoxPx, 'a third of 10 is below the smallest box')
  const real = follow((i) => ({ ...box, w: 20 + i * 0.1 }), 100).box.w
  t.ok(Math.abs(real - 29.9) < 1, `real growth is followed: ${real}`)
})

t.test('coasting comes to rest', async (t) => {
  const moving: Motion = { box, vx: 100, vy: 0 }
  const on = predict(moving, 10_000, { coasting: false, coastMs: 150 })
  t.same([on.box.x, on.vx], [41, 100])
  let coasting = moving
  for (let i = 0; i < 1000; i++)
    coasting = predict(coasting, 10_000, { coasting: true, coastMs: 150 })
  const jump = predict(moving, 10_000_000, { coasting: true, coastMs: 150 })
  t.ok(coasting.vx < 1 && coasting.box.x < 70, `${coasting.box.x}`)
  t.ok(jump.box.x < 70, 'one long gap does not throw it off either')
})

t.test('leaving needs an edge and a way out', async (t) => {
  const size = { width: 100, height: 80 }
  const at = (x: number, y: number, v: { x?: number; y?: number }) =>
    isLeaving({ box: { ...box, x, y }, vx: v.x ?? 0, vy: v.y ?? 0 }, size)
  t.ok(at(1, 40, { x: -50 }))
  t.ok(at(79, 40, { x: 50 }))
  t.ok(at(40, 1, { y: -50 }))
  t.ok(at(40, 69, { y: 50 }))
  t.notOk(at(1, 40, { x: 50 }), 'it is coming in')
  t.notOk(at(1, 40, { x: -15 }), 'it may well stop at the edge')
  t.notOk(at(40, 40, { x: -500 }), 'it is not there yet')
})

t.test('a box grows about its centre', async (t) => {
  t.same(inflate(box, 2, 5), { x: 25, y: 30, w: 50, h: 30 })
})
