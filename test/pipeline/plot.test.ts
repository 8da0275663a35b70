import { PNG } from 'pngjs'
import t from 'tap'
import { plotPng } from '../../src/pipeline/plot.js'

const RED = [255, 0, 0] as const
const BLUE = [0, 0, 255] as const

t.test('lines lie at their values, panels side by side', async (t) => {
  const xs = [0, 0.5, 1]
  const line = (label: string, color: readonly [number, number, number], value: number) => ({
    label,
    color,
    values: [value, value, value],
  })
  const panel = { title: 't', xLabel: 'x', xs, legend: 'bottom' as const }
  const png = PNG.sync.read(
    plotPng([
      { ...panel, lines: [line('', RED, 1), line('', BLUE, 0)] },
      { ...panel, lines: [line('', RED, 0.5)] },
    ]),
  )
  const rows = (color: readonly number[], left: number) => {
    const found = new Set<number>()
    for (let y = 0; y < png.height; y++) {
      const i = (y * png.width + left + png.width / 4) * 4
      if (color.every((value, c) => png.data[i + c] === value)) found.add(y)
    }
    return [...found]
  }
  const top = rows(RED, 0)[0]!
  const bottom = rows(BLUE, 0)[0]!
  t.ok(top > 0 && bottom > top && bottom < png.height)
  t.equal(rows(RED, png.width / 2)[0], (top + bottom) / 2, 'one half is half way')
  t.same(rows(BLUE, png.width / 2), [], 'the second panel has lines of its own')
})

t.test('no lines and no points are a picture all the same', async (t) => {
  const empty = { title: '', xLabel: '', xs: [], legend: 'top' as const, lines: [] }
  t.ok(PNG.sync.read(plotPng([empty])).width > 0)
})
