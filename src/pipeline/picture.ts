import { PNG } from 'pngjs'
import type { Box } from '../events/geometry.js'
import type { Frame } from './frame.js'
import { drawText, TEXT_HEIGHT } from './pixel-font.js'

/** One frame as a picture for people: ON events warm, OFF events cool, trajectory grey, boxes on top. */
export interface PictureBox {
  readonly box: Box
  readonly color: Rgb
  readonly label?: string
}
export type Rgb = readonly [number, number, number]

export const TRACKED_COLOR: Rgb = [80, 255, 120]
export const TRUE_COLOR: Rgb = [255, 255, 255]
const ON_COLOR: Rgb = [255, 150, 60]
const OFF_COLOR: Rgb = [70, 140, 255]

export interface Canvas {
  readonly width: number
  readonly height: number
  /** RGBA, row-major. */
  readonly data: Uint8Array
}

/** Sets one pixel; outside of the canvas nothing happens. */
export function setPixel(canvas: Canvas, at: { x: number; y: number }, color: Rgb): void {
  if (at.x < 0 || at.y < 0 || at.x >= canvas.width || at.y >= canvas.height) return
  const i = (at.y * canvas.width + at.x) * 4
  canvas.data[i] = color[0]
  canvas.data[i + 1] = color[1]
  canvas.data[i + 2] = color[2]
  canvas.data[i + 3] = 255
}

function drawBox(canvas: Canvas, item: PictureBox, scale: number): void {
  const left = Math.round(item.box.x * scale)
  const top = Math.round(item.box.y * scale)
  const right = Math.round((item.box.x + item.box.w) * scale) - 1
  const bottom = Math.round((item.box.y + item.box.h) * scale) - 1
  for (let x = left; x <= right; x++) {
    setPixel(canvas, { x, y: top }, item.color)
    setPixel(canvas, { x, y: bottom }, item.color)
  }
  for (let y = top; y <= bottom; y++) {
    setPixel(canvas, { x: left, y }, item.color)
    setPixel(canvas, { x: right, y }, item.color)
  }
  if (item.label !== undefined) {
    const y = top >= TEXT_HEIGHT + 2 ? top - TEXT_HEIGHT - 2 : bottom + 3
    drawText(item.label, (dx, dy) => setPixel(canvas, { x: left + dx, y: y + dy }, item.color))
  }
}

function paintFrame(canvas: Canvas, frame: Frame, scale: number): void {
  const { width, planes } = frame
  const area = width * frame.height
  for (let y = 0; y < canvas.height; y++) {
    const row = Math.floor(y / scale) * width
    for (let x = 0; x < canvas.width; x++) {
      const p = row + Math.floor(x / scale)
      const trail = planes[p]! * 0.35
      // One event is worth 30 by default; a gain of 5 makes it visible while several still differ.
      const off = Math.min(1, planes[area + p]! / 150)
      const on = Math.min(1, planes[2 * area + p]! / 150)
      const i = (y * canvas.width + x) * 4
      for (let c = 0; c < 3; c++) {
        const value = 12 + trail + OFF_COLOR[c]! * off + ON_COLOR[c]! * on
        canvas.data[i + c] = Math.min(255, value)
      }
      canvas.data[i + 3] = 255
    }
  }
}

/** A canvas of one colour. */
export function newCanvas(width: number, height: number, color: Rgb): Canvas {
  const canvas = { width, height, data: new Uint8Array(4 * width * height) }
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) setPixel(canvas, { x, y }, color)
  return canvas
}

export function encodePng({ width, height, data }: Canvas): Buffer {
  const png = new PNG({ width, height })
  png.data.set(data)
  return PNG.sync.write(png)
}

interface FrameLook {
  /** Screen pixels a sensor pixel; 2 where not given. */
  readonly scale?: number
  /** A line of its own below the picture. */
  readonly caption?: string
}

/** A frame with boxes on it. */
export function drawFrame(
  frame: Frame,
  boxes: readonly PictureBox[],
  { scale = 2, caption }: FrameLook = {},
): Canvas {
  const footer = caption === undefined ? 0 : TEXT_HEIGHT + 8
  const [width, height] = [frame.width * scale, frame.height * scale]
  const canvas = newCanvas(width, height + footer, [24, 24, 28])
  const picture: Canvas = { width, height, data: canvas.data }
  paintFrame(picture, frame, scale)
  for (const item of boxes) drawBox(picture, item, scale)
  if (caption !== undefined) {
    drawText(caption, (dx, dy) =>
      setPixel(canvas, { x: 6 + dx, y: height + 4 + dy }, [220, 220, 220]),
    )
  }
  return canvas
}

/** PNG bytes of a frame with boxes on it. */
export function framePng(frame: Frame, boxes: readonly PictureBox[], look: FrameLook = {}): Buffer {
  return encodePng(drawFrame(frame, boxes, look))
}
