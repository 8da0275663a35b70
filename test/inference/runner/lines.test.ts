import t from 'tap'
import { LineSplitter } from '../../../src/inference/runner/lines.js'

t.test('lines come whole, however they were cut', async (t) => {
  const text = Buffer.from('{"device": "芯片 0"}\n\nlast\nrest', 'utf8')
  for (let size = 1; size <= text.length; size++) {
    const splitter = new LineSplitter(64)
    const lines: string[] = []
    for (let at = 0; at < text.length; at += size) {
      lines.push(...splitter.push(text.subarray(at, at + size)))
    }
    t.same(lines, ['{"device": "芯片 0"}', '', 'last'], `${size} bytes at a time`)
  }
})

t.test('a line without end is refused', async (t) => {
  const splitter = new LineSplitter(8)
  t.same(splitter.push(Buffer.from('12345678')), [])
  t.throws(() => splitter.push(Buffer.from('9')), RangeError)
})
