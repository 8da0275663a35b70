import type { Size } from '../../events/geometry.js'
import { type Board, cornerPlace } from '../board/board.js'
import { distort, type LensModel } from './model.js'
import { type Mat, type OpenCv, withOpenCv } from './opencv.js'
import type { Corners } from './refine.js'
import { rotationMatrix } from './render.js'

type Three = readonly [number, number, number]

/** Where the board was: its upper-left edge, millimetres, and its rotation as axis times angle. */
export interface BoardPose {
  readonly rotation: Three
  readonly shift: Three
}

export interface LensFit {
  readonly lens: LensModel
  /** Standard deviations as the fit itself gives them. */
  readonly sigma: {
    readonly fx: number
    readonly fy: number
    readonly cx: number
    readonly cy: number
  }
  readonly poses: readonly BoardPose[]
  /** Root mean square distance of the corners of each view, pixels. */
  readonly viewRms: readonly number[]
  /** The same of all corners. */
  readonly rms: number
}

/**
 * Fits focal lengths, principal point, k1, k2, p1, p2 and the poses of the board to views of at least four corners.
 * k3 stays 0: pictures of this size do not tell it from k2. Throws OpenCvError for views that determine nothing.
 */
export function solveLens(
  cv: OpenCv,
  views: readonly Corners[],
  { board, size }: { board: Board; size: Size },
): LensFit {
  return withOpenCv(cv, (own) => {
    const objects = own(new cv.MatVector())
    const pictures = own(new cv.MatVector())
    for (const view of views) {
      objects.push_back(own(boardMat(cv, view, board)))
      pictures.push_back(own(pictureMat(cv, view)))
    }
    const [matrix, distortion] = [own(new cv.Mat()), own(new cv.Mat())]
    const [rotations, shifts] = [own(new cv.MatVector()), own(new cv.MatVector())]
    const [sigmas, poseSigmas, errors] = [own(new cv.Mat()), own(new cv.Mat()), own(new cv.Mat())]
    cv.calibrateCameraExtended(
      objects,
      pictures,
      new cv.Size(size.width, size.height),
      matrix,
      distortion,
      rotations,
      shifts,
      sigmas,
      poseSigmas,
      errors,
      cv.CALIB_FIX_K3,
    )
    const m = matrix.data64F
    const d = distortion.data64F
    const s = sigmas.data64F
    const lens: LensModel = {
      width: size.width,
      height: size.height,
      fx: m[0]!,
      fy: m[4]!,
      cx: m[2]!,
      cy: m[5]!,
      k1: d[0]!,
      k2: d[1]!,
      p1: d[2]!,
      p2: d[3]!,
      k3: 0,
    }
    const poses = views.map((_, i) => ({
      rotation: three(own(rotations.get(i))),
      shift: three(own(shifts.get(i))),
    }))
    return {
      lens,
      sigma: { fx: s[0]!, fy: s[1]!, cx: s[2]!, cy: s[3]! },
      poses,
      ...errorsOf(lens, { views, poses, board }),
    }
  })
}

/** How far a lens that was fitted to other views is off at these: only their poses are fitted. Pixels, per view. */
export function judgeLens(
  cv: OpenCv,
  lens: LensModel,
  of: { views: readonly Corners[]; board: Board },
): { readonly viewRms: readonly number[]; readonly rms: number } {
  const { views, board } = of
  const poses = withOpenCv(cv, (own) => {
    const matrix = own(new cv.Mat(3, 3, cv.CV_64F))
    matrix.data64F.set([lens.fx, 0, lens.cx, 0, lens.fy, lens.cy, 0, 0, 1])
    const distortion = own(new cv.Mat(1, 5, cv.CV_64F))
    distortion.data64F.set([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    return views.map((view) => {
      const [rotation, shift] = [own(new cv.Mat()), own(new cv.Mat())]
      const points = own(boardMat(cv, view, board))
      cv.solvePnP(points, own(pictureMat(cv, view)), matrix, distortion, rotation, shift)
      return { rotation: three(rotation), shift: three(shift) }
    })
  })
  return errorsOf(lens, { views, poses, board })
}

/** Where the lens sees a corner of a board in a pose. */
export function seenAt(
  lens: LensModel,
  { rotation, shift }: BoardPose,
  [x, y]: readonly [number, number],
): { x: number; y: number } {
  const r = rotationMatrix(rotation)
  const [px, py, pz] = [0, 3, 6].map((row, i) => r[row]! * x + r[row + 1]! * y + shift[i]!) as [
    number,
    number,
    number,
  ]
  return distort(lens, { x: px / pz, y: py / pz })
}

function errorsOf(
  lens: LensModel,
  of: { views: readonly Corners[]; poses: readonly BoardPose[]; board: Board },
): { viewRms: number[]; rms: number } {
  let squares = 0
  let count = 0
  const viewRms = of.views.map(({ ids, points }, i) => {
    let sum = 0
    ids.forEach((id, k) => {
      const seen = seenAt(lens, of.poses[i]!, cornerPlace(of.board, id))
      sum += (seen.x - points[k]![0]) ** 2 + (seen.y - points[k]![1]) ** 2
    })
    squares += sum
    count += ids.length
    return Math.sqrt(sum / ids.length)
  })
  return { viewRms, rms: Math.sqrt(squares / count) }
}

function boardMat(cv: OpenCv, { ids }: Corners, board: Board): Mat {
  const mat = new cv.Mat(ids.length, 1, cv.CV_32FC3)
  ids.forEach((id, i) => {
    mat.data32F.set([...cornerPlace(board, id), 0], 3 * i)
  })
  return mat
}

function pictureMat(cv: OpenCv, { points }: Corners): Mat {
  const mat = new cv.Mat(points.length, 1, cv.CV_32FC2)
  points.forEach((point, i) => {
    mat.data32F.set(point, 2 * i)
  })
  return mat
}

function three(mat: Mat): Three {
  return [mat.data64F[0]!, mat.data64F[1]!, mat.data64F[2]!]
}
