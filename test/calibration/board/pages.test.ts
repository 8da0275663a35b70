import { inflateSync } from 'node:zlib'
import { PNG } from 'pngjs'
import t from 'tap'
import { boardCells, DEFAULT_BOARD, SQUARE_CELLS } from '../../../src/calibration/board/board.js'
import { pdfOf } from '../../../src/calibration/board/pdf.js'
import { pngOf } from '../../../src/calibration/board/raster.js'
import { boardPage, howPage } from '../../../src/calibration/board/sheet.js'

const MM = 72 / 25.4
const { columns, rows, squareMm } = DEFAULT_BOARD
/** Upper-left edge of the board on A4: centred, with 9 mm below for the lines. */
const LEFT = (297 - columns * squareMm) / 2
const TOP = (210 - 9 - rows * squareMm) / 2

/** Objects by number, found through the cross-reference table as a reader finds them. */
function objectsOf(pdf: Buffer): Map<number, Buffer> {
  const text = pdf.toString('latin1')
  const start = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)![1])
  const table = /^xref\n0 (\d+)\n([\s\S]*?)trailer/.exec(text.slice(start))!
  const entries = table[2]!.match(/.{18} \n/g)!
  if (entries.length !== Number(table[1])) throw new Error('entries are missing')
  const objects = new Map<number, Buffer>()
  entries.slice(1).forEach((entry, i) => {
    const at = Number(entry.slice(0, 10))
    const body = text.slice(at)
    const head = `${i + 1} 0 obj\n`
    if (!body.startsWith(head)) throw new Error(`object ${i + 1} is not where it should be`)
    objects.set(i + 1, pdf.subarray(at + head.length, at + body.indexOf('\nendobj')))
  })
  return objects
}

function streamsOf(pdf: Buffer): string[] {
  return [...objectsOf(pdf).values()].flatMap((body) => {
    const text = body.toString('latin1')
    const at = text.indexOf('stream\n')
    if (at < 0) return []
    const length = Number(/\/Length (\d+)/.exec(text)![1])
    return [inflateSync(body.subarray(at + 7, at + 7 + length)).toString('latin1')]
  })
}

t.test('the PDF has the board in exact millimetres', async (t) => {
  const pdf = pdfOf([boardPage(DEFAULT_BOARD, 'a4'), howPage('a4')], 'a (title)')
  const boxes = [...pdf.toString('latin1').matchAll(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/g)]
  t.equal(boxes.length, 2)
  t.ok(Math.abs(Number(boxes[0]![1]) / MM - 297) < 0.001)
  t.ok(Math.abs(Number(boxes[0]![2]) / MM - 210) < 0.001)
  t.match(pdf.toString('latin1'), /\/PrintScaling \/None/)
  t.match(pdf.toString('latin1'), /\(a \\\(title\\\)\)/)

  const [first] = streamsOf(pdf)
  const area = first!.slice(0, first!.indexOf('\nf\n'))
  const cells = boardCells(DEFAULT_BOARD)
  const drawn = new Uint8Array(cells.black.length)
  const cell = squareMm / SQUARE_CELLS
  let worst = 0
  for (const path of area.matchAll(/([\d.]+) ([\d.]+) m (.*?) h/g)) {
    const numbers = [path[1], path[2], ...path[3]!.match(/[\d.]+/g)!].map(Number)
    const xs = numbers.filter((_, i) => i % 2 === 0).map((x) => (x / MM - LEFT) / cell)
    const ys = numbers.filter((_, i) => i % 2 === 1).map((y) => (210 - y / MM - TOP) / cell)
    for (const v of [...xs, ...ys]) worst = Math.max(worst, Math.abs(v - Math.round(v)) * cell)
    for (let y = Math.round(Math.min(...ys)); y < Math.round(Math.max(...ys)); y++)
      for (let x = Math.round(Math.min(...xs)); x < Math.round(Math.max(...xs)); x++)
        drawn[y * cells.width + x] = 1
  }
  t.ok(worst < 0.001, `edges are within ${worst} mm`)
  t.same(drawn, cells.black)
})

t.test('the PNG says its resolution and has the board at it', async (t) => {
  const dpi = 100
  const file = pngOf(boardPage(DEFAULT_BOARD, 'a4'), dpi)
  const at = file.indexOf('pHYs', 0, 'latin1')
  t.equal(at, 8 + 25 + 4, 'before the pixels')
  t.equal(file.readUInt32BE(at + 4), 3937)
  t.equal(file.readUInt32BE(at + 8), 3937)
  t.equal(file[at + 12], 1)
  const png = PNG.sync.read(file, { checkCRC: true })
  t.equal(png.width, Math.round((297 / 25.4) * dpi))
  const { width, height, black } = boardCells(DEFAULT_BOARD)
  const pixel = (mm: number) => Math.floor((mm / 25.4) * dpi)
  const cell = squareMm / SQUARE_CELLS
  const seen = new Uint8Array(black.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const px = pixel(LEFT + (x + 0.5) * cell)
      const py = pixel(TOP + (y + 0.5) * cell)
      seen[y * width + x] = png.data[4 * (py * png.width + px)] === 0 ? 1 : 0
    }
  t.same(seen, black)
})

t.test('a board that does not fit its sheet names the largest that does', async (t) => {
  t.throws(() => boardPage({ ...DEFAULT_BOARD, squareMm: 45 }, 'a4'), {
    code: 'CALIBRATION_FAILED',
    message: /315 × 225 mm does not fit on A4/,
    next: /at most 38 mm/,
  })
  t.ok(boardPage({ ...DEFAULT_BOARD, squareMm: 38 }, 'a4'))
  t.ok(boardPage({ ...DEFAULT_BOARD, squareMm: 45 }, 'a3'))
  t.ok(boardPage(DEFAULT_BOARD, 'letter'))
})

t.test('the second page shows every way to hold it, and one not to', async (t) => {
  const text = streamsOf(pdfOf([howPage('a4')], 'x'))[0]!
  for (const words of ['Everywhere', 'all four sides', 'Near and far', 'Flat and stiff'])
    t.match(text, words)
})
