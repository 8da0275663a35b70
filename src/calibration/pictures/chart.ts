import type { Verdict } from '../kind.js'
import { HEADER_HEIGHT, header, LEGEND_HEIGHT, legend } from './header.js'
import { type Axis, type Scale, scaleOf, tickText } from './scale.js'
import { COLORS, type Color, element, line, path, picture, text } from './svg.js'

export interface Series {
  /** Empty: not in the legend. */
  readonly label: string
  readonly color: Color
  readonly style: 'line' | 'dashed' | 'points' | 'bars'
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Band {
  readonly axis: 'x' | 'y'
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface Chart {
  readonly title: string
  readonly finding?: { readonly verdict?: Verdict; readonly text: string }
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** What is good. */
  readonly band?: Band
  /** Vertical lines with a name. */
  readonly marks?: readonly { readonly x: number; readonly label: string; readonly color: Color }[]
  /** The plot is as high as it is wide. */
  readonly square?: boolean
}

const SIZE = { width: 560, height: 380 }
const MARGIN = { left: 76, right: 20, bottom: 54 }
const BAR_SHARE = 0.7

interface Plot {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly x: Scale
  readonly y: Scale
}

/** SVG: title and finding, what the colours mean, the band of what is good, axes with their units. */
export function drawChart(chart: Chart): string {
  const many = chart.series.length > 1 || chart.series[0]?.style === 'points'
  const top = HEADER_HEIGHT + (many ? LEGEND_HEIGHT : 8)
  const { left, right, bottom } = {
    ...MARGIN,
    right: SIZE.width - MARGIN.right,
    bottom: SIZE.height - MARGIN.bottom,
  }
  const height = bottom - top
  // The same length for one unit in both directions.
  const inset = chart.square ? Math.max(0, (right - left - height) / 2) : 0
  const box = { left: left + inset, right: right - inset, top, bottom }
  const { band } = chart
  const all = chart.series.flatMap(({ points }) => points)
  const banded = (axis: 'x' | 'y') => (band?.axis === axis ? [band.from, band.to] : [])
  const xs = [...all.map(([v]) => v), ...(chart.marks ?? []).map((m) => m.x), ...banded('x')]
  const ys = [...all.map(([, v]) => v), ...banded('y')]
  const plot: Plot = {
    ...box,
    x: scaleOf(chart.x, xs, { from: box.left, to: box.right }),
    y: scaleOf(chart.y, ys, { from: box.bottom, to: box.top }),
  }
  const frame = { x: box.left, y: top, width: box.right - box.left, height }
  const inside = [
    band === undefined ? '' : bandOf(band, plot),
    gridOf(plot),
    ...chart.series.map((series) => seriesOf(series, plot)),
    ...(chart.marks ?? []).map((mark) => markOf(mark, plot)),
    band === undefined ? '' : bandLabel(band, plot),
  ].join('')
  return picture(
    SIZE,
    [
      header(chart.title, chart.finding),
      many ? legend(chart.series, { x: box.left, y: HEADER_HEIGHT + 12 }) : '',
      element('rect', { ...frame, fill: COLORS.plot }),
      element('clipPath', { id: 'plot' }, element('rect', frame)),
      element('g', { 'clip-path': 'url(#plot)' }, inside),
      ticksOf(plot),
      text(chart.x.label, (box.left + box.right) / 2, { y: SIZE.height - 14, anchor: 'middle' }),
      text(chart.y.label, box.left - 54, {
        y: (top + bottom) / 2,
        anchor: 'middle',
        upright: true,
      }),
    ].join(''),
  )
}

function bandOf({ axis, from, to }: Band, { x, y, left, right, top, bottom }: Plot): string {
  const [a, b] = axis === 'y' ? [y.at(from), y.at(to)] : [x.at(from), x.at(to)]
  const [low, high] = [Math.min(a, b), Math.max(a, b)]
  const rect =
    axis === 'y'
      ? { x: left, y: low, width: right - left, height: Math.max(2, high - low) }
      : { x: low, y: top, width: Math.max(2, high - low), height: bottom - top }
  return element('rect', { ...rect, fill: COLORS.band })
}

/** At the end where least is drawn: lower left of a band along x, upper right along y. */
function bandLabel({ axis, from, to, label }: Band, { x, y, right, top }: Plot): string {
  const look = { size: 12, color: COLORS.good, rim: true } as const
  if (axis === 'y') {
    const above = Math.max(top, Math.min(y.at(from), y.at(to)))
    return text(label, right - 8, { ...look, y: above + 16, anchor: 'end' })
  }
  const middle = (x.at(from) + x.at(to)) / 2
  return text(label, middle, { ...look, y: top + 16, anchor: 'middle' })
}

function gridOf({ x, y, left, right, top, bottom }: Plot): string {
  const look = { color: COLORS.grid }
  return [
    ...x.ticks.map((tick) => line([x.at(tick), top], [x.at(tick), bottom], look)),
    ...y.ticks.map((tick) => line([left, y.at(tick)], [right, y.at(tick)], look)),
  ].join('')
}

function ticksOf({ x, y, left, bottom }: Plot): string {
  const look = { size: 12, color: COLORS.soft } as const
  return [
    ...x.ticks.map((v) =>
      text(tickText(v), x.at(v), { ...look, y: bottom + 18, anchor: 'middle' }),
    ),
    ...y.ticks.map((v) => text(tickText(v), left - 8, { ...look, y: y.at(v) + 4, anchor: 'end' })),
  ].join('')
}

function markOf({ x, label, color }: NonNullable<Chart['marks']>[number], plot: Plot): string {
  const px = plot.x.at(x)
  const onRight = px < (plot.left + plot.right) / 2
  return (
    line([px, plot.top], [px, plot.bottom], { color, width: 1.5, dashed: true }) +
    text(label, px + (onRight ? 7 : -7), {
      y: plot.bottom - 10,
      size: 12,
      color,
      rim: true,
      anchor: onRight ? 'start' : 'end',
    })
  )
}

function seriesOf({ style, points, color }: Series, plot: Plot): string {
  const places = points
    .map(([vx, vy]) => [plot.x.at(vx), plot.y.at(vy)] as const)
    .filter(([px, py]) => Number.isFinite(px) && Number.isFinite(py))
  if (style === 'points') {
    const radius = places.length > 300 ? 1.6 : 3
    const dots = places.map(([cx, cy]) => element('circle', { cx, cy, r: radius }))
    return element('g', { fill: color, 'fill-opacity': 0.85 }, dots.join(''))
  }
  if (style === 'bars') return element('g', { fill: color }, barsOf(places, plot))
  if (places.length === 0) return ''
  return element('path', {
    d: path(places),
    fill: 'none',
    stroke: color,
    'stroke-width': 2,
    'stroke-linejoin': 'round',
    'stroke-dasharray': style === 'dashed' ? '7 5' : undefined,
  })
}

function barsOf(places: readonly (readonly [number, number])[], plot: Plot): string {
  const gaps = places.slice(1).map(([px], i) => px - places[i]![0])
  const step = gaps.length === 0 ? 24 : Math.min(...gaps.filter((gap) => gap > 0), 40)
  const width = Math.max(1.5, BAR_SHARE * step)
  return places
    .map(([px, py]) => {
      const y = Math.min(py, plot.bottom)
      return element('rect', { x: px - width / 2, y, width, height: plot.bottom - y })
    })
    .join('')
}
