import t from 'tap'
import { ActivityGrid, activePixels, silenceFloor } from '../../src/tracking/activity.js'
import { addEvent, addNoise, emptyFrame } from './helpers.js'

const size = { width: 100, height: 60 }

t.test('pixels are counted once, whatever their polarity and number of events', async (t) => {
  const frame = emptyFrame(size, 0)
  addEvent(frame, { x: 17, y: 9 })
  addEvent(frame, { x: 17, y: 9, on: false })
  addEvent(frame, { x: 17, y: 9 })
  addEvent(frame, { x: 99, y: 59 })
  const grid = new ActivityGrid(size, 8)
  t.same([grid.columns, grid.rows], [13, 8])
  grid.count(frame)
  const cell = 1 * 13 + 2
  t.same([grid.active[cell], grid.sumX[cell], grid.sumY[cell]], [1, 17, 9])
  t.equal(grid.active.at(-1), 1, 'the partial cell at the corner')
  t.equal(activePixels(frame, { x: 17, y: 9, w: 1, h: 1 }), 1)
  t.equal(activePixels(frame, { x: 18, y: 9, w: 5, h: 5 }), 0)
  t.equal(activePixels(frame, { x: -50, y: -50, w: 500, h: 500 }), 2)
})

t.test('the noise is estimated and moving things do not disturb it', async (t) => {
  for (const perWindow of [100, 200, 300]) {
    const grid = new ActivityGrid(size, 8)
    for (let i = 0; i < 30; i++) {
      const frame = emptyFrame(size, i)
      addNoise(frame, perWindow, i)
      for (let k = 0; k < 200; k++) addEvent(frame, { x: 40 + (k % 20), y: 20 + k / 20 })
      grid.count(frame)
      grid.updateNoise()
    }
    // Events that hit the same pixel twice light it once.
    const expected = 1 - Math.exp(-perWindow / 6000)
    const relative = grid.noisePerPixel / expected
    t.ok(relative > 0.75 && relative < 1.4, `${perWindow} events: ${relative} of the truth`)
  }
})

t.test('a dense background that moves is not taken for noise', async (t) => {
  const grid = new ActivityGrid(size, 8)
  for (let i = 0; i < 30; i++) {
    const frame = emptyFrame(size, i)
    addNoise(frame, 3000, i)
    grid.count(frame)
    grid.updateNoise()
  }
  t.ok(grid.noisePerPixel > 0.05 && grid.noisePerPixel < 0.07, `${grid.noisePerPixel}`)
})

t.test('what targets explain is not noise', async (t) => {
  const grid = new ActivityGrid(size, 8)
  const frame = emptyFrame(size, 0)
  for (let y = 0; y < 60; y++) for (let x = 0; x < 70; x++) addEvent(frame, { x, y })
  grid.count(frame)
  grid.explain({ x: 0, y: 0, w: 70, h: 60 })
  grid.updateNoise()
  t.equal(grid.noisePerPixel, 0)
  grid.clearExplained()
  grid.updateNoise()
  t.ok(grid.noisePerPixel > 0)
})

t.test('the floor of silence grows with the noise and its spread', async (t) => {
  const box = { x: 0, y: 0, w: 40, h: 25 }
  t.equal(silenceFloor(box, { noisePerPixel: 0, silentPixels: 8 }), 8)
  t.equal(silenceFloor(box, { noisePerPixel: 0.1, silentPixels: 8 }), 100 + 30 + 8)
})
