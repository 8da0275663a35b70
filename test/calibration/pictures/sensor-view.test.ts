import { PNG } from 'pngjs'
import t from 'tap'
import { EventSample, SpanSample } from '../../../src/calibration/pictures/event-sample.js'
import { attitude } from '../../../src/calibration/pictures/imu.js'
import { drawSensor } from '../../../src/calibration/pictures/sensor-view.js'
import { COLORS } from '../../../src/calibration/pictures/svg.js'
import { grayOf, heatOf, KEPT } from '../../../src/calibration/pictures/tones.js'
import { elementsOf, textsOf, wellFormed } from './svg.js'

const SIZE = { width: 100, height: 60 }

t.test('places on the sensor are places in the picture, with rulers beside', async (t) => {
  const svg = wellFormed(
    drawSensor({
      title: 'map',
      size: SIZE,
      rings: [
        { x: 0, y: 0, color: COLORS.cool },
        { x: 99, y: 59, color: COLORS.warm },
      ],
      outlines: [{ points: [[10, 20]], color: COLORS.good, label: 'gate <1>' }],
      legend: [{ label: 'hot', color: COLORS.cool }],
    }),
  )
  const plot = elementsOf(svg, 'rect').find(({ fill }) => fill === COLORS.plot)!
  const scale = Number(plot['width']) / SIZE.width
  const [first, last] = elementsOf(svg, 'circle')
  t.equal(Number(first!['cx']), Number(plot['x']) + scale / 2)
  t.ok(Math.abs(Number(last!['cy']) - (Number(plot['y']) + 59.5 * scale)) < 0.01)
  const texts = textsOf(svg)
  for (const text of ['x, pixels', 'y, pixels', '50', '100', 'hot', 'gate &lt;1&gt;'])
    t.ok(texts.includes(text), text)
})

t.test('what lies behind is the sensor pixel by pixel, and its colours have a scale', async (t) => {
  const counts = new Uint32Array(SIZE.width * SIZE.height)
  counts[3 * SIZE.width + 7] = 500
  const svg = drawSensor({
    title: 'rates',
    size: SIZE,
    tones: heatOf(counts, { label: 'events/s', perUnit: 0.2 }),
  })
  const { href } = elementsOf(svg, 'image')[0]!
  const png = PNG.sync.read(Buffer.from(href!.split(',')[1]!, 'base64'))
  t.match(png, SIZE)
  const brightness = (x: number, y: number) => png.data[4 * (y * SIZE.width + x)]!
  t.equal(brightness(7, 3), 255)
  t.ok(brightness(8, 3) < 40)
  for (const text of ['events/s', '0', '100']) t.ok(textsOf(svg).includes(text), text)
  t.same(grayOf([0, 512, 1023, 2000], 1023).values, [0, 128, 255, 255])
})

t.test('what a filter keeps and drops of a sample', async (t) => {
  const sample = new EventSample(10)
  sample.add(4, 1000, Float64Array.of(900, 500, Number.NEGATIVE_INFINITY))
  sample.add(5, 1000, Float64Array.of(900, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY))
  const one = sample.filtered({ timeUs: 200, support: 1 }).values
  t.same([one[4], one[5], one[6]], [KEPT.kept, KEPT.kept, KEPT.nothing])
  const two = sample.filtered({ timeUs: 600, support: 2 }).values
  t.same([two[4], two[5]], [KEPT.kept, KEPT.dropped])
  t.same(sample.filtered({ timeUs: 50, support: 1 }).values[4], KEPT.dropped)
  for (let i = 0; i < 100_000; i++) sample.add(1, i, Float64Array.of(0, 0, 0))
  sample.clear()
  t.ok(sample.filtered({ timeUs: 1e6, support: 1 }).values.every((v) => v === 0))
})

t.test('the last full span is shown while the next one fills', async (t) => {
  const spans = new SpanSample(4, 100)
  const lone = Float64Array.of(0, 0, 0)
  const seen = () => [...spans.shown.filtered({ timeUs: 1e9, support: 1 }).values]
  spans.add(0, 0, lone)
  t.same(seen(), [2, 0, 0, 0], 'the first one while it fills')
  spans.add(1, 99, lone)
  spans.add(2, 100, lone)
  t.same(seen(), [2, 2, 0, 0])
  spans.add(3, 205, lone)
  t.same(seen(), [0, 0, 2, 0])
})

t.test('up and the horizon', async (t) => {
  const look = (up: readonly [number, number, number]) => {
    const depiction = attitude(up)
    if (depiction.form !== 'sensor') throw new Error('no sensor')
    wellFormed(drawSensor(depiction.view))
    return depiction.view
  }
  const level = look([0, 1, 0])
  t.match(level.finding?.text, /^roll 0.0°, looking 0.0° up$/)
  const [horizon, up] = level.outlines!
  t.ok(
    horizon!.points.slice(0, 2).every(([, y]) => y === 130),
    'through the middle',
  )
  t.same(up!.points[1]!.map(Math.round), [173, 40])
  // Up leans toward where the camera looks: it looks up, and the horizon is in the lower half.
  const high = look([0, Math.cos(0.2), Math.sin(0.2)])
  t.match(high.finding?.text, 'looking 11.5° up')
  t.ok(Math.abs(high.outlines![0]!.points[0]![1] - (130 + 265 * Math.tan(0.2))) < 0.01)
  t.match(look([0.1, 0.9, -0.2]).finding?.text, 'down')
  // Straight up there is no horizon to see.
  look([0, 0, 1])
})
