import { type Canvas, encodePng, newCanvas, type Rgb, setPixel } from './picture.js'
import { drawText, TEXT_HEIGHT, textWidth } from './pixel-font.js'

/** One line of a panel: a value from 0 to 1 at each of the panel's xs. */
export interface PlotLine {
  readonly label: string
  readonly color: Rgb
  readonly values: readonly number[]
}

export interface PlotPanel {
  readonly title: string
  readonly xLabel: string
  /** Rising. */
  readonly xs: readonly number[]
  readonly lines: readonly PlotLine[]
  /** Where the legend is least in the way. */
  readonly legend: 'top' | 'bottom'
}

const PANEL = { width: 420, height: 360 }
const MARGIN = { left: 48, right: 16, top: 28, bottom: 40 }
const BACKGROUND: Rgb = [24, 24, 28]
const GRID: Rgb = [60, 60, 66]
const INK: Rgb = [220, 220, 220]
const Y_STEPS = 5
const LEGEND_STEP = TEXT_HEIGHT + 5

/** PNG of panels side by side, each with a grid, its lines and a legend in the order given. */
export function plotPng(panels: readonly PlotPanel[]): Buffer {
  const canvas = newCanvas(PANEL.width * panels.length, PANEL.height, BACKGROUND)
  panels.forEach((panel, i) => {
    drawPanel(canvas, panel, i * PANEL.width)
  })
  return encodePng(canvas)
}

function drawPanel(canvas: Canvas, panel: PlotPanel, leftPx: number): void {
  const left = leftPx + MARGIN.left
  const width = PANEL.width - MARGIN.left - MARGIN.right
  const height = PANEL.height - MARGIN.top - MARGIN.bottom
  const bottom = MARGIN.top + height
  const [first, last] = [panel.xs[0] ?? 0, panel.xs.at(-1) ?? 1]
  const column = (x: number) => left + Math.round(((x - first) / (last - first || 1)) * width)
  const row = (y: number) => bottom - Math.round(y * height)
  for (let i = 0; i <= Y_STEPS; i++) {
    const share = i / Y_STEPS
    const x = first + share * (last - first)
    drawLine(canvas, GRID, {
      from: { x: left, y: row(share) },
      to: { x: left + width, y: row(share) },
    })
    drawLine(canvas, GRID, {
      from: { x: column(x), y: MARGIN.top },
      to: { x: column(x), y: bottom },
    })
    write(canvas, share.toFixed(1), { x: left - 30, y: row(share) - TEXT_HEIGHT / 2 })
    const tick = String(Math.round(x * 100) / 100)
    write(canvas, tick, { x: column(x) - textWidth(tick) / 2, y: bottom + 6 })
  }
  write(canvas, panel.title, { x: left, y: 8 })
  const under = left + width / 2 - textWidth(panel.xLabel) / 2
  write(canvas, panel.xLabel, { x: under, y: bottom + 22 })
  const legendTop =
    panel.legend === 'top' ? MARGIN.top + 8 : bottom - 4 - panel.lines.length * LEGEND_STEP
  panel.lines.forEach(({ label, color, values }, i) => {
    for (let k = 1; k < panel.xs.length; k++) {
      const from = { x: column(panel.xs[k - 1]!), y: row(values[k - 1] ?? 0) }
      const to = { x: column(panel.xs[k]!), y: row(values[k] ?? 0) }
      drawLine(canvas, color, { from, to })
      drawLine(canvas, color, { from: { x: from.x, y: from.y + 1 }, to: { x: to.x, y: to.y + 1 } })
    }
    const y = legendTop + i * LEGEND_STEP
    write(canvas, label, { x: left + width - 8 - textWidth(label), y, color })
  })
}

interface Point {
  readonly x: number
  readonly y: number
}

function write(canvas: Canvas, text: string, at: Point & { readonly color?: Rgb }): void {
  const [x, y] = [Math.round(at.x), Math.round(at.y)]
  const color = at.color ?? INK
  drawText(text, (dx, dy) => setPixel(canvas, { x: x + dx, y: y + dy }, color))
}

/** A line one pixel wide, cut off at the edges of the canvas. */
export function drawLine(
  canvas: Canvas,
  color: Rgb,
  { from, to }: { from: Point; to: Point },
): void {
  const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y))
  for (let i = 0; i <= steps; i++) {
    const x = Math.round(from.x + ((to.x - from.x) * i) / steps)
    const y = Math.round(from.y + ((to.y - from.y) * i) / steps)
    setPixel(canvas, { x, y }, color)
  }
}
