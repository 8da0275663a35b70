import t from 'tap'
import type { SearchMaps } from '../../src/inference/tracker-session.js'
import { clipBox, decodePeak, positionWindow } from '../../src/tracking/decode.js'

function maps(batch: number, mapSize: number): SearchMaps {
  const cells = batch * mapSize * mapSize
  return {
    batch,
    mapSize,
    score: new Float32Array(cells),
    size: new Float32Array(2 * cells),
    offset: new Float32Array(2 * cells),
  }
}

t.test('the best cell of the right crop becomes a box in sensor pixels', async (t) => {
  const m = maps(2, 4)
  m.score[16 + 2 * 4 + 1] = 0.75
  m.score[0] = 1
  m.size[32 + 9] = 0.25
  m.size[32 + 16 + 9] = 0.5
  m.offset[32 + 9] = 0.5
  m.offset[32 + 16 + 9] = 0.25
  const peak = decodePeak(m, { index: 1, region: { x: 100, y: 40, side: 64 } })
  // Centre (1.5, 2.25) / 4 * 64 = (24, 36); size (16, 32).
  t.same(peak.box, { x: 116, y: 60, w: 16, h: 32 })
  t.equal(peak.score, 0.75)
})

t.test('another peak counts only when it is far enough from the best', async (t) => {
  const m = maps(1, 8)
  m.score[8 * 2 + 2] = 0.9
  m.score[8 * 2 + 4] = 0.8
  const region = { x: 0, y: 0, side: 8 }
  t.equal(decodePeak(m, { index: 0, region }).second, 0)
  m.score[8 * 2 + 5] = 0.5
  t.equal(decodePeak(m, { index: 0, region }).second, 0.5)
  t.equal(decodePeak(m, { index: 0, region, apartCells: 2 }).second.toFixed(3), '0.800')
})

t.test('of equal cells the first wins', async (t) => {
  const m = maps(1, 4)
  m.score.fill(0.5)
  m.offset.fill(0.5)
  const { box } = decodePeak(m, { index: 0, region: { x: 0, y: 0, side: 4 } })
  t.same([box.x, box.y], [0.5, 0.5])
})

t.test('the window moves the choice to the middle and leaves the score alone', async (t) => {
  const m = maps(1, 16)
  m.score[0] = 0.8
  m.score[8 * 16 + 8] = 0.7
  const region = { x: 0, y: 0, side: 16 }
  t.equal(decodePeak(m, { index: 0, region }).score.toFixed(3), '0.800')
  const window = positionWindow(16, 0.5)
  t.equal(decodePeak(m, { index: 0, region, window }).score.toFixed(3), '0.700')
  t.ok(positionWindow(16, 0).every((value) => value === 1))
  const strict = positionWindow(16, 1)
  t.ok(strict[0]! < 0.001 && strict[8 * 16 + 8]! > 0.9)
  t.equal(strict[5], strict[10], 'symmetric')
})

t.test('clipping keeps ten pixels on the sensor', async (t) => {
  const size = { width: 346, height: 260 }
  t.same(clipBox({ x: 5, y: 6, w: 20, h: 30 }, size), { x: 5, y: 6, w: 20, h: 30 })
  t.same(clipBox({ x: -30, y: 250, w: 35, h: 30 }, size), { x: 0, y: 250, w: 10, h: 10 })
  t.same(clipBox({ x: 400, y: -9, w: 35, h: 3 }, size), { x: 336, y: 0, w: 10, h: 10 })
})
