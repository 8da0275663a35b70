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

t.test('neighbours have a say by their squared scores', async (t) => {
  const m = maps(1, 4)
  // Two cells side by side point at the line between them; the better one is twice as sure.
  for (const [cell, score, side] of [
    [5, 0.8, 0.5],
    [6, 0.4, 0.125],
  ] as const) {
    m.score[cell] = score
    for (const axis of [0, 16]) {
      m.size[axis + cell] = side
      m.offset[axis + cell] = 0.5
    }
  }
  const region = { x: 0, y: 0, side: 4 }
  const { box, score } = decodePeak(m, { index: 0, region })
  t.equal(score, m.score[5])
  // Weights 4 to 1: centre x (4 * 1.5 + 2.5) / 5 = 1.7, log-mean of sides 2 and 0.5 with the same weights.
  t.equal((box.x + box.w / 2).toFixed(5), '1.70000')
  t.equal((box.y + box.h / 2).toFixed(5), '1.50000')
  t.equal(box.w.toFixed(5), Math.exp((4 * Math.log(2) + Math.log(0.5)) / 5).toFixed(5))
  const alone = decodePeak(m, { index: 0, region, aroundCells: 0 }).box
  t.same([alone.x, alone.w], [0.5, 2])
})

t.test('of equal cells the first wins', async (t) => {
  const m = maps(1, 4)
  m.score.fill(0.5)
  m.offset.fill(0.5)
  const region = { x: 0, y: 0, side: 4 }
  const { box } = decodePeak(m, { index: 0, region, aroundCells: 0 })
  t.same(
    [box.x + box.w / 2, box.y + box.h / 2].map((v) => v.toFixed(6)),
    ['0.500000', '0.500000'],
  )
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
