import { z } from 'zod'
import { boardProblem, DEFAULT_BOARD } from '../board/board.js'

export const lensSchema = z
  .strictObject({
    columns: z
      .int()
      .min(4)
      .max(24)
      .default(DEFAULT_BOARD.columns)
      .describe('Squares of the board from left to right.'),
    rows: z
      .int()
      .min(4)
      .max(24)
      .default(DEFAULT_BOARD.rows)
      .describe('Squares of the board from top to bottom.'),
    squareMm: z
      .number()
      .min(2)
      .max(1000)
      .default(DEFAULT_BOARD.squareMm)
      .describe('Edge of a square as measured on the printed board, mm.'),
  })
  .superRefine((board, context) => {
    const problem = boardProblem(board)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
  .describe('The board that the lens is calibrated with: evtrackd board prints it.')
export type LensOptions = z.infer<typeof lensSchema>
