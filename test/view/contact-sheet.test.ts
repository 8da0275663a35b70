import t from 'tap'
import { newCanvas } from '../../src/pipeline/picture.js'
import { contactSheet, EvenSample } from '../../src/view/contact-sheet.js'

t.test('a sample is even, in order, and bounded', async (t) => {
  for (const length of [0, 1, 5, 12, 13, 47, 48, 49, 1000, 12_345]) {
    const sample = new EvenSample<number>(12)
    let made = 0
    for (let i = 0; i < length; i++) {
      sample.offer(() => {
        made++
        return i
      })
    }
    const taken = sample.take()
    t.equal(taken.length, Math.min(12, length), `of ${length}`)
    const steps = taken.slice(1).map((value, i) => value - taken[i]!)
    t.ok(
      steps.every((step) => step > 0),
      'rising',
    )
    if (length <= 12) continue
    t.equal(taken[0], 0)
    t.ok(taken.at(-1)! >= length * 0.9, 'to the end')
    t.ok(Math.max(...steps) <= 2 * Math.min(...steps), `even: ${steps}`)
    t.ok(made <= 48 + 24 * Math.ceil(Math.log2(length / 24)), 'made only to be kept')
  }
})

t.test('tiles lie in rows, in reading order', async (t) => {
  const tiles = Array.from({ length: 4 }, (_, i) => newCanvas(10, 8, [i + 1, 0, 0]))
  const sheet = contactSheet(tiles)
  t.equal(sheet.width, 3 * 16 + 6)
  t.equal(sheet.height, 2 * 14 + 6)
  const red = (x: number, y: number) => sheet.data[4 * (y * sheet.width + x)]
  t.same([red(6, 6), red(22, 6), red(38, 6), red(6, 20)], [1, 2, 3, 4])
  t.same([red(15, 13), red(16, 13)], [1, 40], 'edge and gap')
  t.throws(() => contactSheet([]), RangeError)
})
