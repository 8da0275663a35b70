import t from 'tap'
import {
  fitPlane,
  matrixOf,
  type Pair,
  toPicture,
  toPlane,
} from '../../../src/calibration/ground/homography.js'
import { choleskyOf, inverseOf, solve } from '../../../src/calibration/ground/linear.js'
import { createRng } from '../../../src/sources/scene/rng.js'

/** A camera 6 m above the road, looking down at it by 20°. */
export const ROAD = [265, 62, 700, 0, -40, 1500, 0, 0.35, 5.4].map((v) => v / 5.4)

const seen = (m: readonly number[], x: number, y: number) => {
  const w = m[6]! * x + m[7]! * y + m[8]!
  return { x: (m[0]! * x + m[1]! * y + m[2]!) / w, y: (m[3]! * x + m[4]! * y + m[5]!) / w }
}

const pairsOf = (places: readonly (readonly [number, number])[]): Pair[] =>
  places.map(([x, y]) => ({ from: { x, y }, to: seen(ROAD, x, y) }))

const CORNERS = [
  [-3, 2],
  [4, 3],
  [5, 20],
  [-4, 18],
] as const

t.test('four exact points give the projection back, and its inverse', async (t) => {
  const fit = fitPlane(pairsOf(CORNERS), { from: 0, to: 1 })!
  const matrix = matrixOf(fit)
  const truth = ROAD.map((v) => v / ROAD[8]!)
  for (let i = 0; i < 9; i++)
    t.ok(Math.abs(matrix[i]! - truth[i]!) < 1e-7 * (1 + Math.abs(truth[i]!)), `element ${i}`)
  t.ok(fit.rms < 1e-8)
  t.equal(fit.excess, 1, 'nothing tells how wrong the sigmas are')
  for (const [x, y] of [...CORNERS, [0, 8], [2, 40]] as const) {
    const at = toPicture(fit, { x, y })
    t.ok(at.ahead)
    const back = toPlane(fit, at)!
    t.ok(Math.hypot(back.x - x, back.y - y) < 1e-6)
  }
})

t.test('nothing lies at or above the horizon, nor behind the camera', async (t) => {
  const fit = fitPlane(pairsOf(CORNERS), { from: 0, to: 1 })!
  // Far away the road ends at y = -40 / 0.35.
  t.equal(toPlane(fit, { x: 100, y: -40 / 0.35 - 1 }), undefined)
  t.ok(toPlane(fit, { x: 100, y: -40 / 0.35 + 1 }))
  t.notOk(toPicture(fit, { x: 0, y: -5.4 / 0.35 - 1 }).ahead)
})

t.test('points that determine nothing give no fit', async (t) => {
  const line = [0, 1, 2, 3, 4].map((i) => [i, 2 * i + 1] as const)
  t.equal(fitPlane(pairsOf(line), { from: 0, to: 1 }), undefined)
  t.equal(fitPlane(pairsOf([...line.slice(0, 4), [3, 0]]), { from: 0, to: 1 }), undefined)
  t.equal(fitPlane(pairsOf(CORNERS.slice(0, 3)), { from: 0, to: 1 }), undefined)
  t.equal(fitPlane([], { from: 0, to: 1 }), undefined)
  const same = CORNERS.map(() => [1, 1] as const)
  t.equal(fitPlane(pairsOf(same), { from: 0, to: 1 }), undefined)
})

t.test('residuals larger than promised widen the errors', async (t) => {
  const rng = createRng(8)
  const places = Array.from({ length: 20 }, () => [rng.range(-5, 5), rng.range(1, 20)] as const)
  const noisy = pairsOf(places).map(({ from, to }) => ({
    from,
    to: { x: to.x + 3 * rng.normal(), y: to.y + 3 * rng.normal() },
  }))
  const fit = fitPlane(noisy, { from: 0, to: 1 })!
  t.ok(fit.excess > 2 && fit.excess < 4, `${fit.excess}`)
  t.ok(fit.rms > 3 && fit.rms < 5.5, 'in both directions together')
})

t.test('small linear algebra', async (t) => {
  const a = [
    [4, 2, 0.6],
    [2, 5, 1],
    [0.6, 1, 3],
  ]
  const x = solve(a, [1, 2, 3])!
  a.forEach((row, i) => {
    t.ok(Math.abs(row.reduce((sum, v, k) => sum + v * x[k]!, 0) - (i + 1)) < 1e-12)
  })
  const inverse = inverseOf(a)!
  t.ok(Math.abs(inverse[0]![0]! * 4 + inverse[0]![1]! * 2 + inverse[0]![2]! * 0.6 - 1) < 1e-12)
  const [first, second] = choleskyOf(a)!
  t.ok(Math.abs(first![0]! - 2) < 1e-12 && Math.abs(second![1]! - 2) < 1e-12)
  t.equal(
    solve(
      [
        [1, 2],
        [2, 4],
      ],
      [1, 2],
    ),
    undefined,
  )
  t.equal(
    inverseOf([
      [0, 0],
      [0, 0],
    ]),
    undefined,
  )
  t.equal(
    choleskyOf([
      [1, 2],
      [2, 1],
    ]),
    undefined,
  )
  t.same(
    solve(
      [
        [0, 1],
        [1, 0],
      ],
      [3, 4],
    ),
    [4, 3],
    'rows change places where they must',
  )
})
