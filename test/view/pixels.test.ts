import t from 'tap'
import { packedBytesMax, packPixels } from '../../src/view/pixels.js'
import { emptyFrame, SIZE, setPlanes, unpackPixels } from './windows.js'

const AREA = SIZE.width * SIZE.height

function packed(frame = emptyFrame()): Uint8Array {
  const out = new Uint8Array(packedBytesMax(frame.width * frame.height))
  return out.slice(0, packPixels(frame, out))
}

t.test('an empty window is runs of 256', async (t) => {
  const bytes = packed()
  t.equal(bytes.length, 2 * Math.ceil(AREA / 256))
  t.ok(unpackPixels(bytes, AREA).every((byte) => byte === 0))
})

t.test('each plane has its bits, and one event is never lost', async (t) => {
  const frame = emptyFrame()
  setPlanes(frame, { x: 0, y: 0 }, [1, 0, 0])
  setPlanes(frame, { x: 1, y: 0 }, [0, 1, 0])
  setPlanes(frame, { x: 2, y: 0 }, [0, 0, 1])
  setPlanes(frame, { x: 345, y: 259 }, [255, 255, 255])
  const pixels = unpackPixels(packed(frame), AREA)
  t.same([...pixels.slice(0, 4)], [0b00000001, 0b00000100, 0b00100000, 0])
  t.equal(pixels[AREA - 1], 255)
})

t.test('more events are never darker', async (t) => {
  const size = { width: 256, height: 1 }
  const frame = emptyFrame(0, size)
  for (let x = 0; x < 256; x++) setPlanes(frame, { x, y: 0 }, [0, 0, x])
  const levels = [...unpackPixels(packed(frame), 256)].map((byte) => byte >> 5)
  t.same(
    levels,
    [...levels].sort((a, b) => a - b),
  )
  t.equal(levels.at(-1), 7)
})

t.test('the worst image fits', async (t) => {
  const frame = emptyFrame()
  for (let i = 0; i < AREA; i += 2) frame.planes[i] = 255
  const bytes = packed(frame)
  t.ok(bytes.length <= packedBytesMax(AREA))
  const pixels = unpackPixels(bytes, AREA)
  t.ok(pixels.every((byte, i) => byte === (i % 2 === 0 ? 3 : 0)))
})

t.test('any image comes back as it went', async (t) => {
  let seed = 7
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const frame = emptyFrame()
  for (let i = 0; i < frame.planes.length; i++) {
    frame.planes[i] = random() < 0.1 ? Math.floor(random() * 256) : 0
  }
  const pixels = unpackPixels(packed(frame), AREA)
  for (let i = 0; i < AREA; i++) {
    const planes = [i, AREA + i, 2 * AREA + i].map((at) => frame.planes[at]! > 0)
    const bits = [pixels[i]! & 3, (pixels[i]! >> 2) & 7, pixels[i]! >> 5].map((level) => level > 0)
    if (planes.join() !== bits.join()) t.fail(`pixel ${i}`)
  }
  t.pass('every pixel has events where the window has')
})
