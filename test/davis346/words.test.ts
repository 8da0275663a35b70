import t from 'tap'
import {
  columnWord,
  exposureWords,
  misc10Word,
  roiWords,
  rowWord,
  sampleWord,
  specialWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../src/davis346/words.js'

// The worked example of the camera's description: t = 40000 us, ON at (10, 20), OFF at (11, 20).
t.test('the worked example, word by word and byte by byte', async (t) => {
  const words = [
    wrapWord(1),
    timestampWord(40000),
    rowWord(20),
    columnWord(10, true),
    columnWord(11, false),
  ]
  t.same(words, [0x7001, 0x9c40, 0x1014, 0x300a, 0x200b])
  t.same([...wordsToBytes(words)], [0x01, 0x70, 0x40, 0x9c, 0x14, 0x10, 0x0a, 0x30, 0x0b, 0x20])
})

t.test('ready-made words', async (t) => {
  t.equal(specialWord(1), 0x0001, 'reset')
  t.equal(rowWord(5), 0x1005)
  t.equal(columnWord(7, 0), 0x2007)
  t.equal(columnWord(7, 1), 0x3007)
  t.equal(sampleWord(1023), 0x43ff)
  t.equal(misc10Word(0, 5), 0x6005)
  t.equal(timestampWord(2 ** 40 + 3), 0x8003, 'the low 15 bits of any time')
})

t.test('a region is eight bytes, high before low, end inclusive', async (t) => {
  t.same(
    roiWords({ startColumn: 1, startRow: 2, endColumn: 345, endRow: 259 }),
    [0x5100, 0x5201, 0x5100, 0x5202, 0x5101, 0x5259, 0x5101, 0x5203],
  )
})

t.test('an exposure goes in chunks of ten bits, least significant first', async (t) => {
  // 120000 = 117 * 1024 + 192
  t.same(exposureWords(120_000), [0x6000 | 192, 0x6000 | 117, 0x6000])
})
