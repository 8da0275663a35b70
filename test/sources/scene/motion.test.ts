import t from 'tap'
import { cameraAt, type Point, pathAt, scaleAt, spinAt } from '../../../src/sources/scene/motion.js'
import type { PathConfig } from '../../../src/sources/scene/schema.js'
import { brightBox, scene } from './scenes.js'

const FRAME = { size: { width: 346, height: 260 }, insetX: 20, insetY: 10 }

function at(path: PathConfig, ms: number): Point {
  const point = { x: 0, y: 0 }
  pathAt(path, ms * 1000, FRAME, point)
  return point
}

t.test('a line goes straight at its speed', async (t) => {
  const path: PathConfig = { kind: 'line', x: 10, y: 20, vx: 30, vy: -4, edge: 'reenter' }
  t.same(at(path, 2000), { x: 70, y: 12 })
})

t.test('a bouncing line keeps the thing on the sensor and its speed', async (t) => {
  const path: PathConfig = { kind: 'line', x: 100, y: 100, vx: 400, vy: -300, edge: 'bounce' }
  for (let ms = 0; ms < 5000; ms += 10) {
    const { x, y } = at(path, ms)
    t.ok(x >= 20 && x <= 326 && y >= 10 && y <= 250, `(${x}, ${y})`)
  }
})

t.test('a thing that leaves comes back from the other side', async (t) => {
  const view = scene({
    things: [brightBox({ path: { kind: 'line', x: 60, y: 40, vx: 100, vy: 0, edge: 'reenter' } })],
  })
  let wasGone = false
  let returnedLeft = false
  for (let ms = 0; ms < 3000; ms += 10) {
    const [truth] = view.truth(ms * 1000)
    if (!truth) wasGone = true
    else if (wasGone && truth.box.x === 0) returnedLeft = true
  }
  t.ok(wasGone && returnedLeft)
})

t.test('stops: rests where told, moves smoothly, repeats', async (t) => {
  const path: PathConfig = {
    kind: 'stops',
    points: [
      { x: 100, y: 50, moveMs: 1000, stopMs: 500 },
      { x: 20, y: 50, moveMs: 2000, stopMs: 0 },
    ],
  }
  t.same(at(path, 0), { x: 20, y: 50 })
  t.same(at(path, 1000), { x: 100, y: 50 })
  t.same(at(path, 1499), { x: 100, y: 50 })
  t.same(at(path, 2500), { x: 60, y: 50 })
  t.same(at(path, 2700), at(path, 2700 + 3500 * 9))
  const start = at(path, 20).x - 20
  const middle = at(path, 510).x - at(path, 490).x
  t.ok(start < 0.1 * middle, 'accelerates from rest')
})

t.test('a curve is closed, smooth and passes its corners', async (t) => {
  const points = [
    { x: 50, y: 50 },
    { x: 200, y: 60 },
    { x: 220, y: 180 },
    { x: 80, y: 200 },
  ]
  const path: PathConfig = { kind: 'curve', points, periodMs: 4000 }
  points.forEach((point, i) => {
    t.same(at(path, i * 1000), point)
  })
  t.same(at(path, 4000), points[0])
  let before = at(path, -10)
  let speed = Math.hypot(at(path, 0).x - before.x, at(path, 0).y - before.y)
  for (let ms = 0; ms <= 8000; ms += 10) {
    const now = at(path, ms)
    const next = Math.hypot(now.x - before.x, now.y - before.y)
    t.ok(Math.abs(next - speed) < 0.1, 'no jerk in speed')
    before = now
    speed = next
  }
})

t.test('sway, spin, scale', async (t) => {
  const path: PathConfig = {
    kind: 'sway',
    x: 100,
    y: 80,
    ax: 40,
    ay: 10,
    periodXMs: 2000,
    periodYMs: 1000,
    phaseX: 0,
    phaseY: 0,
  }
  t.ok(Math.abs(at(path, 500).x - 140) < 1e-9 && Math.abs(at(path, 250).y - 90) < 1e-9)
  const spin = { angle: 1, perSecond: 2, swing: 0.5, swingMs: 1000, phase: 0 }
  t.ok(Math.abs(spinAt(spin, 250_000) - (1 + 0.5 + 0.5)) < 1e-9)
  const scale = { amplitude: Math.LN2, periodMs: 4000, phase: 0 }
  t.ok(Math.abs(scaleAt(scale, 1e6) - 2) < 1e-9 && Math.abs(scaleAt(scale, 3e6) - 0.5) < 1e-9)
})

t.test('a shaking camera stays near its place', async (t) => {
  const view = { panX: 0, panY: 0, roll: 0, zoom: 1 }
  const camera = { vx: 0, vy: 0, shakePx: 5, shakeHz: 4, roll: 0.1, zoom: 0.2, swayMs: 3000 }
  for (let us = 0; us < 5e6; us += 7000) {
    cameraAt(camera, us, view)
    t.ok(Math.abs(view.panX) <= 5 && Math.abs(view.panY) <= 5)
    t.ok(Math.abs(view.roll) <= 0.1 && Math.abs(Math.log(view.zoom)) <= 0.2 + 1e-9)
  }
})
