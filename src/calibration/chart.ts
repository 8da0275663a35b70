import { type Canvas, encodePng, newCanvas, type Rgb, setPixel } from '../pipeline/picture.js'
import { drawText, TEXT_HEIGHT, textWidth } from '../pipeline/pixel-font.js'

/** One axis. Its ends are as given, or as the values have them. */
export interface Axis {
  readonly label: string
  readonly scale: 'linear' | 'log'
  readonly min?: number
  readonly max?: number
}

export interface Series {
  readonly label: string
  readonly color: Rgb
  readonly style: 'line' | 'points' | 'bars'
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Chart {
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** What is good: y from, y to. */
  readonly band?: readonly [from: number, to: number]
  /** Vertical lines with a name. */
  readonly marks?: readonly { readonly x: number; readonly label: string; readonly color: Rgb }[]
}

export const COLORS = {
  background: [18, 20, 26],
  grid: [52, 56, 66],
  ink: [214, 218, 226],
  band: [24, 58, 44],
  good: [92, 214, 140],
  warm: [255, 160, 70],
  cool: [90, 160, 255],
  bad: [255, 92, 92],
  violet: [190, 140, 255],
} as const satisfies Record<string, Rgb>

const SIZE = { width: 720, height: 400 }
const MARGIN = { left: 84, right: 20, top: 24, bottom: 48 }
const TICKS = 6

interface Place {
  readonly x: number
  readonly y: number
}

/** Maps values to pixels; NaN for what a logarithmic axis cannot show. */
interface Scale {
  readonly ticks: readonly number[]
  readonly at: (value: number) => number
}

export function chartPng(chart: Chart): Buffer {
  const canvas = newCanvas(SIZE.width, SIZE.height, COLORS.background)
  const bottom = SIZE.height - MARGIN.bottom
  const right = SIZE.width - MARGIN.right
  const all = chart.series.flatMap(({ points }) => points)
  const x = scaleOf(chart.x, [...all.map(([v]) => v), ...(chart.marks ?? []).map((m) => m.x)], {
    from: MARGIN.left,
    to: right,
  })
  const y = scaleOf(chart.y, [...all.map(([, v]) => v), ...(chart.band ?? [])], {
    from: bottom,
    to: MARGIN.top,
  })
  const inside = ({ x: px, y: py }: Place) =>
    px >= MARGIN.left && px <= right && py >= MARGIN.top && py <= bottom
  const dot = (place: Place, color: Rgb) => {
    if (inside(place)) setPixel(canvas, place, color)
  }
  if (chart.band !== undefined) {
    const [low, high] = [y.at(chart.band[0]), y.at(chart.band[1])]
    for (let py = Math.round(Math.min(low, high)); py <= Math.max(low, high); py++)
      for (let px = MARGIN.left; px <= right; px++) dot({ x: px, y: py }, COLORS.band)
  }
  for (const tick of x.ticks) {
    const px = Math.round(x.at(tick))
    line(dot, COLORS.grid, [
      { x: px, y: MARGIN.top },
      { x: px, y: bottom },
    ])
    const text = tickText(tick)
    write(canvas, text, { x: px - textWidth(text) / 2, y: bottom + 8 }, COLORS.ink)
  }
  for (const tick of y.ticks) {
    const py = Math.round(y.at(tick))
    line(dot, COLORS.grid, [
      { x: MARGIN.left, y: py },
      { x: right, y: py },
    ])
    const text = tickText(tick)
    write(
      canvas,
      text,
      { x: MARGIN.left - 8 - textWidth(text), y: py - TEXT_HEIGHT / 2 },
      COLORS.ink,
    )
  }
  for (const each of chart.series) drawSeries(dot, each, { x, y, bottom })
  for (const mark of chart.marks ?? []) {
    const px = Math.round(x.at(mark.x))
    line(dot, mark.color, [
      { x: px, y: MARGIN.top },
      { x: px, y: bottom },
    ])
    const left = Math.min(px + 6, right - textWidth(mark.label))
    write(canvas, mark.label, { x: left, y: MARGIN.top + 6 }, mark.color)
  }
  write(canvas, chart.y.label, { x: 8, y: 6 }, COLORS.ink)
  const middle = (MARGIN.left + right - textWidth(chart.x.label)) / 2
  write(canvas, chart.x.label, { x: middle, y: bottom + 28 }, COLORS.ink)
  legend(canvas, chart.series, right)
  return encodePng(canvas)
}

function legend(canvas: Canvas, series: readonly Series[], right: number): void {
  if (series.length < 2) return
  let left = right
  for (const { label, color } of [...series].reverse()) {
    left -= textWidth(label) + 16
    write(canvas, label, { x: left, y: 6 }, color)
  }
}

function drawSeries(
  dot: (place: Place, color: Rgb) => void,
  { style, points, color }: Series,
  on: { x: Scale; y: Scale; bottom: number },
): void {
  const places = points
    .map(([vx, vy]) => ({ x: Math.round(on.x.at(vx)), y: Math.round(on.y.at(vy)) }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
  places.forEach((place, i) => {
    if (style === 'points') {
      for (let k = 0; k < 9; k++)
        dot({ x: place.x + (k % 3) - 1, y: place.y + Math.floor(k / 3) - 1 }, color)
    } else if (style === 'bars') {
      line(dot, color, [place, { x: place.x, y: on.bottom }])
      line(dot, color, [
        { x: place.x + 1, y: place.y },
        { x: place.x + 1, y: on.bottom },
      ])
    } else if (i > 0) {
      const before = places[i - 1]!
      line(dot, color, [before, place])
      line(dot, color, [
        { x: before.x, y: before.y + 1 },
        { x: place.x, y: place.y + 1 },
      ])
    }
  })
}

function scaleOf(axis: Axis, values: readonly number[], ends: { from: number; to: number }): Scale {
  const log = axis.scale === 'log'
  const usable = values.filter((v) => Number.isFinite(v) && (!log || v > 0))
  let min = axis.min ?? usable.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  let max = axis.max ?? usable.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(min) || !Number.isFinite(max)) [min, max] = log ? [1, 10] : [0, 1]
  if (log) {
    min = 10 ** Math.floor(Math.log10(min) + 1e-9)
    max = 10 ** Math.ceil(Math.log10(max) - 1e-9)
    if (max <= min) max = 10 * min
  } else {
    const step = niceStep((max - min || Math.abs(max) || 1) / TICKS)
    min = axis.min ?? Math.floor(min / step) * step
    max = axis.max ?? Math.ceil(max / step) * step
    if (max <= min) max = min + step
  }
  const { from, to } = ends
  const place = log ? Math.log10 : (v: number) => v
  const [low, high] = [place(min), place(max)]
  const at = (value: number) => from + ((place(value) - low) / (high - low)) * (to - from)
  return { at, ticks: log ? decades(min, max) : steps(min, max) }
}

function decades(min: number, max: number): number[] {
  const first = Math.round(Math.log10(min))
  const last = Math.round(Math.log10(max))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function steps(min: number, max: number): number[] {
  const step = niceStep((max - min) / TICKS)
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  const share = rough / power
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10)
}

function tickText(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

function line(
  dot: (place: Place, color: Rgb) => void,
  color: Rgb,
  [from, to]: readonly [Place, Place],
): void {
  const count = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y))
  // A line that leaves the canvas by far is cut where it does not matter.
  for (let i = 0; i <= Math.min(count, 4000); i++) {
    const share = i / count
    dot(
      {
        x: Math.round(from.x + (to.x - from.x) * share),
        y: Math.round(from.y + (to.y - from.y) * share),
      },
      color,
    )
  }
}

export function write(canvas: Canvas, text: string, at: Place, color: Rgb): void {
  const [x, y] = [Math.round(at.x), Math.round(at.y)]
  drawText(text, (dx, dy) => setPixel(canvas, { x: x + dx, y: y + dy }, color))
}
