import t from 'tap'
import {
  distort,
  type LensModel,
  redistortPlace,
  sight,
  undistort,
  undistortBox,
  undistortPlace,
  undistortVelocity,
} from '../../../src/calibration/lens/model.js'
import { createRng } from '../../../src/sources/scene/rng.js'

const STRAIGHT: LensModel = {
  width: 346,
  height: 260,
  fx: 265,
  fy: 266,
  cx: 174,
  cy: 129,
  k1: 0,
  k2: 0,
  k3: 0,
  p1: 0,
  p2: 0,
}
const BARREL: LensModel = { ...STRAIGHT, k1: -0.3, k2: 0.1, k3: -0.01, p1: 6e-4, p2: -4e-4 }

t.test('the model is that of OpenCV, calculated by hand at one point', async (t) => {
  // x = 0.5, y = -0.2: r² = 0.29, radial = 1 - 0.087 + 0.00841 - 0.00024389 = 0.92116611
  const seen = distort(BARREL, { x: 0.5, y: -0.2 })
  const x = 0.5 * 0.92116611 + 2 * 6e-4 * -0.1 + -4e-4 * (0.29 + 0.5)
  const y = -0.2 * 0.92116611 + 6e-4 * (0.29 + 0.08) + 2 * -4e-4 * -0.1
  t.ok(Math.abs(seen.x - (265 * x + 174)) < 1e-6)
  t.ok(Math.abs(seen.y - (266 * y + 129)) < 1e-6)
})

t.test('distortion and its inverse cancel out, for many lenses and places', async (t) => {
  const rng = createRng(5)
  let worst = 0
  for (let i = 0; i < 2000; i++) {
    const lens: LensModel = {
      ...STRAIGHT,
      fx: rng.range(180, 900),
      fy: rng.range(180, 900),
      k1: rng.range(-0.32, 0.3),
      k2: rng.range(0, 0.12),
      k3: rng.range(0, 0.01),
      p1: rng.range(-2e-3, 2e-3),
      p2: rng.range(-2e-3, 2e-3),
    }
    const direction = { x: rng.range(-0.7, 0.7), y: rng.range(-0.5, 0.5) }
    const back = sight(lens, distort(lens, direction))
    worst = Math.max(
      worst,
      back ? Math.hypot(back.x - direction.x, back.y - direction.y) : Number.POSITIVE_INFINITY,
    )
    const pixel = { x: rng.range(0, 345), y: rng.range(0, 259) }
    const flat = undistortPlace(lens, pixel)
    if (flat === undefined) continue
    const again = redistortPlace(lens, flat)
    worst = Math.max(worst, Math.hypot(again.x - pixel.x, again.y - pixel.y))
  }
  t.ok(worst < 1e-6, `worst ${worst}`)
})

t.test('beyond the fold of the polynomial there is no answer, and no wrong one', async (t) => {
  const folding = { ...STRAIGHT, k1: -0.5 }
  // r (1 - 0.5 r²) is largest, 0.5443, at r² = 2/3: 144.2 pixels from the middle.
  t.ok(sight(folding, { x: 174 + 143, y: 129 }))
  t.equal(sight(folding, { x: 174 + 146, y: 129 }), undefined)
  t.equal(undistort(folding, { x: 0, y: 0 }), undefined)
  t.equal(undistortBox(folding, { x: 300, y: 100, w: 30, h: 30 }), undefined)
})

t.test('without distortion nothing changes, half pixels included', async (t) => {
  const box = { x: 10, y: 20, w: 40, h: 30 }
  const same = undistortBox(STRAIGHT, box)!
  for (const key of ['x', 'y', 'w', 'h'] as const) t.ok(Math.abs(same[key] - box[key]) < 1e-9, key)
  const v = undistortVelocity(STRAIGHT, { x: 30, y: 30 }, { x: 120, y: -50 })!
  t.ok(Math.abs(v.x - 120) < 1e-6 && Math.abs(v.y + 50) < 1e-6)
})

t.test(
  'a box of a barrel grows towards the corner and holds its undistorted content',
  async (t) => {
    const box = { x: 4, y: 4, w: 40, h: 30 }
    const flat = undistortBox(BARREL, box)!
    t.ok(flat.x < box.x && flat.y < box.y && flat.w > box.w && flat.h > box.h)
    for (let i = 0; i <= 20; i++) {
      for (const place of [
        { x: box.x + (box.w * i) / 20, y: box.y },
        { x: box.x, y: box.y + (box.h * i) / 20 },
      ]) {
        const seen = undistortPlace(BARREL, place)!
        t.ok(
          seen.x >= flat.x - 0.15 && seen.y >= flat.y - 0.15,
          'the edge bends by less than 0.15 px',
        )
      }
    }
  },
)

t.test('a velocity is that of the undistorted path', async (t) => {
  const at = { x: 300, y: 40 }
  const velocity = { x: 200, y: 90 }
  const dt = 1e-4
  const from = undistortPlace(BARREL, at)!
  const to = undistortPlace(BARREL, { x: at.x + velocity.x * dt, y: at.y + velocity.y * dt })!
  const v = undistortVelocity(BARREL, at, velocity)!
  t.ok(Math.abs(v.x - (to.x - from.x) / dt) < 0.5)
  t.ok(Math.abs(v.y - (to.y - from.y) / dt) < 0.5)
  t.ok(
    Math.hypot(v.x, v.y) > 1.2 * Math.hypot(velocity.x, velocity.y),
    'a barrel slows the edge down',
  )
  t.same(undistortVelocity(BARREL, at, { x: 0, y: 0 }), { x: 0, y: 0 })
})
