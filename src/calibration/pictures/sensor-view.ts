import type { Size } from '../../events/geometry.js'
import { encodePng, newCanvas } from '../../pipeline/picture.js'
import type { Verdict } from '../kind.js'
import { HEADER_HEIGHT, header, LEGEND_HEIGHT, legend } from './header.js'
import { COLORS, type Color, element, line, path, picture, text } from './svg.js'
import { PALETTES, type Tones } from './tones.js'

type Point = readonly [x: number, y: number]

export interface SensorView {
  readonly title: string
  readonly finding?: { readonly verdict?: Verdict; readonly text: string }
  readonly size: Size
  /** What is behind the lines; absent: an empty sensor. */
  readonly tones?: Tones
  /** Small rings around places. */
  readonly rings?: readonly { readonly x: number; readonly y: number; readonly color: Color }[]
  readonly outlines?: readonly SensorOutline[]
  /** What the colours mean. */
  readonly legend?: readonly { readonly label: string; readonly color: Color }[]
}

export interface SensorOutline {
  /** Sensor pixels, origin at the upper left. */
  readonly points: readonly Point[]
  readonly color: Color
  /** Ends where it begins. */
  readonly closed?: boolean
  readonly filled?: boolean
  readonly thin?: boolean
  /** Ends in an arrow. */
  readonly arrow?: boolean
  /** Stands at its middle, or at the end of an arrow. */
  readonly label?: string
}

const SCALE = 1.4
const MARGIN = { left: 52, right: 16, bottom: 44 }
const TICK_PX = 50
const BAR = { width: 12, gap: 12, room: 66 }

/** SVG: the sensor from its upper left with its pixel coordinates, what lies on it, and what the colours mean. */
export function drawSensor(view: SensorView): string {
  const { size, tones } = view
  const entries = view.legend ?? []
  const top = HEADER_HEIGHT + (entries.length > 0 ? LEGEND_HEIGHT : 8)
  const [width, height] = [size.width * SCALE, size.height * SCALE]
  const left = MARGIN.left
  const frame = { x: left, y: top, width, height }
  const place = ([x, y]: Point): Point => [left + x * SCALE, top + y * SCALE]
  const inside = [
    tones === undefined ? '' : imageOf(tones, size, frame),
    ...(view.outlines ?? []).map((outline) => outlineOf(outline, place)),
    ...(view.rings ?? []).map(({ x, y, color }) => {
      const [cx, cy] = place([x + 0.5, y + 0.5])
      return element('circle', { cx, cy, r: 4.5, fill: 'none', stroke: color, 'stroke-width': 1.4 })
    }),
    // Labels last: nothing lies over them.
    ...(view.outlines ?? []).map((outline) => labelOf(outline, { place, frame })),
  ].join('')
  const bar = tones?.scale === undefined ? 0 : BAR.room
  return picture(
    {
      width: Math.round(left + width + MARGIN.right + bar),
      height: Math.round(top + height + MARGIN.bottom),
    },
    [
      header(view.title, view.finding),
      legend(entries, { x: left, y: HEADER_HEIGHT + 12 }),
      element('rect', { ...frame, fill: COLORS.plot }),
      element('clipPath', { id: 'sensor' }, element('rect', frame)),
      element('g', { 'clip-path': 'url(#sensor)' }, inside),
      element('rect', { ...frame, fill: 'none', stroke: COLORS.grid }),
      rulers(size, frame),
      tones?.scale === undefined ? '' : colorBar(tones, { ...frame, x: left + width + BAR.gap }),
    ].join(''),
  )
}

interface Frame {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function imageOf({ values, palette }: Tones, { width, height }: Size, frame: Frame): string {
  const canvas = newCanvas(width, height, [0, 0, 0])
  const colors = PALETTES[palette]
  for (let i = 0; i < width * height; i++) canvas.data.set(colors[values[i]!]!, 4 * i)
  const data = encodePng(canvas).toString('base64')
  return element('image', {
    ...frame,
    href: `data:image/png;base64,${data}`,
    preserveAspectRatio: 'none',
    'image-rendering': 'pixelated',
  })
}

function outlineOf(outline: SensorOutline, place: (point: Point) => Point): string {
  const { color, closed, filled, thin, arrow } = outline
  const points = outline.points.map(place)
  const shape = element('path', {
    d: path(points) + (closed ? 'Z' : ''),
    fill: filled ? color : 'none',
    'fill-opacity': filled ? 0.18 : undefined,
    stroke: color,
    'stroke-width': thin ? 1 : 2,
    'stroke-linejoin': 'round',
  })
  return arrow && points.length > 1 ? shape + arrowHead(points, color) : shape
}

function arrowHead(points: readonly Point[], color: Color): string {
  const [tip, before] = [points.at(-1)!, points.at(-2)!]
  const angle = Math.atan2(tip[1] - before[1], tip[0] - before[0])
  const barb = (turn: number): Point => [
    tip[0] - 14 * Math.cos(angle + turn),
    tip[1] - 14 * Math.sin(angle + turn),
  ]
  return element('path', { d: `${path([tip, barb(0.4), barb(-0.4)])}Z`, fill: color })
}

function labelOf(
  { points, label, color, arrow }: SensorOutline,
  on: { place: (point: Point) => Point; frame: Frame },
): string {
  if (label === undefined || points.length === 0) return ''
  const middle: Point = arrow
    ? points.at(-1)!
    : [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const [x, y] = on.place(middle)
  const { frame } = on
  const within = (v: number, from: number, length: number) =>
    Math.min(from + length - 24, Math.max(from + 24, v))
  return text(label, within(x, frame.x, frame.width), {
    y: within(y + (arrow ? -12 : 5), frame.y, frame.height),
    color,
    bold: true,
    rim: true,
    anchor: 'middle',
  })
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

function rulers({ width, height }: Size, frame: Frame): string {
  const look = { size: 11, color: COLORS.soft } as const
  const along = (length: number) =>
    Array.from({ length: Math.floor(length / TICK_PX) + 1 }, (_, i) => i * TICK_PX)
  const bottom = frame.y + frame.height
  return [
    ...along(width).map((v) => {
      const x = frame.x + v * SCALE
      return (
        line([x, bottom], [x, bottom + 4], { color: COLORS.soft }) +
        text(String(v), x, { ...look, y: bottom + 17, anchor: 'middle' })
      )
    }),
    ...along(height).map((v) => {
      const y = frame.y + v * SCALE
      return (
        line([frame.x - 4, y], [frame.x, y], { color: COLORS.soft }) +
        text(String(v), frame.x - 8, { ...look, y: y + 4, anchor: 'end' })
      )
    }),
    text('x, pixels', frame.x + frame.width / 2, { ...look, y: bottom + 34, anchor: 'middle' }),
    text('y, pixels', frame.x - 36, {
      ...look,
      y: frame.y + frame.height / 2,
      anchor: 'middle',
      upright: true,
    }),
  ].join('')
}

const BAR_STEPS = 32

function colorBar({ palette, scale }: Tones, { x, y, height }: Frame): string {
  const { label, low, high } = scale!
  const step = height / BAR_STEPS
  const colors = PALETTES[palette]
  const steps = Array.from({ length: BAR_STEPS }, (_, i) => {
    const [r, g, b] = colors[Math.round((255 * (BAR_STEPS - 1 - i)) / (BAR_STEPS - 1))]!
    const fill = `rgb(${r},${g},${b})`
    return element('rect', { x, y: y + i * step, width: BAR.width, height: step + 0.5, fill })
  })
  const look = { size: 11, color: COLORS.soft } as const
  const right = x + BAR.width + 5
  return [
    ...steps,
    text(high, right, { ...look, y: y + 10 }),
    text(low, right, { ...look, y: y + height }),
    text(label, right + 14, { ...look, y: y + height / 2, anchor: 'middle', upright: true }),
  ].join('')
}
