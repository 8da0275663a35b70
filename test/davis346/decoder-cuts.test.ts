import t from 'tap'
import {
  columnWord,
  exposureWords,
  misc8Word,
  roiWords,
  rowWord,
  sampleWord,
  specialWord,
  timestampWord,
  wordsToBytes,
} from '../../src/davis346/words.js'
import {
  encodeEvents,
  ROTATED,
  randomEvents,
  record,
  type Said,
  seeded,
  UPRIGHT,
} from './decoder-helpers.js'

/** One of everything: events, a tiny picture, an IMU sample, triggers, a reset. */
function everything(): number[] {
  const column = (start: number, values: number[]) => [
    specialWord(start),
    ...values.map(sampleWord),
    specialWord(13),
  ]
  return [
    ...encodeEvents(randomEvents(40, 4), UPRIGHT),
    specialWord(1),
    timestampWord(50),
    specialWord(8),
    ...roiWords({ startColumn: 3, startRow: 4, endColumn: 4, endRow: 5 }),
    ...exposureWords(3000),
    ...column(11, [700, 710]),
    ...column(11, [720, 730]),
    specialWord(14),
    rowWord(7),
    columnWord(8, 1),
    timestampWord(150),
    specialWord(15),
    ...column(12, [500, 510]),
    ...column(12, [520, 530]),
    specialWord(10),
    specialWord(5),
    misc8Word(3, 0x20),
    misc8Word(0, 0x01),
    misc8Word(0, 0x02),
    specialWord(7),
    specialWord(4),
    timestampWord(200),
    rowWord(1),
    columnWord(2, 0),
  ]
}

// Where a transfer ends decides when time is reported; all else must not depend on it.
const essence = (said: readonly Said[]) => said.filter((s) => s.said !== 'time')

// Within a transfer, pictures, samples and triggers may overtake events: each kind keeps its own order.
function byKind(said: readonly Said[]) {
  return ['event', 'gap', 'image', 'imu', 'trigger'].map((kind) =>
    essence(said).filter((s) => s.said === kind),
  )
}

t.test('a stream cut in two at every byte', async (t) => {
  const bytes = wordsToBytes(everything())
  const whole = record()
  whole.decoder.decode(bytes, 0)
  t.equal(whole.of('image').length, 1)
  t.equal(whole.of('imu').length, 1)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const parts = record()
    parts.decoder.decode(bytes.subarray(0, cut), 0)
    parts.decoder.decode(bytes.subarray(cut), 0)
    t.same(byKind(parts.said), byKind(whole.said), `at byte ${cut}`)
  }
})

t.test('a stream in pieces of every small length', async (t) => {
  const bytes = wordsToBytes(everything())
  const whole = record()
  whole.decoder.decode(bytes, 0)
  for (let length = 1; length < 20; length++) {
    const parts = record()
    for (let i = 0; i < bytes.length; i += length) {
      parts.decoder.decode(bytes.slice(i, i + length), 0)
    }
    t.same(byKind(parts.said), byKind(whole.said), `pieces of ${length}`)
  }
})

t.test('a byte that is lost costs words, not the stream', async (t) => {
  const scene = randomEvents(3000, 5)
  for (const layout of [UPRIGHT, ROTATED]) {
    const bytes = wordsToBytes(encodeEvents(scene, layout))
    const cut = bytes.length >> 1
    const odd = cut - (cut & 1) + 1
    const { decoder, events, of, count } = record({ layout })
    decoder.decode(bytes.subarray(0, odd), 0)
    // The partner of the last byte never arrives.
    decoder.decode(bytes.subarray(odd + 1), 0)
    t.same(count()['oddByteDropped'], 1)
    t.same(
      of('gap').map(({ gap }) => gap.reason),
      ['corrupt'],
    )
    t.ok(events().length >= scene.length - 2, 'all events but those of the lost word')
    t.same(events().slice(-1000), scene.slice(-1000))
  }
})

t.test('garbage never throws, and events stay inside the sensor and in order', async (t) => {
  const random = seeded(6)
  for (const layout of [UPRIGHT, ROTATED]) {
    const { decoder, said, count } = record({ layout, batchCapacity: 64 })
    for (let transfer = 0; transfer < 300; transfer++) {
      const bytes = new Uint8Array(Math.floor(random() * 400))
      for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256)
      decoder.decode(bytes, transfer)
      if (random() < 0.05) decoder.resync('overrun')
    }
    let newest = 0
    let wrong = 0
    for (const s of said) {
      if (s.said === 'gap' && s.gap.reason === 'reset') newest = 0
      if (s.said !== 'event') continue
      if (s.x >= 346 || s.y >= 260 || s.t < newest || !Number.isSafeInteger(s.t)) wrong++
      newest = s.t
    }
    t.equal(wrong, 0)
    t.ok(Number(count()['unknownSpecial']) > 0)
    t.ok(Number(count()['timeBackwards']) > 0)
  }
})
