import { type Board, cornerPlace } from '../../../src/calibration/board/board.js'
import type { LensModel } from '../../../src/calibration/lens/model.js'
import type { Corners } from '../../../src/calibration/lens/refine.js'
import type { Pose } from '../../../src/calibration/lens/render.js'
import { rotationMatrix } from '../../../src/calibration/lens/render.js'
import { seenAt } from '../../../src/calibration/lens/solve.js'
import type { ApsImage } from '../../../src/events/signals.js'

/** Where the corners of a board truly are, those outside of the picture left out. */
export function trueCorners(lens: LensModel, pose: Pose, board: Board): Corners {
  const r = rotationMatrix(pose.rotation)
  const [w, h] = [board.columns * board.squareMm, board.rows * board.squareMm]
  const shift = [0, 3, 6].map(
    (row, i) => pose.middle[i]! - (r[row]! * w) / 2 - (r[row + 1]! * h) / 2,
  ) as [number, number, number]
  const count = (board.columns - 1) * (board.rows - 1)
  const ids: number[] = []
  const points: [number, number][] = []
  for (let id = 0; id < count; id++) {
    const { x, y } = seenAt(lens, { rotation: pose.rotation, shift }, cornerPlace(board, id))
    if (x < 0 || y < 0 || x > lens.width - 1 || y > lens.height - 1) continue
    ids.push(id)
    points.push([x, y])
  }
  return { ids, points }
}

export function grayOf(picture: Float32Array): Uint8Array {
  return Uint8Array.from(picture, (v) => Math.round(255 * v))
}

/** A whole picture of the sensor as the camera delivers it. */
export function imageOf(
  pixels: Uint16Array | Uint8Array,
  tUs: number,
  exposureUs = 4000,
): ApsImage {
  return {
    width: 346,
    height: 260,
    x: 0,
    y: 0,
    pixels,
    channels: 1,
    tUs,
    startOfFrameUs: tUs,
    endOfFrameUs: tUs + 20_000,
    startOfExposureUs: tUs,
    endOfExposureUs: tUs + exposureUs,
    exposureUs,
  }
}
