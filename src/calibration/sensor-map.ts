import type { Size } from '../events/geometry.js'
import { type Canvas, encodePng, newCanvas, type Rgb, setPixel } from '../pipeline/picture.js'
import { COLORS } from './chart.js'

const SCALE = 2

export interface SensorMap {
  readonly size: Size
  /** One value a pixel, row-major, any unit; absent: an empty sensor. */
  readonly values?: ArrayLike<number>
  /** Values are shown by their logarithm: counts and rates. */
  readonly log?: boolean
  /** Small rings around pixels. */
  readonly rings?: readonly { readonly x: number; readonly y: number; readonly color: Rgb }[]
  /** Closed lines through sensor points. */
  readonly outlines?: readonly {
    readonly points: readonly (readonly [number, number])[]
    readonly color: Rgb
  }[]
}

/** The sensor from its upper left, two screen pixels a sensor pixel, dark where the value is 0. */
export function sensorMapPng(map: SensorMap): Buffer {
  const { width, height } = map.size
  const canvas = newCanvas(width * SCALE, height * SCALE, COLORS.background)
  if (map.values !== undefined) paint(canvas, map.size, toned(map.values, map.log === true))
  for (const { x, y, color } of map.rings ?? []) ring(canvas, { x, y }, color)
  for (const { points, color } of map.outlines ?? []) {
    points.forEach((from, i) => {
      stroke(canvas, color, [from, points[(i + 1) % points.length]!])
    })
  }
  return encodePng(canvas)
}

/** 0..1, of which 1 is the largest value. */
function toned(values: ArrayLike<number>, log: boolean): Float32Array {
  const tones = Float32Array.from(values, (v) => (log ? Math.log1p(Math.max(0, v)) : v))
  let most = 0
  for (const tone of tones) if (tone > most) most = tone
  return most === 0 ? tones : tones.map((tone) => tone / most)
}

function paint(canvas: Canvas, size: Size, tones: Float32Array): void {
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const tone = tones[Math.floor(y / SCALE) * size.width + Math.floor(x / SCALE)]!
      if (tone > 0) setPixel(canvas, { x, y }, heat(tone))
    }
  }
}

/** Dark violet over red and orange to pale yellow: brightness rises with the value. */
function heat(tone: number): Rgb {
  const rise = (from: number, to: number) =>
    Math.round(255 * Math.min(1, Math.max(0, (tone - from) / (to - from))))
  return [
    40 + (rise(0, 0.5) * 215) / 255,
    20 + (rise(0.25, 0.9) * 225) / 255,
    60 + (rise(0.8, 1) * 140) / 255 - tone * 30,
  ].map((v) => Math.max(0, Math.min(255, Math.round(v)))) as unknown as Rgb
}

function ring(canvas: Canvas, { x, y }: { x: number; y: number }, color: Rgb): void {
  const [cx, cy] = [x * SCALE + 1, y * SCALE + 1]
  for (let k = 0; k < 32; k++) {
    const angle = (k * Math.PI) / 16
    const place = {
      x: Math.round(cx + 6 * Math.cos(angle)),
      y: Math.round(cy + 6 * Math.sin(angle)),
    }
    setPixel(canvas, place, color)
  }
}

function stroke(
  canvas: Canvas,
  color: Rgb,
  [from, to]: readonly [readonly [number, number], readonly [number, number]],
): void {
  const [dx, dy] = [(to[0] - from[0]) * SCALE, (to[1] - from[1]) * SCALE]
  const count = Math.min(4000, Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)))))
  for (let i = 0; i <= count; i++) {
    const x = Math.round(from[0] * SCALE + (dx * i) / count)
    const y = Math.round(from[1] * SCALE + (dy * i) / count)
    for (let k = 0; k < 4; k++) setPixel(canvas, { x: x + (k & 1), y: y + (k >> 1) }, color)
  }
}
