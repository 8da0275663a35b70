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

function setPixel(canvas: Canvas, at: { x: number; y: number }, color: Rgb): void {
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

/** PNG bytes of a frame, `scale` screen pixels a sensor pixel, with boxes and a caption line below the picture. */
export function framePng(
  frame: Frame,
  boxes: readonly PictureBox[],
  options: { scale?: number; caption?: string } = {},
): Buffer {
  const scale = options.scale ?? 2
  const footer = options.caption === undefined ? 0 : TEXT_HEIGHT + 8
  const png = new PNG({ width: frame.width * scale, height: frame.height * scale + footer })
  const picture: Canvas = { width: png.width, height: frame.height * scale, data: png.data }
  paintFrame(picture, frame, scale)
  for (const item of boxes) drawBox(picture, item, scale)
  if (options.caption !== undefined) {
    const canvas: Canvas = { width: png.width, height: png.height, data: png.data }
    for (let y = picture.height; y < png.height; y++) {
      for (let x = 0; x < png.width; x++) setPixel(canvas, { x, y }, [24, 24, 28])
    }
    drawText(options.caption, (dx, dy) =>
      setPixel(canvas, { x: 6 + dx, y: picture.height + 4 + dy }, [220, 220, 220]),
    )
  }
  return PNG.sync.write(png)
}
