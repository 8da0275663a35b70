import t from 'tap'
import type { Frame } from '../../src/pipeline/frame.js'
import { type CropRegion, createCropper, cropRegion } from '../../src/tracking/crop.js'
import { emptyFrame, mulberry } from './helpers.js'

const sensor = { width: 60, height: 40 }
const planes = ['trajectory', 'negative', 'positive'] as const

function noiseFrame(seed: number): Frame {
  const frame = emptyFrame(sensor, 0)
  const random = mulberry(seed)
  for (let i = 0; i < frame.planes.length; i++) frame.planes[i] = Math.floor(random() * 256)
  return frame
}

/** The definition in plain floating point: patch with zero padding, then bilinear or mean over the footprint. */
function reference(frame: Frame, plane: number, job: { region: CropRegion; size: number }) {
  const { region, size } = job
  const { width, height } = frame
  const pixel = (i: number, j: number): number => {
    const x = region.x + Math.min(Math.max(i, 0), region.side - 1)
    const y = region.y + Math.min(Math.max(j, 0), region.side - 1)
    if (x < 0 || y < 0 || x >= width || y >= height) return 0
    return frame.planes[plane * width * height + y * width + x]!
  }
  const ratio = region.side / size
  const taps = (i: number): [number, number][] => {
    if (ratio <= 2) {
      const at = Math.min(Math.max((i + 0.5) * ratio - 0.5, 0), region.side - 1)
      const first = Math.floor(at)
      return [
        [first, 1 - (at - first)],
        [first + 1, at - first],
      ]
    }
    const list: [number, number][] = []
    for (let k = Math.floor(i * ratio); k < (i + 1) * ratio; k++) {
      const share = (Math.min(k + 1, (i + 1) * ratio) - Math.max(k, i * ratio)) / ratio
      if (share > 0) list.push([k, share])
    }
    return list
  }
  return Array.from({ length: size * size }, (_, o) => {
    let sum = 0
    for (const [j, wy] of taps(Math.floor(o / size))) {
      for (const [i, wx] of taps(o % size)) sum += wx * wy * pixel(i, j)
    }
    return sum
  })
}

t.test('every ratio and position agrees with the floating-point definition within 1', async (t) => {
  const frame = noiseFrame(1)
  const regions = [
    { x: 5, y: 4, side: 16 },
    { x: 10, y: 9, side: 7 },
    { x: -6, y: -9, side: 23 },
    { x: 50, y: 30, side: 32 },
    { x: 3, y: 2, side: 33 },
    { x: -20, y: -30, side: 100 },
    { x: 0, y: 0, side: 1 },
    { x: 100, y: 100, side: 12 },
  ]
  for (const size of [16, 12]) {
    const cropper = createCropper({ size, planes, sensor })
    const out = new Uint8Array(cropper.cropBytes)
    for (const region of regions) {
      cropper.cropInto(out, frame, { region })
      let worst = 0
      for (let plane = 0; plane < 3; plane++) {
        const expected = reference(frame, plane, { region, size })
        for (let i = 0; i < size * size; i++) {
          worst = Math.max(worst, Math.abs(out[plane * size * size + i]! - expected[i]!))
        }
      }
      t.ok(worst <= 1, `${size} from ${JSON.stringify(region)}: worst difference ${worst}`)
    }
  }
})

t.test('a region of the crop size is a copy', async (t) => {
  const frame = noiseFrame(2)
  const cropper = createCropper({ size: 8, planes, sensor })
  const out = new Uint8Array(cropper.cropBytes)
  cropper.cropInto(out, frame, { region: { x: 20, y: 10, side: 8 } })
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const source = frame.planes[plane * 2400 + (10 + y) * 60 + 20 + x]!
        if (out[plane * 64 + y * 8 + x] !== source) t.fail(`plane ${plane} at ${x},${y}`)
      }
    }
  }
  t.equal(out[0], frame.planes[10 * 60 + 20])
})

t.test('literal values: doubling, halving, rounding halves up, means when thinner', async (t) => {
  const frame = emptyFrame(sensor, 0)
  frame.planes.set([0, 100], 0)
  frame.planes.set([0, 100], 60)
  const twice = createCropper({ size: 4, planes: ['trajectory'], sensor })
  const out = new Uint8Array(16)
  twice.cropInto(out, frame, { region: { x: 0, y: 0, side: 2 } })
  t.same([...out.subarray(0, 4)], [0, 25, 75, 100])

  const half = createCropper({ size: 1, planes: ['trajectory'], sensor })
  frame.planes.set([1, 1], 0)
  frame.planes.set([0, 0], 60)
  half.cropInto(out, frame, { region: { x: 0, y: 0, side: 2 } })
  t.equal(out[0], 1, '0.5 becomes 1')

  frame.planes.fill(0)
  for (let y = 0; y < 40; y++) frame.planes[y * 60 + 17] = 255
  const shrink = createCropper({ size: 8, planes: ['trajectory'], sensor })
  const row = new Uint8Array(64)
  for (let x = 0; x < 4; x++) {
    shrink.cropInto(row, frame, { region: { x, y: 0, side: 40 } })
    t.equal(
      row.subarray(0, 8).reduce((a, b) => a + b),
      51,
      'a line one pixel thin keeps its mass wherever the crop begins',
    )
  }
})

t.test('outside of the sensor is 0, wholly outside too', async (t) => {
  const frame = emptyFrame(sensor, 0)
  frame.planes.fill(200)
  const cropper = createCropper({ size: 4, planes, sensor })
  const out = new Uint8Array(cropper.cropBytes).fill(9)
  cropper.cropInto(out, frame, { region: { x: -2, y: -2, side: 4 } })
  t.same([...out.subarray(0, 16)], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 200, 0, 0, 200, 200])
  cropper.cropInto(out, frame, { region: { x: 300, y: 0, side: 4 } })
  t.ok(out.every((value) => value === 0))
  cropper.cropInto(out, frame, { region: { x: 0, y: -50, side: 9 } })
  t.ok(out.every((value) => value === 0))
})

t.test('planes come in the order asked for, and the prior is the covered share', async (t) => {
  const frame = emptyFrame(sensor, 0)
  frame.planes.fill(1, 0, 2400).fill(2, 2400, 4800).fill(3, 4800)
  const order = ['positive', 'prior', 'trajectory'] as const
  const cropper = createCropper({ size: 4, planes: order, sensor })
  const out = new Uint8Array(cropper.cropBytes)
  const prior = { x: 9, y: 10, w: 2, h: 2 }
  cropper.cropInto(out, frame, { region: { x: 8, y: 8, side: 8 }, prior })
  t.same([out[0], out[32]], [3, 1])
  // Crop pixels are 2x2: the box covers half of the columns 0 and 1 in row 1.
  t.same([...out.subarray(16, 32)], [0, 0, 0, 0, 128, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  cropper.cropInto(out, frame, { region: { x: 8, y: 8, side: 8 } })
  t.ok(out.subarray(16, 32).every((value) => value === 0))
  cropper.cropInto(out, frame, {
    region: { x: 8, y: 8, side: 8 },
    prior: { x: 0, y: 0, w: 60, h: 40 },
  })
  t.ok(out.subarray(16, 32).every((value) => value === 255))
})

t.test('a used cropper gives the same bytes as a new one', async (t) => {
  const frame = noiseFrame(3)
  const used = createCropper({ size: 16, planes, sensor })
  const out = new Uint8Array(used.cropBytes)
  const fresh = new Uint8Array(used.cropBytes)
  for (const side of [10, 90, 11, 64, 32]) {
    const region = { x: 40 - side, y: 5, side }
    used.cropInto(out, frame, { region })
    createCropper({ size: 16, planes, sensor }).cropInto(fresh, frame, { region })
    t.same(out, fresh)
  }
})

t.test('the region has the documented side and centre', async (t) => {
  t.same(cropRegion({ x: 10, y: 20, w: 16, h: 4 }, 4), { x: 2, y: 6, side: 32 })
  t.same(cropRegion({ x: 10, y: 20, w: 10, h: 10 }, 2), { x: 5, y: 15, side: 20 })
  t.same(cropRegion({ x: 10.2, y: 20, w: 3, h: 3 }, 1.1), { x: 10, y: 20, side: 4 })
  t.equal(cropRegion({ x: 0, y: 0, w: 0, h: 5 }, 2).side, 1, 'never empty')
})
