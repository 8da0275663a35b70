import t from 'tap'
import {
  createRectangles,
  type Gate,
  measureGate,
  noMoments,
} from '../../src/tracking/cluster-moments.js'
import { addBlob, addEvent, addNoise, emptyFrame, mulberry } from './helpers.js'

const size = { width: 120, height: 100 }
const gateAt = (cx: number, cy: number, half: number): Gate => ({
  cx,
  cy,
  halfW: half,
  halfH: half,
  rivals: createRectangles(4),
})

t.test('centre and spread of the pixels in a gate, however many events each has', async (t) => {
  const frame = emptyFrame(size, 0)
  for (const x of [40, 44]) for (const y of [50, 52]) addEvent(frame, { x, y })
  addEvent(frame, { x: 44, y: 52 })
  addEvent(frame, { x: 44, y: 52, on: false })
  const out = noMoments()
  measureGate(frame, gateAt(45, 50, 10), out)
  t.same(out, { active: 4, mass: 4, cx: 42.5, cy: 51.5, sdX: 2, sdY: 1 })
})

t.test('an even background does not hold the centre back', async (t) => {
  const frame = emptyFrame(size, 0)
  const blob = { x: 50, y: 40, w: 16, h: 16 }
  addNoise(frame, 1200, 3)
  addBlob(frame, blob, 0.9)
  const out = noMoments()
  // The gate is 6 pixels beside the blob and half of it is background.
  measureGate(frame, gateAt(52, 48, 16), out)
  t.ok(Math.abs(out.cx - 58) < 1.2, `centre ${out.cx}, a plain mean lies near 55.5`)
  t.ok(Math.abs(out.cy - 48) < 1.2, `centre ${out.cy}`)
  // A tenth of the pixels has noise, and so have a tenth of the blob's.
  const want = 16 * 16 * (0.9 + 0.1 * 0.1 - 0.1)
  t.ok(Math.abs(out.mass - want) < 0.15 * want, `mass ${out.mass} of ${out.active}`)
  t.ok(Math.abs(out.sdX - 16 / Math.sqrt(12)) < 1.2, `spread ${out.sdX}`)
})

t.test('a neighbour at one side is not taken for background', async (t) => {
  const frame = emptyFrame(size, 0)
  addBlob(frame, { x: 50, y: 40, w: 16, h: 16 }, 0.5)
  const alone = noMoments()
  measureGate(frame, gateAt(58, 48, 10), alone)
  addBlob(frame, { x: 69, y: 30, w: 20, h: 40 }, 0.9)
  const beside = noMoments()
  measureGate(frame, gateAt(58, 48, 10), beside)
  t.same(beside, alone)
})

t.test('events nearer to a rival are the rival’s', async (t) => {
  const frame = emptyFrame(size, 0)
  addBlob(frame, { x: 40, y: 40, w: 20, h: 20 }, 1)
  addBlob(frame, { x: 60, y: 40, w: 20, h: 20 }, 1)
  const gate = gateAt(50, 50, 15)
  const out = noMoments()
  measureGate(frame, gate, out)
  t.ok(out.cx > 51, 'without the rival it is drawn over')
  const { rivals } = gate
  rivals.count = 1
  rivals.cx[0] = 70
  rivals.cy[0] = 50
  rivals.halfW[0] = 15
  rivals.halfH[0] = 15
  measureGate(frame, gate, out)
  t.ok(Math.abs(out.cx - 50) < 0.6, `centre ${out.cx}`)
})

t.test('empty gates, gates off the sensor and pure noise have no mass to follow', async (t) => {
  const out = noMoments()
  for (const gate of [
    gateAt(60, 50, 12),
    gateAt(-200, 50, 12),
    gateAt(0, 0, 5),
    gateAt(60, 50, 1e4),
  ]) {
    measureGate(emptyFrame(size, 0), gate, out)
    t.same(out, { active: 0, mass: 0, cx: gate.cx, cy: gate.cy, sdX: 0, sdY: 0 })
  }
  const frame = emptyFrame(size, 0)
  const random = mulberry(5)
  for (let i = 0; i < 3000; i++) addEvent(frame, { x: random() * 120, y: random() * 100 })
  measureGate(frame, gateAt(60, 50, 20), out)
  t.ok(out.mass < 0.25 * out.active, `${out.mass} of ${out.active}`)
  t.ok(Math.abs(out.cx - 60) <= 20 && Math.abs(out.cy - 50) <= 20)
})
