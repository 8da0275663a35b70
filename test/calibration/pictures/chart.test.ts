import t from 'tap'
import { type Chart, drawChart } from '../../../src/calibration/pictures/chart.js'
import { numberText } from '../../../src/calibration/pictures/number-text.js'
import { niceStep, scaleOf, tickText } from '../../../src/calibration/pictures/scale.js'
import { COLORS } from '../../../src/calibration/pictures/svg.js'
import { elementsOf, textsOf, wellFormed } from './svg.js'

const CHART: Chart = {
  title: 'Rates',
  finding: { verdict: 'WARN', text: 'rate: 5 (at most 4)' },
  x: { label: 'time, s', scale: 'linear', min: 0, max: 10 },
  y: { label: 'events/s', scale: 'log' },
  band: { axis: 'y', from: 100, to: 1000, label: 'should be here' },
  series: [
    {
      label: 'rate',
      color: COLORS.cool,
      style: 'line',
      points: [
        [0, 10],
        [10, 10_000],
      ],
    },
    { label: 'readings', color: COLORS.warm, style: 'points', points: [[5, 1000]] },
  ],
  marks: [{ x: 5, label: 'kept', color: COLORS.good }],
}

t.test('a chart says what it shows, in which units, what is good and how it stands', async (t) => {
  const texts = textsOf(wellFormed(drawChart(CHART)))
  const told = ['Rates', 'WARN', 'time, s', 'events/s', 'should be here', 'kept', 'readings']
  for (const text of told) t.ok(texts.includes(text), text)
  for (const tick of ['0', '10', '100', '1000', '10 k']) t.ok(texts.includes(tick), tick)
})

t.test('values lie where their axes have them', async (t) => {
  const svg = drawChart(CHART)
  const [band] = elementsOf(svg, 'rect').filter(({ fill }) => fill === COLORS.band)
  const [dot] = elementsOf(svg, 'circle')
  const plot = elementsOf(svg, 'rect').find(({ fill }) => fill === COLORS.plot)!
  const [left, top] = [Number(plot['x']), Number(plot['y'])]
  const [width, height] = [Number(plot['width']), Number(plot['height'])]
  // 1000 is two of the three decades up, and the upper end of the band.
  t.ok(Math.abs(Number(dot!['cx']) - (left + width / 2)) < 0.1)
  t.ok(Math.abs(Number(dot!['cy']) - (top + height / 3)) < 0.1)
  t.ok(Math.abs(Number(band!['y']) - (top + height / 3)) < 0.1)
  t.ok(Math.abs(Number(band!['height']) - height / 3) < 0.1)
})

t.test('nothing, infinite values and a log of zero still give a picture', async (t) => {
  const points = [
    [0, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
    [1, 0],
  ] as const
  for (const style of ['line', 'points', 'bars', 'dashed'] as const) {
    const series = [{ label: 'a', color: COLORS.cool, style, points }]
    wellFormed(drawChart({ ...CHART, series }))
    wellFormed(drawChart({ ...CHART, series: [{ ...series[0]!, points: [] }] }))
  }
  const flat = { label: 'a', color: COLORS.cool, style: 'line', points: [[3, 3]] } as const
  const axes = { x: { label: 'x', scale: 'linear' }, y: { label: 'y', scale: 'linear' } } as const
  wellFormed(drawChart({ title: 'one point', ...axes, series: [flat] }))
  t.pass('drawn')
})

t.test('text from outside cannot become markup', async (t) => {
  const svg = wellFormed(drawChart({ ...CHART, title: '<script>"&' }))
  t.match(svg, '&lt;script&gt;&quot;&amp;')
  t.notMatch(svg, '<script')
})

t.test('a square chart has the same length for a unit in both directions', async (t) => {
  const axis = { scale: 'linear', min: -1, max: 1 } as const
  const svg = drawChart({
    title: 'cloud',
    square: true,
    x: { label: 'right', ...axis },
    y: { label: 'down', ...axis },
    series: CHART.series,
  })
  const plot = elementsOf(svg, 'rect').find(({ fill }) => fill === COLORS.plot)!
  t.equal(plot['width'], plot['height'])
})

t.test('scales and numbers as people read them', async (t) => {
  const axis = { label: '', scale: 'linear' } as const
  const { at, ticks } = scaleOf(axis, [0, 9.3], { from: 0, to: 100 })
  t.same(ticks, [0, 2, 4, 6, 8, 10])
  t.equal(at(5), 50)
  t.same(
    scaleOf({ label: '', scale: 'log' }, [0.2, 0, 70], { from: 0, to: 1 }).ticks,
    [0.1, 1, 10, 100],
  )
  t.equal(niceStep(0.03), 0.05)
  t.equal(niceStep(7), 10)
  t.equal(tickText(-0.4), '−0.4')
  t.equal(tickText(2.5e6), '2.5 M')
  t.equal(numberText(0.057_34), '0.0573')
  t.equal(numberText(99_999), '99999')
  t.equal(numberText(271_895), '272 k')
  t.equal(numberText(6e6), '6 M')
})
