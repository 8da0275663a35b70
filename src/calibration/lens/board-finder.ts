import type { Size } from '../../events/geometry.js'
import { type Board, MARKER_CELLS, SQUARE_CELLS } from '../board/board.js'
import { type Detector, type Handle, type OpenCv, withOpenCv } from './opencv.js'
import { type Corners, refineCorners } from './refine.js'

/** Pictures are enlarged so much before markers are looked for: a cell of three pixels is too small for the library. */
const ENLARGE = 2
/** Sides of the squares over which light is averaged to tell black from white, pixels of the enlarged picture. */
const WINDOW = { min: 9, max: 19, step: 10 }
/** Samples along the edge of a marker's cell, and which share at its edge is not looked at: cells are blurred here. */
const CELL_SAMPLES = 8
const CELL_MARGIN = 0.3

const finders = new Map<string, BoardFinder>()

/** The finder of a board, made once: its memory is the library's, which no one else frees. */
export function finderFor(cv: OpenCv, board: Board): BoardFinder {
  const key = `${board.columns} ${board.rows} ${board.squareMm}`
  const finder = finders.get(key) ?? new BoardFinder(cv, board)
  finders.set(key, finder)
  return finder
}

/**
 * Finds the corners of a ChArUco board, also of one that is partly covered or leaves the picture. The settings were
 * found on 24 rendered boards with squares of 14 to 28 pixels: the library's own see 179 of their corners, these 518.
 */
export class BoardFinder {
  readonly #cv: OpenCv
  readonly #board: Board
  readonly #detector: Detector
  readonly #handles: Handle[]

  constructor(cv: OpenCv, board: Board) {
    this.#cv = cv
    this.#board = board
    const { columns, rows, squareMm } = board
    const markers = new cv.aruco_DetectorParameters()
    markers.adaptiveThreshWinSizeMin = WINDOW.min
    markers.adaptiveThreshWinSizeMax = WINDOW.max
    markers.adaptiveThreshWinSizeStep = WINDOW.step
    markers.perspectiveRemovePixelPerCell = CELL_SAMPLES
    markers.perspectiveRemoveIgnoredMarginPerCell = CELL_MARGIN
    const corners = new cv.aruco_CharucoParameters()
    corners.tryRefineMarkers = true
    corners.minMarkers = 2
    const refine = new cv.aruco_RefineParameters(10, 3, true)
    const dictionary = cv.getPredefinedDictionary(cv.DICT_4X4_50)
    const ids = new cv.Mat()
    const shape = new cv.aruco_CharucoBoard(
      new cv.Size(columns, rows),
      squareMm,
      (squareMm * MARKER_CELLS) / SQUARE_CELLS,
      dictionary,
      ids,
    )
    this.#detector = new cv.aruco_CharucoDetector(shape, corners, markers, refine)
    this.#handles = [this.#detector, shape, ids, dictionary, refine, corners, markers]
  }

  /** `gray`: [height, width], 0..255. No corners where no board is seen. */
  find(gray: Uint8Array, { width, height }: Size): Corners {
    const cv = this.#cv
    return withOpenCv(cv, (own) => {
      const picture = own(new cv.Mat(height, width, cv.CV_8UC1))
      picture.data.set(gray)
      const large = own(new cv.Mat())
      const size = new cv.Size(ENLARGE * width, ENLARGE * height)
      cv.resize(picture, large, size, 0, 0, cv.INTER_CUBIC)
      const points = own(new cv.Mat())
      const ids = own(new cv.Mat())
      const outlines = own(new cv.MatVector())
      const markers = own(new cv.Mat())
      this.#detector.detectBoard(large, points, ids, outlines, markers)
      const found = Array.from(ids.data32S.subarray(0, ids.total()))
      // Pixels are enlarged about their edges, and counted from their middles.
      const small = (at: number) => (points.data32F[at]! + 0.5) / ENLARGE - 0.5
      const rough = {
        ids: found,
        points: found.map((_, i) => [small(2 * i), small(2 * i + 1)] as const),
      }
      return refineCorners(gray, { width, height }, { corners: rough, board: this.#board })
    })
  }

  close(): void {
    for (const handle of this.#handles.splice(0)) handle.delete()
  }
}
