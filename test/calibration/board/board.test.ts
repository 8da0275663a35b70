import t from 'tap'
import {
  boardCells,
  boardProblem,
  checkBoard,
  cornerCount,
  cornerPlace,
  markerCount,
  SQUARE_CELLS,
} from '../../../src/calibration/board/board.js'
import { lensSchema } from '../../../src/calibration/lens/lens-schema.js'
import { loadOpenCv, withOpenCv } from '../../../src/calibration/lens/opencv.js'

t.test('the boards are those of OpenCV, cell by cell, all fifty markers', async (t) => {
  const cv = await loadOpenCv()
  for (const [columns, rows] of [
    [7, 5],
    [10, 10],
    [4, 6],
  ] as const) {
    const ours = boardCells({ columns, rows })
    const theirs = withOpenCv(cv, (own) => {
      const dictionary = own(cv.getPredefinedDictionary(cv.DICT_4X4_50))
      const shape = own(
        new cv.aruco_CharucoBoard(new cv.Size(columns, rows), 8, 6, dictionary, own(new cv.Mat())),
      )
      const picture = own(new cv.Mat())
      shape.generateImage(new cv.Size(ours.width, ours.height), picture, 0, 1)
      return Uint8Array.from(picture.data, (v) => (v === 0 ? 1 : 0))
    })
    t.same(ours.black, theirs, `${columns} × ${rows}`)
  }
  t.equal(markerCount({ columns: 10, rows: 10 }), 50)
})

t.test('corners are numbered row by row, where four squares meet', async (t) => {
  const board = { columns: 7, rows: 5, squareMm: 20 }
  t.equal(cornerCount(board), 24)
  t.same(cornerPlace(board, 0), [20, 20])
  t.same(cornerPlace(board, 5), [120, 20])
  t.same(cornerPlace(board, 6), [20, 40])
  t.same(cornerPlace(board, 23), [120, 80])
  const { width, black } = boardCells(board)
  const cell = (x: number, y: number) => black[y * width + x]
  for (let id = 0; id < 24; id++) {
    const [x, y] = cornerPlace(board, id).map((mm) => (mm / 20) * SQUARE_CELLS) as [number, number]
    t.equal(cell(x - 1, y - 1), cell(x, y), 'the same across the corner')
    t.not(cell(x - 1, y - 1), cell(x, y - 1), 'another beside it')
  }
})

t.test('boards that cannot be made are refused in words', async (t) => {
  t.match(boardProblem({ columns: 3, rows: 5, squareMm: 30 }), /at least 4 × 4/)
  t.match(boardProblem({ columns: 7.5, rows: 5, squareMm: 30 }), /at least 4 × 4/)
  t.match(boardProblem({ columns: 12, rows: 9, squareMm: 30 }), /needs 54 markers, there are 50/)
  t.match(boardProblem({ columns: 7, rows: 5, squareMm: Number.NaN }), /above 0/)
  t.equal(boardProblem({ columns: 7, rows: 5, squareMm: 36 }), undefined)
  t.throws(() => checkBoard({ columns: 2, rows: 2, squareMm: 1 }), { code: 'CALIBRATION_FAILED' })
  t.notOk(lensSchema.safeParse({ columns: 20, rows: 20 }).success)
  t.same(lensSchema.parse({}), { columns: 7, rows: 5, squareMm: 36 })
})
