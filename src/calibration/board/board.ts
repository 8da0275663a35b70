import { EvtrackError } from '../../events/errors.js'
import { MARKER_CODES } from './codes.js'

/** A ChArUco board: a chessboard whose white squares carry markers, so that each corner is known by its number. */
export interface Board {
  /** Squares from left to right. */
  readonly columns: number
  /** Squares from top to bottom. */
  readonly rows: number
  /** Edge of a square as printed and measured, mm. */
  readonly squareMm: number
}

/** Fills A4. Its corners are found while a square takes 18 pixels or more: up to half a metre through a lens of 5 mm. */
export const DEFAULT_BOARD: Board = { columns: 7, rows: 5, squareMm: 36 }

/** Cells along the edge of a square; a marker with its black border is 6 of them, in the middle. */
export const SQUARE_CELLS = 8
export const MARKER_CELLS = 6
const CODE_CELLS = 4
const MARGIN = (SQUARE_CELLS - MARKER_CELLS) / 2

/** What is wrong with a board, in words, or undefined. */
export function boardProblem({ columns, rows, squareMm }: Board): string | undefined {
  if (!Number.isInteger(columns) || !Number.isInteger(rows) || columns < 4 || rows < 4)
    return 'a board needs at least 4 × 4 squares'
  if (markerCount({ columns, rows }) > MARKER_CODES.length)
    return `a board of ${columns} × ${rows} squares needs ${markerCount({ columns, rows })} markers, there are ${MARKER_CODES.length}`
  if (!(squareMm > 0) || !Number.isFinite(squareMm)) return 'the size of a square must be above 0'
  return undefined
}

/** Throws CALIBRATION_FAILED for a board that cannot be made. */
export function checkBoard(board: Board): Board {
  const problem = boardProblem(board)
  if (problem === undefined) return board
  throw new EvtrackError('CALIBRATION_FAILED', `This board cannot be used: ${problem}.`, {
    next: 'Choose other numbers of columns and rows, for example 7 and 5.',
    data: { ...board },
  })
}

/** White squares, each of which carries a marker. */
export function markerCount({ columns, rows }: Pick<Board, 'columns' | 'rows'>): number {
  return Math.floor((columns * rows) / 2)
}

export interface Cells {
  readonly width: number
  readonly height: number
  /** [height, width], 1 is black. */
  readonly black: Uint8Array
}

/** The whole board as cells, of which eight are the edge of a square. The square at the upper left is black. */
export function boardCells(board: Pick<Board, 'columns' | 'rows'>): Cells {
  const { columns, rows } = board
  const [width, height] = [columns * SQUARE_CELLS, rows * SQUARE_CELLS]
  const black = new Uint8Array(width * height)
  let marker = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const code = (row + column) % 2 === 0 ? undefined : MARKER_CODES[marker++]!
      for (let y = 0; y < SQUARE_CELLS; y++) {
        for (let x = 0; x < SQUARE_CELLS; x++) {
          const cell = (row * SQUARE_CELLS + y) * width + column * SQUARE_CELLS + x
          black[cell] = code === undefined || markerBlack(code, x - MARGIN, y - MARGIN) ? 1 : 0
        }
      }
    }
  }
  return { width, height, black }
}

function markerBlack(code: number, x: number, y: number): boolean {
  if (x < 0 || y < 0 || x >= MARKER_CELLS || y >= MARKER_CELLS) return false
  const [column, row] = [x - 1, y - 1]
  if (column < 0 || row < 0 || column >= CODE_CELLS || row >= CODE_CELLS) return true
  return ((code >> (CODE_CELLS * CODE_CELLS - 1 - row * CODE_CELLS - column)) & 1) === 0
}

export function cornerCount({ columns, rows }: Pick<Board, 'columns' | 'rows'>): number {
  return (columns - 1) * (rows - 1)
}

/** Where inner corner `id` lies on the board, mm from its upper-left edge: x to the right, y down. */
export function cornerPlace(board: Board, id: number): readonly [x: number, y: number] {
  const across = board.columns - 1
  return [((id % across) + 1) * board.squareMm, (Math.floor(id / across) + 1) * board.squareMm]
}
