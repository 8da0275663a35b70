import { writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { type Board, checkBoard } from '../calibration/board/board.js'
import { pdfOf } from '../calibration/board/pdf.js'
import { pngOf } from '../calibration/board/raster.js'
import { boardPage, howPage, PAPERS, type PaperName } from '../calibration/board/sheet.js'
import { EvtrackError } from '../events/errors.js'
import { print, printJson, reportError } from './output.js'

interface BoardOptions {
  readonly out: string
  readonly columns: string
  readonly rows: string
  readonly square: string
  readonly paper: string
  readonly dpi: string
  readonly json?: boolean
}

/** `evtrackd board`: the target of `evtrackd calibrate lens`, and a page that shows what to do with it. */
export function board(options: BoardOptions): void {
  try {
    const made = write(options)
    if (options.json) printJson({ ok: true, ...made })
    else print(textOf(made))
  } catch (error) {
    process.exitCode = reportError(error)
  }
}

function write(options: BoardOptions) {
  const shape: Board = checkBoard({
    columns: Number(options.columns),
    rows: Number(options.rows),
    squareMm: Number(options.square),
  })
  const paper = paperOf(options.paper)
  const pages = [boardPage(shape, paper), howPage(paper)] as const
  const { out } = options
  const ending = extname(out).toLowerCase()
  if (ending === '.pdf') {
    save(out, pdfOf(pages, 'evtrackd lens calibration board'))
    return { board: shape, paper, files: [out] }
  }
  if (ending === '.png') {
    const dpi = dpiOf(options.dpi)
    const how = `${out.slice(0, -ending.length)}-how.png`
    save(out, pngOf(pages[0], dpi))
    save(how, pngOf(pages[1], Math.min(dpi, 150)))
    return { board: shape, paper, files: [out, how] }
  }
  throw new EvtrackError('CALIBRATION_FAILED', `${out} is neither a PDF nor a PNG.`, {
    next: 'Name a file that ends in .pdf or .png: evtrackd board --out board.pdf',
  })
}

function textOf({ board: b, paper, files }: ReturnType<typeof write>): string {
  return [
    `${files.join(', ')}: ${b.columns} × ${b.rows} squares of ${b.squareMm} mm on ${paper.toUpperCase()}`,
    'Print at 100 %, without scaling, and measure a square; fix the paper to something flat and stiff.',
    `Then: evtrackd calibrate lens --set columns=${b.columns} --set rows=${b.rows} --set square_mm=${b.squareMm}`,
  ].join('\n')
}

function paperOf(name: string): PaperName {
  const paper = name.toLowerCase()
  if (paper in PAPERS) return paper as PaperName
  throw new EvtrackError('CALIBRATION_FAILED', `There is no paper "${name}".`, {
    next: `Choose one of ${Object.keys(PAPERS).join(', ')}.`,
  })
}

function dpiOf(text: string): number {
  const dpi = Number(text)
  if (dpi >= 50 && dpi <= 1200) return dpi
  throw new EvtrackError('CALIBRATION_FAILED', `--dpi ${text} is not between 50 and 1200.`, {
    next: 'Leave it out for 300.',
  })
}

function save(file: string, content: Buffer): void {
  try {
    writeFileSync(file, content)
  } catch (cause) {
    throw new EvtrackError('CALIBRATION_FAILED', `${file} cannot be written.`, {
      next: 'Choose a folder that exists and may be written.',
      cause,
    })
  }
}
