import t from 'tap'
import {
  columnWord,
  rowWord,
  specialWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../src/davis346/words.js'
import { encodeEvents, ROTATED, randomEvents, record, UPRIGHT } from './decoder-helpers.js'

t.test('the worked example', async (t) => {
  const { decoder, events } = record()
  const bytes = [0x01, 0x70, 0x40, 0x9c, 0x14, 0x10, 0x0a, 0x30, 0x0b, 0x20]
  decoder.decode(Uint8Array.from(bytes), 7)
  t.same(events(), [
    { t: 40000, x: 10, y: 20, on: 1 },
    { t: 40000, x: 11, y: 20, on: 0 },
  ])
  t.equal(decoder.timeUs(), 40000)
})

t.test('both orientations of the sensor give the same picture', async (t) => {
  const scene = randomEvents(5000, 1)
  for (const layout of [UPRIGHT, ROTATED]) {
    const { words, events, count } = record({ layout })
    words(encodeEvents(scene, layout))
    t.same(events(), scene)
    t.same(count(), { events: 5000 }, 'and no violation')
  }
})

t.test(
  'a batch carries the host time of its transfer and never more than its capacity',
  async (t) => {
    const scene = randomEvents(1000, 2)
    const { words, events } = record({ batchCapacity: 7 })
    words(encodeEvents(scene, UPRIGHT))
    t.same(events(), scene)
  },
)

t.test('time', async (t) => {
  t.test('goes on with wraps of any multiple, alone too', async (t) => {
    const { words, events, of, decoder } = record()
    words([wrapWord(1)])
    words([wrapWord(4095)])
    t.same(
      of('time').map(({ t }) => t),
      [32768, 32768 * 4096],
    )
    words([timestampWord(5), rowWord(0), columnWord(0, 1)])
    t.equal(events()[0]?.t, 32768 * 4096 + 5)
    t.equal(decoder.timeUs(), 32768 * 4096 + 5)
  })

  t.test('passes 2^31 and 2^32 microseconds without a step', async (t) => {
    const { words, events } = record()
    const expected: number[] = []
    for (let wraps = 4000; wraps * 32768 < 2 ** 33; wraps += 4000) {
      words([wrapWord(4000), timestampWord(9), rowWord(3), columnWord(4, 0)])
      expected.push(wraps * 32768 + 9)
    }
    t.same(
      events().map(({ t }) => t),
      expected,
    )
  })

  t.test('passes them inside one transfer', async (t) => {
    const { words, events } = record()
    const stream: number[] = []
    for (let i = 0; i < 100; i++) stream.push(wrapWord(4095), rowWord(1), columnWord(1, 1))
    words(stream)
    t.equal(events().length, 100)
    t.equal(events().at(-1)?.t, 100 * 4095 * 32768)
  })

  t.test('is reported where no event tells it, and never behind an event', async (t) => {
    const { words, of } = record()
    words([timestampWord(10), rowWord(0), columnWord(0, 1)])
    t.same(of('time'), [], 'the event tells it')
    words([timestampWord(20)])
    words([])
    t.same(
      of('time').map(({ t }) => t),
      [20],
      'told once',
    )
  })

  t.test('is held when it goes back', async (t) => {
    const { words, events, count } = record()
    words([timestampWord(100), rowWord(0), columnWord(0, 1)])
    words([timestampWord(40), columnWord(1, 1), timestampWord(120), columnWord(2, 1)])
    t.same(
      events().map(({ t }) => t),
      [100, 100, 120],
    )
    t.equal(count()['timeBackwards'], 1)
  })

  t.test('a wrap of zero is no wrap', async (t) => {
    const { words, count, decoder } = record()
    words([timestampWord(5), wrapWord(0)])
    t.equal(decoder.timeUs(), 5)
    t.equal(count()['wrapOfZero'], 1)
  })
})

t.test('a reset comes between the events before and after it', async (t) => {
  const { words, said } = record()
  words([wrapWord(2), timestampWord(1), rowWord(5), columnWord(6, 1)])
  words([columnWord(7, 1), specialWord(1), timestampWord(3), columnWord(8, 0)])
  t.same(said, [
    { said: 'event', t: 65537, x: 6, y: 5, on: 1 },
    { said: 'event', t: 65537, x: 7, y: 5, on: 1 },
    { said: 'gap', gap: { reason: 'reset', tUs: 0 } },
    { said: 'trigger', t: 0, kind: 'reset' },
    { said: 'event', t: 3, x: 8, y: 5, on: 0 },
  ])
})

t.test(
  'external signals: on the wire 2 is falling and 3 rising, 16 falling and 17 rising',
  async (t) => {
    const { words, of } = record()
    words([timestampWord(8), ...[2, 3, 4, 16, 17].map(specialWord)])
    t.same(
      of('trigger').map(({ kind }) => kind),
      [
        'external-falling',
        'external-rising',
        'external-pulse',
        'generator-falling',
        'generator-rising',
      ],
    )
    t.ok(of('trigger').every(({ t }) => t === 8))
  },
)

t.test('violations are counted and stepped over', async (t) => {
  const cases: [string, number[], Record<string, number>][] = [
    ['X before any Y', [columnWord(1, 1)], { columnBeforeRow: 1 }],
    ['X beyond the array', [rowWord(1), columnWord(346, 1)], { columnOutOfRange: 1 }],
    ['Y beyond the array', [rowWord(260)], { rowOutOfRange: 1 }],
    ['reserved and unknown specials', [0, 6, 18, 0xfff].map(specialWord), { unknownSpecial: 4 }],
    ['unknown MISC8', [0x5400, 0x5fff], { unknownMisc8: 2 }],
    ['unknown MISC10', [0x6400, 0x6c00], { unknownMisc10: 2 }],
  ]
  for (const [name, stream, counted] of cases) {
    const { words, count, events } = record()
    words(stream)
    t.same(count(), counted, name)
    words([rowWord(2), columnWord(3, 1)])
    t.same(events(), [{ t: 0, x: 3, y: 2, on: 1 }], `${name}: the stream goes on`)
  }
})

t.test('the row stays: over transfers, and when a bad row follows', async (t) => {
  const { words, events } = record()
  words([rowWord(9)])
  words([columnWord(1, 1), rowWord(300), columnWord(2, 1)])
  t.same(
    events().map(({ y }) => y),
    [9, 9],
  )
})

t.test(
  'resync forgets the row and the half word but not the time, and tells of the gap',
  async (t) => {
    const { decoder, words, events, of, count } = record()
    words([wrapWord(1), timestampWord(4), rowWord(9), columnWord(1, 1)])
    decoder.decode(Uint8Array.of(0x01), 0)
    decoder.resync('overrun')
    words([columnWord(2, 1), rowWord(8), columnWord(3, 1)])
    t.same(of('gap'), [{ said: 'gap', gap: { reason: 'overrun', tUs: 32772 } }])
    t.same(
      events().map(({ t, x, y }) => [t, x, y]),
      [
        [32772, 1, 9],
        [32772, 3, 8],
      ],
    )
    t.equal(count()['columnBeforeRow'], 1)
  },
)

t.test('a buffer at an odd address decodes alike', async (t) => {
  const scene = randomEvents(50, 3)
  const bytes = wordsToBytes(encodeEvents(scene, UPRIGHT))
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)
  const { decoder, events } = record()
  decoder.decode(shifted.subarray(1), 0)
  t.same(events(), scene)
})
