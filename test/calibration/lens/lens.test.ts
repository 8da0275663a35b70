import t from 'tap'
import { DEFAULT_BOARD } from '../../../src/calibration/board/board.js'
import { worst } from '../../../src/calibration/kind.js'
import { BoardFinder } from '../../../src/calibration/lens/board-finder.js'
import { loadLensKind } from '../../../src/calibration/lens/kind.js'
import type { LensModel } from '../../../src/calibration/lens/model.js'
import { loadOpenCv, OpenCvError, withOpenCv } from '../../../src/calibration/lens/opencv.js'
import { BoardRenderer, CLEAN_LOOK, type Pose } from '../../../src/calibration/lens/render.js'
import { boardPoses, boardShow, EMULATED_LENS } from '../../../src/calibration/lens/show.js'
import { judgeLens, solveLens } from '../../../src/calibration/lens/solve.js'
import { grayOf, imageOf, trueCorners } from './boards.js'

const SIZE = { width: 346, height: 260 }
const board = DEFAULT_BOARD
const context = { size: SIZE, seconds: 90, options: board, others: [] }
const cv = await loadOpenCv()
const kind = await loadLensKind()

t.test('lens, blur and noise over seeds: the truth is found', async (t) => {
  const cases = [
    { fx: 265, k1: -0.29, k2: 0.09, blur: 0.8, noise: 0.02, seed: 1 },
    { fx: 330, k1: -0.35, k2: 0.12, blur: 1.1, noise: 0.03, seed: 2 },
    { fx: 430, k1: -0.12, k2: 0.03, blur: 0.6, noise: 0.02, seed: 3 },
  ]
  const finder = new BoardFinder(cv, board)
  t.teardown(() => finder.close())
  for (const { fx, k1, k2, blur, noise, seed } of cases) {
    const lens: LensModel = { ...EMULATED_LENS, fx, fy: 1.003 * fx, cx: 170 + 2 * seed, k1, k2 }
    const renderer = new BoardRenderer(lens, board)
    const poses = boardPoses(21, { seed, lens, board })
    let squares = 0
    let count = 0
    const views = poses.map((pose, i) => {
      const look = { ...CLEAN_LOOK, blur, noise, seed: 100 * seed + i }
      const found = finder.find(grayOf(renderer.render(pose, look)), SIZE)
      const truth = trueCorners(lens, pose, board)
      found.ids.forEach((id, k) => {
        const [x, y] = truth.points[truth.ids.indexOf(id)] ?? [Number.NaN, Number.NaN]
        squares += (found.points[k]![0] - x) ** 2 + (found.points[k]![1] - y) ** 2
        count++
      })
      return found
    })
    const used = views.filter(({ ids }) => ids.length >= 8)
    t.ok(used.length >= 20, `${used.length} of 21 boards found`)
    t.ok(Math.sqrt(squares / count) < 0.2, `corners within ${Math.sqrt(squares / count)} px rms`)
    const fit = solveLens(cv, used, { board, size: SIZE })
    t.ok(fit.rms < 0.5, `rms ${fit.rms}`)
    t.ok(Math.abs(fit.lens.fx / lens.fx - 1) < 0.01, `fx ${fit.lens.fx} of ${lens.fx}`)
    t.ok(Math.abs(fit.lens.fy / lens.fy - 1) < 0.01, `fy ${fit.lens.fy} of ${lens.fy}`)
    t.ok(Math.abs(fit.lens.cx - lens.cx) < 2, `cx ${fit.lens.cx} of ${lens.cx}`)
    t.ok(Math.abs(fit.lens.cy - lens.cy) < 2, `cy ${fit.lens.cy} of ${lens.cy}`)
    const focal = Math.max(Math.abs(fit.lens.fx / lens.fx - 1), Math.abs(fit.lens.fy / lens.fy - 1))
    const middle = Math.max(Math.abs(fit.lens.cx - lens.cx), Math.abs(fit.lens.cy - lens.cy))
    t.comment(
      `seed ${seed}: focal length off ${(100 * focal).toFixed(2)} %, principal point ${middle.toFixed(2)} px, rms ${fit.rms.toFixed(3)} px`,
    )
    const off = judgeLens(cv, { ...fit.lens, fx: 1.1 * fit.lens.fx }, { views: used, board })
    t.ok(off.rms > 2 * fit.rms, 'a lens that is wrong is judged worse')
  }
})

t.test('a board shown well passes, and the report has its pictures and files', async (t) => {
  const measurement = kind.create(context)
  const pixels = new Uint16Array(SIZE.width * SIZE.height)
  const show = boardShow({ seed: 4 })
  // Each pose is held for 0.6 s: two pictures of it, of which the first shows the board arriving.
  let tUs = 0
  for (; tUs < 60e6 && !measurement.done?.(); tUs += tUs % 600_000 === 0 ? 200_000 : 400_000) {
    show(tUs, pixels)
    for (let i = 0; i < pixels.length; i++) pixels[i]! <<= 6
    measurement.image?.(imageOf(pixels, tUs))
  }
  t.ok(measurement.done?.(), measurement.progress().text)
  t.match(measurement.progress().text, /20 of 20 views/)
  const outcome = measurement.finish()
  t.equal(worst(outcome.rows), 'PASS', JSON.stringify(outcome.rows))
  const { lens } = outcome.settings!
  t.ok(Math.abs(lens!.fx / EMULATED_LENS.fx - 1) < 0.01)
  t.ok(Math.abs(lens!.cx - EMULATED_LENS.cx) < 2 && Math.abs(lens!.cy - EMULATED_LENS.cy) < 2)
  const heldOut = outcome.rows.find(({ name }) => name.startsWith('views left out'))
  t.ok(heldOut!.value! > 0.8 && heldOut!.value! < 1.3)
  t.same(
    outcome.exports.map(({ name }) => name),
    ['lens-opencv.yml', 'camera_info.yaml', 'lens.json'],
  )
  t.equal(outcome.pictures.length, 5)
})

const hold = (pose: Pose, times: number, look = CLEAN_LOOK) => {
  const measurement = kind.create(context)
  const gray = grayOf(new BoardRenderer(EMULATED_LENS, board).render(pose, look))
  for (let i = 0; i < times; i++) measurement.image?.(imageOf(gray, i * 250_000))
  return measurement
}
const MIDDLE: Pose = { rotation: [0.2, 0.3, 0], middle: [0, 0, 430] }

t.test('a board that is never moved fails, and says so', async (t) => {
  const measurement = hold(MIDDLE, 8)
  t.match(measurement.progress().text, /^1 of 20 views/)
  t.equal(measurement.progress().figures['corners'], 24)
  const { rows, settings } = measurement.finish()
  t.equal(worst(rows), 'FAIL')
  t.equal(settings, undefined)
  t.match(rows.at(-1)!.note, /Only 1 different views.*move and turn the board/)
})

t.test('views from the front alone do not pass: they cannot tell the focal length', async (t) => {
  const measurement = kind.create(context)
  const renderer = new BoardRenderer(EMULATED_LENS, board)
  for (let i = 0; i < 6; i++) {
    const middle = [((i % 3) - 1) * 70, (Math.floor(i / 3) - 0.5) * 60, 450] as const
    const gray = grayOf(renderer.render({ rotation: [0, 0, 0], middle }))
    measurement.image?.(imageOf(gray, i * 600_000))
    measurement.image?.(imageOf(gray, i * 600_000 + 250_000))
  }
  const { rows } = measurement.finish()
  t.equal(worst(rows), 'FAIL')
  t.match(
    rows.find(({ name }) => name.startsWith('sides'))!.note,
    /turn the board to all four sides/,
  )
  t.match(rows.find(({ name }) => name === 'views')!.verdict, 'FAIL', 'six are too few')
})

t.test('saturated pictures fail with the reason', async (t) => {
  const measurement = hold(MIDDLE, 6, { ...CLEAN_LOOK, gain: 4 })
  t.match(measurement.progress().text, /too bright: shorten the exposure/)
  const { rows } = measurement.finish()
  t.equal(worst(rows), 'FAIL')
  t.match(rows.at(-1)!.note, /saturated.*calibrate exposure/)
})

t.test('a covered lens and an empty wall fail with the reason', async (t) => {
  const dark = hold(MIDDLE, 6, { ...CLEAN_LOOK, gain: 0.01 })
  t.match(dark.progress().text, /too dark/)
  t.match(dark.finish().rows.at(-1)!.note, /take the cap off/)
  const wall = kind.create(context)
  const gray = grayOf(new BoardRenderer(EMULATED_LENS, board).render(undefined))
  for (let i = 0; i < 6; i++) wall.image?.(imageOf(gray, i * 250_000))
  t.match(wall.progress().text, /no board in sight/)
  t.match(wall.finish().rows.at(-1)!.note, /hardly ever seen.*7 × 5 squares/)
})

t.test('a board that moves while it is exposed is not used', async (t) => {
  const measurement = kind.create(context)
  const renderer = new BoardRenderer(EMULATED_LENS, board)
  for (let i = 0; i < 8; i++) {
    const gray = grayOf(renderer.render({ ...MIDDLE, middle: [i % 2 ? 40 : -40, 0, 430] }))
    measurement.image?.(imageOf(gray, i * 250_000, 20_000))
  }
  t.match(measurement.progress().text, /^0 of 20 views/)
  t.match(measurement.finish().rows.at(-1)!.note, /hold it still for a second/)
})

t.test('pictures that are cut are not used, and what the library throws has words', async (t) => {
  const measurement = kind.create(context)
  measurement.image?.({ ...imageOf(new Uint8Array(100 * 100), 0), width: 100, height: 100 })
  t.match(measurement.finish().rows.at(-1)!.note, /must not be cut/)
  let thrown: unknown
  try {
    solveLens(cv, [], { board, size: SIZE })
  } catch (error) {
    thrown = error
  }
  t.ok(thrown instanceof OpenCvError)
  t.match((thrown as Error).message, /nimages/)
  const mine = new RangeError('mine')
  t.throws(
    () =>
      withOpenCv(cv, () => {
        throw mine
      }),
    mine,
  )
})

t.test('a board that cannot be made is refused', async (t) => {
  const options = { columns: 3, rows: 5, squareMm: 36 }
  t.throws(() => kind.create({ ...context, options }), { code: 'CALIBRATION_FAILED' })
})
