import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const run = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, 'board', ...args], { encoding: 'utf8' })

t.test('writes a PDF, or two PNGs, and says how to go on', async (t) => {
  const dir = t.testdir({})
  const pdf = run('--out', join(dir, 'board.pdf'))
  t.equal(pdf.status, 0, pdf.stderr)
  t.equal(readFileSync(join(dir, 'board.pdf')).subarray(0, 5).toString(), '%PDF-')
  t.match(pdf.stdout, 'evtrackd calibrate lens --set columns=7 --set rows=5 --set square_mm=36')
  const png = run('--out', join(dir, 'b.png'), '--dpi', '60', '--square', '20', '--json')
  const { files, board } = JSON.parse(png.stdout)
  t.same(board, { columns: 7, rows: 5, squareMm: 20 })
  t.equal(files.length, 2)
  for (const file of files) t.equal(readFileSync(file).subarray(1, 4).toString(), 'PNG')
})

t.test('what cannot be printed is refused with what to do', async (t) => {
  const dir = t.testdir({})
  const cases: [string[], RegExp][] = [
    [['--out', join(dir, 'board.txt')], /neither a PDF nor a PNG/],
    [['--out', join(dir, 'none', 'board.pdf')], /cannot be written/],
    [['--out', join(dir, 'b.pdf'), '--paper', 'a7'], /no paper "a7"/],
    [['--out', join(dir, 'b.pdf'), '--columns', 'many'], /at least 4 × 4/],
    [['--out', join(dir, 'b.png'), '--dpi', '7'], /between 50 and 1200/],
  ]
  for (const [args, words] of cases) {
    const { status, stderr } = run(...args)
    t.equal(status, 1)
    t.match(stderr, words)
    t.match(stderr, /next: /)
  }
})
