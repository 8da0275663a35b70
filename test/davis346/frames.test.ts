import t from 'tap'
import type { StreamLayout } from '../../src/davis346/layout.js'
import {
  exposureWords,
  roiWords,
  sampleWord,
  specialWord,
  timestampWord,
} from '../../src/davis346/words.js'
import { ROTATED, record, UPRIGHT } from './decoder-helpers.js'

interface Region {
  x: number
  y: number
  w: number
  h: number
}

const RESET_LEVEL = 800
/** The ten bits of a pixel; different for all pixels of a small region. */
const shade = (x: number, y: number) => ((x * 7 + y * 31) % 300) + 1

function region({ x, y, w, h }: Region): number[] {
  return roiWords({ startColumn: x, startRow: y, endColumn: x + w - 1, endRow: y + h - 1 })
}

/** One raw column as a sensor of this layout reads it out. */
function column(
  layout: StreamLayout,
  area: Region,
  read: { type: 'reset' | 'signal'; at: number },
): number[] {
  const { invertXY, flipX, flipY } = layout.aps
  const columns = invertXY ? area.h : area.w
  const rows = invertXY ? area.w : area.h
  const samples = Array.from({ length: rows }, (_, row) => {
    const cx = flipX ? columns - 1 - read.at : read.at
    const cy = flipY ? rows - 1 - row : row
    const [px, py] = invertXY ? [cy, cx] : [cx, cy]
    return sampleWord(read.type === 'reset' ? RESET_LEVEL : RESET_LEVEL - shade(px, py))
  })
  return [specialWord(read.type === 'reset' ? 11 : 12), ...samples, specialWord(13)]
}

function globalFrame(layout: StreamLayout, area: Region): number[] {
  const n = layout.aps.invertXY ? area.h : area.w
  const columns = (type: 'reset' | 'signal') =>
    Array.from({ length: n }, (_, at) => column(layout, area, { type, at })).flat()
  return [
    timestampWord(100),
    specialWord(8),
    ...region(area),
    ...exposureWords(4000 * layout.clocks.adcMHz),
    ...columns('reset'),
    timestampWord(200),
    specialWord(14),
    timestampWord(4201),
    specialWord(15),
    ...columns('signal'),
    timestampWord(5000),
    specialWord(10),
  ]
}

function expected({ w, h }: Region): number[] {
  return Array.from({ length: w * h }, (_, i) => shade(i % w, Math.floor(i / w)) << 6)
}

const flips = [false, true].flatMap((flipX) => [false, true].map((flipY) => ({ flipX, flipY })))

t.test('a global-shutter picture of a region, in every orientation', async (t) => {
  const area = { x: 5, y: 9, w: 4, h: 3 }
  for (const base of [UPRIGHT, ROTATED]) {
    for (const flip of flips) {
      const layout = { ...base, aps: { ...base.aps, ...flip } }
      const { words, of, count } = record({ layout })
      words(globalFrame(layout, area))
      t.same(
        of('image'),
        [
          {
            said: 'image',
            x: 5,
            y: 9,
            width: 4,
            height: 3,
            pixels: expected(area),
            // Time is the middle of the exposure.
            times: [100, 200, 2200, 4201, 5000],
            exposureUs: 4000,
          },
        ],
        JSON.stringify(layout.aps),
      )
      t.same(
        of('trigger').map(({ kind }) => kind),
        ['frame-start', 'exposure-start', 'exposure-end', 'frame-end'],
      )
      t.same(count(), { images: 1, triggers: 4 }, 'no violation')
    }
  }
})

t.test('a full picture', async (t) => {
  const area = { x: 0, y: 0, w: 346, h: 260 }
  const { words, of } = record({ layout: ROTATED })
  words(globalFrame(ROTATED, area))
  t.same(of('image')[0]?.pixels, expected(area))
})

t.test('a rolling-shutter picture: reset and signal columns take turns', async (t) => {
  const area = { x: 0, y: 0, w: 3, h: 2 }
  const { words, of } = record()
  const of2 = (type: 'reset' | 'signal', at: number) => column(UPRIGHT, area, { type, at })
  words([
    specialWord(9),
    ...region(area),
    ...exposureWords(30),
    ...of2('reset', 0),
    specialWord(14),
    ...of2('reset', 1),
    specialWord(15),
    ...of2('signal', 0),
    ...of2('reset', 2),
    ...of2('signal', 1),
    ...of2('signal', 2),
    specialWord(10),
  ])
  t.same(of('image')[0]?.pixels, expected(area))
})

t.test('levels', async (t) => {
  const one = (reset: number, signal: number) => {
    const { words, of } = record()
    words([
      specialWord(8),
      ...region({ x: 0, y: 0, w: 1, h: 1 }),
      specialWord(11),
      sampleWord(reset),
      specialWord(13),
      specialWord(12),
      sampleWord(signal),
      specialWord(13),
      specialWord(10),
    ])
    return of('image')[0]?.pixels[0]
  }
  t.equal(one(800, 300), 500 << 6, 'brighter where the signal fell further')
  t.equal(one(800, 801), 0, 'never negative')
  t.equal(one(383, 300), 1023 << 6, 'a collapsed reset level is white')
  t.equal(one(384, 300), 84 << 6)
  t.equal(one(800, 0), 1023 << 6, 'a signal of zero is white')
})

t.test(
  'joining in the middle of a picture is no violation, and the next one is whole',
  async (t) => {
    const area = { x: 0, y: 0, w: 2, h: 2 }
    const frame = globalFrame(UPRIGHT, area)
    const { words, of, count } = record()
    words(frame.slice(20))
    t.same(of('image'), [])
    words([0x0001])
    words(frame)
    t.equal(of('image').length, 1)
    t.equal(count()['apsOutOfPlace'], undefined)
  },
)

t.test('violations cost at most the picture', async (t) => {
  const area = { x: 0, y: 0, w: 2, h: 2 }
  const good = globalFrame(UPRIGHT, area)
  const signalColumn = column(UPRIGHT, area, { type: 'signal', at: 0 })
  const start = good.slice(0, good.indexOf(specialWord(11)))
  const cases: [string, number[], string][] = [
    [
      'a missing column',
      good.filter((_, i) => i < good.length - 6 || i >= good.length - 2),
      'apsColumnCount',
    ],
    ['a frame that never ended', [...start, ...start], 'apsFrameUnfinished'],
    ['samples outside of a column', [...start, sampleWord(5), specialWord(1)], 'apsOutOfPlace'],
    ['a column that never started', [...start, specialWord(13), specialWord(1)], 'apsOutOfPlace'],
    [
      'a short column',
      [...start, specialWord(11), sampleWord(1), specialWord(13), specialWord(1)],
      'apsRowCount',
    ],
    [
      'too many samples',
      [...start, specialWord(11), ...Array(5).fill(sampleWord(1)), specialWord(13), specialWord(1)],
      'apsExcess',
    ],
    [
      'too many columns',
      [...start, ...signalColumn, ...signalColumn, ...signalColumn, specialWord(1)],
      'apsExcess',
    ],
    [
      'a region beyond the sensor',
      [specialWord(8), ...region({ x: 0, y: 0, w: 400, h: 2 }), specialWord(1)],
      'apsRegion',
    ],
    ['a fifth region value', [...start, 0x5100, specialWord(1)], 'apsInfoExcess'],
    ['an exposure of 50 bits', [...start, ...exposureWords(1, 2), specialWord(1)], 'apsInfoExcess'],
    ['a frame end without a start', [...good, specialWord(10)], 'apsOutOfPlace'],
  ]
  for (const [name, stream, counter] of cases) {
    const { words, of, count } = record()
    words(stream)
    const before = of('image').length
    t.ok(Number(count()[counter]) > 0, `${name} is counted as ${counter}`)
    words(good)
    t.same(
      of('image')
        .slice(before)
        .map(({ pixels }) => pixels),
      [expected(area)],
      `${name}: the next picture is whole`,
    )
  }
})
