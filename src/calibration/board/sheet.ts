import { EvtrackError } from '../../events/errors.js'
import { fitPlane, toPicture } from '../ground/homography.js'
import { type Board, boardCells, checkBoard, SQUARE_CELLS } from './board.js'
import {
  type Corner,
  INK,
  outline,
  PAPER,
  type Page,
  rectangle,
  type Shape,
  stroke,
  type Tone,
} from './drawing.js'

/** Sheets, landscape, mm. */
export const PAPERS = {
  a4: [297, 210],
  a3: [420, 297],
  letter: [279.4, 215.9],
} as const
export type PaperName = keyof typeof PAPERS

/** What printers leave white at the edge, and what the lines below the board take, mm. */
const EDGE = 5
const FOOT = 9
const RULER = 100
const GRAY: Tone = [0.55, 0.55, 0.55]
const GREEN: Tone = [0.1, 0.6, 0.25]
const RED: Tone = [0.85, 0.15, 0.1]

/** The board in its true size, with a line to check the printer. Throws CALIBRATION_FAILED where it does not fit. */
export function boardPage(board: Board, paper: PaperName): Page {
  checkBoard(board)
  const [width, height] = PAPERS[paper]
  const { columns, rows, squareMm } = board
  const [w, h] = [columns * squareMm, rows * squareMm]
  const room = { w: width - 2 * EDGE, h: height - 2 * EDGE - FOOT }
  if (w > room.w || h > room.h) {
    const largest = Math.floor(Math.min(room.w / columns, room.h / rows) * 2) / 2
    throw new EvtrackError(
      'CALIBRATION_FAILED',
      `A board of ${w} × ${h} mm does not fit on ${paper.toUpperCase()}.`,
      {
        next: `Make the squares at most ${largest} mm (--square ${largest}), or use a larger sheet (--paper a3).`,
      },
    )
  }
  const [left, top] = [(width - w) / 2, (height - FOOT - h) / 2]
  const base = top + h + FOOT
  const text = (words: string, x: number, y = base): Shape => ({
    kind: 'text',
    text: words,
    at: [x, y],
    height: 2.2,
    tone: INK,
  })
  const ruler = [
    stroke([left, base - 4.5], [left + RULER, base - 4.5], 0.3),
    stroke([left, base - 6], [left, base - 3], 0.3),
    stroke([left + RULER, base - 6], [left + RULER, base - 3], 0.3),
  ]
  return {
    width,
    height,
    shapes: [
      { kind: 'area', polygons: cellPolygons(board, [left, top]), tone: INK },
      { kind: 'area', polygons: ruler, tone: INK },
      text('This line is 100 mm long: print at 100 %, without scaling.', left),
      text(
        `ChArUco ${columns} x ${rows}, square ${squareMm} mm, marker ${(squareMm * 6) / 8} mm, DICT_4X4_50`,
        left + RULER + 6,
      ),
    ],
  }
}

/** Black cells as few rectangles: runs along rows. */
function cellPolygons(board: Board, [left, top]: Corner): (readonly Corner[])[] {
  const { width, height, black } = boardCells(board)
  const cell = board.squareMm / SQUARE_CELLS
  const polygons: (readonly Corner[])[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (black[y * width + x] !== 1) continue
      const start = x
      while (x + 1 < width && black[y * width + x + 1] === 1) x++
      polygons.push(rectangle(left + start * cell, top + y * cell, (x + 1 - start) * cell, cell))
    }
  }
  return polygons
}

/** What to do with the board, in pictures: where to hold it, how to turn it, how far, and what spoils it. */
export function howPage(paper: PaperName): Page {
  const [width, height] = PAPERS[paper]
  const shapes: Shape[] = []
  const [w, h] = [44, 33]
  const [left, top] = [18, 22]
  const down = (height - top - 8) / 4
  const row = (index: number, words: string, quads: readonly (readonly Corner[])[]) => {
    const y = top + index * down
    shapes.push({ kind: 'text', text: words, at: [left, y - 2.5], height: 3, tone: INK })
    quads.forEach((quad, i) => {
      shapes.push(...view([left + i * (w + 8), y], [w, h], { quad, ink: INK }))
    })
  }
  const flat = (cx: number, cy: number, size: number): Corner[] => {
    const [a, b] = [size / 2, (size / 2) * (5 / 7) * (w / h)]
    return [
      [cx - a, cy - b],
      [cx + a, cy - b],
      [cx + a, cy + b],
      [cx - a, cy + b],
    ]
  }
  row(0, '1  Everywhere in the picture, above all in its corners', [
    flat(0.26, 0.26, 0.5),
    flat(0.74, 0.26, 0.5),
    flat(0.74, 0.74, 0.5),
    flat(0.26, 0.74, 0.5),
    flat(0.5, 0.5, 0.5),
  ])
  row(1, '2  Turned to all four sides', [
    [
      [0.2, 0.12],
      [0.76, 0.27],
      [0.76, 0.73],
      [0.2, 0.88],
    ],
    [
      [0.24, 0.27],
      [0.8, 0.12],
      [0.8, 0.88],
      [0.24, 0.73],
    ],
    [
      [0.14, 0.2],
      [0.86, 0.2],
      [0.74, 0.76],
      [0.26, 0.76],
    ],
    [
      [0.26, 0.24],
      [0.74, 0.24],
      [0.86, 0.8],
      [0.14, 0.8],
    ],
  ])
  row(2, '3  Near and far', [flat(0.5, 0.5, 0.92), flat(0.5, 0.5, 0.45)])
  row(3, '4  Flat and stiff, sharp, evenly lit, still for a second in each pose', [
    flat(0.5, 0.5, 0.6),
  ])
  const y = top + 3 * down
  const blurred = [0.62, 0.58, 0.54, 0.5].map((x) => flat(x, x, 0.6))
  for (const [i, quad] of blurred.entries()) {
    const tone: Tone = i === 3 ? INK : [0.75 - 0.15 * i, 0.75 - 0.15 * i, 0.75 - 0.15 * i]
    shapes.push(...view([left + w + 8, y], [w, h], { quad, ink: tone, again: i > 0 }))
  }
  shapes.push(mark([left + w - 6, y + 6], true), mark([left + 2 * w + 2, y + 6], false))
  return { width, height, shapes }
}

/** The camera's picture with a board in it; `quad` in shares of the frame, clockwise from the upper left. */
function view(
  [x, y]: Corner,
  [w, h]: Corner,
  { quad, ink, again = false }: { quad: readonly Corner[]; ink: Tone; again?: boolean },
): Shape[] {
  const frame = rectangle(x, y, w, h)
  const [columns, rows] = [7, 5]
  const from = rectangle(0, 0, columns, rows)
  const fit = fitPlane(
    from.map(([u, v], i) => ({
      from: { x: u, y: v },
      to: { x: x + quad[i]![0] * w, y: y + quad[i]![1] * h },
    })),
    { from: 0, to: 1 },
  )!
  const at = (u: number, v: number): Corner => {
    const place = toPicture(fit, { x: u, y: v })
    return [place.x, place.y]
  }
  const squares = Array.from({ length: columns * rows }, (_, i) => i).flatMap((i) => {
    const [u, v] = [i % columns, Math.floor(i / columns)]
    return (u + v) % 2 === 0 ? [[at(u, v), at(u + 1, v), at(u + 1, v + 1), at(u, v + 1)]] : []
  })
  const edge = from.map(([u, v]) => at(u, v))
  return [
    ...(again ? [] : [{ kind: 'area', polygons: [frame], tone: [0.9, 0.92, 0.95] } as const]),
    { kind: 'area', polygons: [edge], tone: PAPER },
    { kind: 'area', polygons: squares, tone: ink },
    { kind: 'area', polygons: outline(edge, 0.4), tone: GRAY },
    { kind: 'area', polygons: outline(frame, 0.6), tone: GRAY },
  ]
}

/** A tick or a cross. */
function mark([x, y]: Corner, good: boolean): Shape {
  const lines: [Corner, Corner][] = good
    ? [
        [
          [x - 3, y],
          [x - 1, y + 2.5],
        ],
        [
          [x - 1, y + 2.5],
          [x + 3.5, y - 3],
        ],
      ]
    : [
        [
          [x - 3, y - 3],
          [x + 3, y + 3],
        ],
        [
          [x - 3, y + 3],
          [x + 3, y - 3],
        ],
      ]
  return {
    kind: 'area',
    polygons: lines.map(([a, b]) => stroke(a, b, 1.4)),
    tone: good ? GREEN : RED,
  }
}
