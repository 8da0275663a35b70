import { type Canvas, encodePng, newCanvas, type Rgb, setPixel } from '../../pipeline/picture.js'
import { drawText, TEXT_HEIGHT } from '../../pipeline/pixel-font.js'
import type { Corner, Page, Shape } from './drawing.js'

const MM_PER_INCH = 25.4
/** Bytes before the first chunk of a PNG, and of the first chunk, IHDR. */
const SIGNATURE = 8
const FIRST_CHUNK = 25

/** The page as pixels, `dpi` of them an inch; the file says so, and programs print it in true size. */
export function pngOf(page: Page, dpi: number): Buffer {
  const scale = dpi / MM_PER_INCH
  const canvas = newCanvas(
    Math.round(page.width * scale),
    Math.round(page.height * scale),
    [255, 255, 255],
  )
  for (const shape of page.shapes) paint(canvas, shape, scale)
  return withResolution(encodePng(canvas), dpi)
}

function paint(canvas: Canvas, shape: Shape, scale: number): void {
  const color = shape.tone.map((v) => Math.round(255 * v)) as unknown as Rgb
  if (shape.kind === 'area') {
    for (const polygon of shape.polygons)
      fillPolygon(
        canvas,
        polygon.map(([x, y]) => [x * scale, y * scale] as const),
        color,
      )
    return
  }
  const dot = (shape.height * scale) / TEXT_HEIGHT
  const [left, base] = [shape.at[0] * scale, shape.at[1] * scale]
  drawText(shape.text, (x, y) => {
    const [fromX, toX] = [Math.round(left + x * dot), Math.round(left + (x + 1) * dot)]
    const top = base - shape.height * scale
    const [fromY, toY] = [Math.round(top + y * dot), Math.round(top + (y + 1) * dot)]
    for (let py = fromY; py < toY; py++)
      for (let px = fromX; px < toX; px++) setPixel(canvas, { x: px, y: py }, color)
  })
}

/** Pixels whose middle lies inside, by the rule of even and odd; row by row. */
function fillPolygon(canvas: Canvas, corners: readonly Corner[], color: Rgb): void {
  const ys = corners.map(([, y]) => y)
  const first = Math.max(0, Math.ceil(Math.min(...ys) - 0.5))
  const last = Math.min(canvas.height - 1, Math.floor(Math.max(...ys) - 0.5))
  for (let y = first; y <= last; y++) {
    const middle = y + 0.5
    const crossings: number[] = []
    corners.forEach(([ax, ay], i) => {
      const [bx, by] = corners[(i + 1) % corners.length]!
      if (ay <= middle === by <= middle) return
      crossings.push(ax + ((middle - ay) / (by - ay)) * (bx - ax))
    })
    crossings.sort((a, b) => a - b)
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i]! - 0.5))
      const to = Math.min(canvas.width - 1, Math.ceil(crossings[i + 1]! - 0.5) - 1)
      for (let x = from; x <= to; x++) setPixel(canvas, { x, y }, color)
    }
  }
}

/** The chunk pHYs (pixels per metre) belongs between the first chunk and the pixels. */
function withResolution(png: Buffer, dpi: number): Buffer {
  const perMetre = Math.round((dpi / MM_PER_INCH) * 1000)
  const body = Buffer.alloc(4 + 9)
  body.write('pHYs', 0, 'latin1')
  body.writeUInt32BE(perMetre, 4)
  body.writeUInt32BE(perMetre, 8)
  body.writeUInt8(1, 12)
  const chunk = Buffer.alloc(4 + body.length + 4)
  chunk.writeUInt32BE(9, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), 4 + body.length)
  const at = SIGNATURE + FIRST_CHUNK
  return Buffer.concat([png.subarray(0, at), chunk, png.subarray(at)])
}

/** CRC-32 as PNG has it: zlib offers it only from Node.js 20.15 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
