import { createRng } from '../../sources/scene/rng.js'
import { type Board, DEFAULT_BOARD } from '../board/board.js'
import type { LensModel } from './model.js'
import { BoardRenderer, CLEAN_LOOK, type Look, type Pose } from './render.js'

/** The lens of an emulated camera: 4.9 mm before pixels of 18.5 µm, with the barrel distortion of its kind. */
export const EMULATED_LENS: LensModel = {
  width: 346,
  height: 260,
  fx: 265,
  fy: 265.6,
  cx: 175.4,
  cy: 127.2,
  k1: -0.29,
  k2: 0.09,
  k3: 0,
  p1: 0.0006,
  p2: -0.0004,
}

/** How long the emulated person holds each pose. */
const HOLD_US = 600_000
/** That of the default preset. */
const USUAL_EXPOSURE_US = 4000
const NOISE = 0.015
const FILLS = [0.62, 0.82, 0.5] as const
const TILT = { least: 0.3, most: 0.6 }

/**
 * Poses that a careful person would choose: over all of the picture, turned to all sides, near and far. The same seed
 * gives the same poses.
 */
export function boardPoses(
  count: number,
  of: { seed: number; lens: LensModel; board: Board },
): Pose[] {
  const { lens, board } = of
  const rng = createRng(of.seed)
  const [w, h] = [board.columns * board.squareMm, board.rows * board.squareMm]
  return Array.from({ length: count }, (_, i) => {
    const fill = FILLS[i % FILLS.length]!
    const distance = Math.max((w * lens.fx) / lens.width, (h * lens.fy) / lens.height) / fill
    const field = (i * 7) % 16
    // A little over the edge: the markers tell which corners are left.
    const reach = (1 - fill) / 2 + 0.08
    const u = ((field % 4) / 3 - 0.5) * 2 * reach * lens.width
    const v = (Math.floor(field / 4) / 3 - 0.5) * 2 * reach * lens.height
    const tilt = i % 5 === 4 ? 0 : rng.range(TILT.least, TILT.most)
    const direction = ((i % 4) * Math.PI) / 2 + rng.range(-0.4, 0.4)
    return {
      rotation: [tilt * Math.cos(direction), tilt * Math.sin(direction), rng.range(-0.2, 0.2)],
      middle: [
        ((u + lens.width / 2 - lens.cx) / lens.fx) * distance,
        ((v + lens.height / 2 - lens.cy) / lens.fy) * distance,
        distance,
      ],
    }
  })
}

/**
 * What an emulated camera sees while someone shows it a board: fills 346 × 260 values of 0..1023. With the usual
 * exposure the paper is bright and not saturated; the light goes with the exposure.
 */
export function boardShow(of: {
  seed: number
  lens?: LensModel
  board?: Board
  look?: Partial<Look>
}): (tUs: number, into: Uint16Array, exposureUs?: number) => void {
  const { seed, lens = EMULATED_LENS, board = DEFAULT_BOARD, look = {} } = of
  const renderer = new BoardRenderer(lens, board)
  const poses = boardPoses(48, { seed, lens, board })
  let shown = ''
  let picture: Float32Array = new Float32Array(0)
  return (tUs, into, exposureUs = USUAL_EXPOSURE_US) => {
    const at = Math.floor(tUs / HOLD_US)
    if (shown !== `${at} ${exposureUs}`) {
      shown = `${at} ${exposureUs}`
      const gain = ((look.gain ?? 1) * exposureUs) / USUAL_EXPOSURE_US
      picture = renderer.render(poses[at % poses.length]!, {
        ...CLEAN_LOOK,
        noise: NOISE,
        ...look,
        gain,
        seed: seed * 1000 + at,
      })
    }
    for (let i = 0; i < into.length; i++) into[i] = Math.round(1023 * picture[i]!)
  }
}
