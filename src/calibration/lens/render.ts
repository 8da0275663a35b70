import { createRng } from '../../sources/scene/rng.js'
import { type Board, boardCells, type Cells, SQUARE_CELLS } from '../board/board.js'
import { type LensModel, sight } from './model.js'

/** Where a board is: the camera looks along +z, x to the right, y down, millimetres. */
export interface Pose {
  /** Rotation of the board, axis times angle in radians. */
  readonly rotation: readonly [number, number, number]
  /** Middle of the board. */
  readonly middle: readonly [number, number, number]
}

/** How the picture is spoiled. Brightness runs from 0 to 1. */
export interface Look {
  /** Gaussian blur, standard deviation in pixels. */
  readonly blur: number
  /** Gaussian noise of each pixel, standard deviation. */
  readonly noise: number
  /** What multiplies the light; above about 1.3 white paper saturates. */
  readonly gain: number
  /** How far brightness falls from one side of the picture to the other, 0..1. */
  readonly shade: number
  readonly seed: number
}

export const CLEAN_LOOK: Look = { blur: 0.6, noise: 0.01, gain: 1, shade: 0.2, seed: 1 }

/** Samples along the edge of a pixel. */
const SAMPLES = 3
const PAPER = 0.85
const INK = 0.08
const WALL = 0.35
/** White paper around the squares, mm. */
const EDGE_MM = 12

/** Renders a calibration board as a lens of known truth sees it. */
export class BoardRenderer {
  readonly #lens: LensModel
  readonly #board: Board
  readonly #cells: Cells
  /** Directions of sight of all samples, x and y; NaN where the lens model has none. */
  readonly #sights: Float64Array

  constructor(lens: LensModel, board: Board) {
    this.#lens = lens
    this.#board = board
    this.#cells = boardCells(board)
    this.#sights = sightsOf(lens)
  }

  /** [height, width], 0..1. No pose: an empty wall. */
  render(pose: Pose | undefined, look: Look = CLEAN_LOOK): Float32Array {
    const { width, height } = this.#lens
    const picture = new Float32Array(width * height)
    if (pose === undefined) picture.fill(WALL)
    else this.#draw(pose, picture)
    const blurred = blur(picture, this.#lens, look.blur)
    const rng = createRng(look.seed)
    for (let i = 0; i < blurred.length; i++) {
      const light = look.gain * (1 - (look.shade * (i % width)) / width)
      const value = blurred[i]! * light + (look.noise > 0 ? look.noise * rng.normal() : 0)
      blurred[i] = Math.min(1, Math.max(0, value))
    }
    return blurred
  }

  #draw(pose: Pose, picture: Float32Array): void {
    const sights = this.#sights
    const inverse = boardFromSight(pose)
    const { columns, rows, squareMm } = this.#board
    const [w, h] = [columns * squareMm, rows * squareMm]
    const cellMm = squareMm / SQUARE_CELLS
    const { black, width: cellsAcross } = this.#cells
    const per = SAMPLES * SAMPLES
    for (let pixel = 0; pixel < picture.length; pixel++) {
      let sum = 0
      for (let s = pixel * per; s < (pixel + 1) * per; s++) {
        const sx = sights[2 * s]!
        const sy = sights[2 * s + 1]!
        const scale = inverse[6]! * sx + inverse[7]! * sy + inverse[8]!
        const x = (inverse[0]! * sx + inverse[1]! * sy + inverse[2]!) / scale + w / 2
        const y = (inverse[3]! * sx + inverse[4]! * sy + inverse[5]!) / scale + h / 2
        if (!(scale > 0) || !(x > -EDGE_MM && y > -EDGE_MM && x < w + EDGE_MM && y < h + EDGE_MM)) {
          sum += WALL
        } else if (x < 0 || y < 0 || x >= w || y >= h) {
          sum += PAPER
        } else {
          const cell = Math.floor(y / cellMm) * cellsAcross + Math.floor(x / cellMm)
          sum += black[cell] === 1 ? INK : PAPER
        }
      }
      picture[pixel] = sum / per
    }
  }
}

function sightsOf(lens: LensModel): Float64Array {
  const { width, height } = lens
  const sights = new Float64Array(2 * SAMPLES * SAMPLES * width * height)
  let at = 0
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let s = 0; s < SAMPLES * SAMPLES; s++) {
      const seen = sight(lens, {
        x: (pixel % width) + ((s % SAMPLES) + 0.5) / SAMPLES - 0.5,
        y: Math.floor(pixel / width) + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES - 0.5,
      })
      sights[at++] = seen?.x ?? Number.NaN
      sights[at++] = seen?.y ?? Number.NaN
    }
  }
  return sights
}

/** Rotation matrix, row-major, of axis times angle. */
export function rotationMatrix([x, y, z]: readonly [number, number, number]): number[] {
  const angle = Math.hypot(x, y, z)
  if (angle < 1e-12) return [1, 0, 0, 0, 1, 0, 0, 0, 1]
  const [a, b, c] = [x / angle, y / angle, z / angle]
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const rest = 1 - cos
  return [
    cos + a * a * rest,
    a * b * rest - c * sin,
    a * c * rest + b * sin,
    a * b * rest + c * sin,
    cos + b * b * rest,
    b * c * rest - a * sin,
    a * c * rest - b * sin,
    b * c * rest + a * sin,
    cos + c * c * rest,
  ]
}

/** Homography from a direction of sight to the plane of the board, scaled so that the third component is positive in front. */
function boardFromSight({ rotation, middle }: Pose): number[] {
  const r = rotationMatrix(rotation)
  const [tx, ty, tz] = middle
  const [a, b, c] = [r[0]!, r[1]!, tx]
  const [d, e, f] = [r[3]!, r[4]!, ty]
  const [g, h, i] = [r[6]!, r[7]!, tz]
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
  const adjugate = [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ]
  return adjugate.map((v) => v / det)
}

/** Separable Gaussian; the picture is continued by its edge. */
function blur(
  picture: Float32Array,
  { width, height }: { width: number; height: number },
  sigma: number,
): Float32Array {
  if (!(sigma > 0)) return picture
  const radius = Math.ceil(3 * sigma)
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  )
  const total = weights.reduce((a, b) => a + b, 0)
  const across = new Float32Array(picture.length)
  const out = new Float32Array(picture.length)
  const pass = (from: Float32Array, to: Float32Array, along: 'x' | 'y') => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0
        for (let k = -radius; k <= radius; k++) {
          const px = along === 'x' ? Math.min(width - 1, Math.max(0, x + k)) : x
          const py = along === 'y' ? Math.min(height - 1, Math.max(0, y + k)) : y
          sum += weights[k + radius]! * from[py * width + px]!
        }
        to[y * width + x] = sum / total
      }
    }
  }
  pass(picture, across, 'x')
  pass(across, out, 'y')
  return out
}
