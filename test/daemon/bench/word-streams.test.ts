import t from 'tap'
import { outlinePlayer, sceneStream, worstStream } from '../../../src/daemon/bench/word-streams.js'
import { CODE, WRAP_US } from '../../../src/davis346/words.js'

function wordsOf(transfers: readonly Uint8Array[]): number[] {
  const bytes = Buffer.concat(transfers)
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16LE(2 * i))
}

t.test('the worst stream has three words an event and ends on a wrap', async (t) => {
  for (const eventsPerUs of [0.25, 1, 3]) {
    const stream = worstStream({ eventsPerUs, wraps: 2 })
    const words = wordsOf(stream.transfers)
    t.equal(stream.events, eventsPerUs * 2 * WRAP_US)
    t.equal(words.length, 3 * stream.events + 2)
    t.equal(words.filter((w) => w >> 12 === CODE.wrap).length, 2)
    t.equal(words.at(-1), 0x7001)
    t.equal(stream.spanUs, 2 * WRAP_US)
    t.ok(stream.transfers.every((transfer) => transfer.length <= 65536))
  }
})

t.test('the same seed gives the same bytes, another seed others', async (t) => {
  const bytes = (seed: number) =>
    Buffer.concat(worstStream({ eventsPerUs: 1, wraps: 1, seed }).transfers)
  t.ok(bytes(1).equals(bytes(1)))
  t.notOk(bytes(1).equals(bytes(2)))
})

t.test('a scene is sent as the camera does: time and row only when they change', async (t) => {
  const stream = sceneStream(outlinePlayer({ eventsPerUs: 2 }), { wraps: 3, skipWraps: 1 })
  let events = 0
  let timestamp = -1
  let row = -1
  let wasted = 0
  for (const word of wordsOf(stream.transfers)) {
    if (word & 0x8000) {
      if ((word & 0x7fff) <= timestamp) wasted++
      timestamp = word & 0x7fff
      row = -1
    } else if (word >> 12 === CODE.wrap) timestamp = row = -1
    else if (word >> 12 === CODE.row) {
      if (word === row) wasted++
      row = word
    } else events++
  }
  t.equal(wasted, 0)
  t.equal(events, stream.events)
  t.ok(Math.abs(events / stream.spanUs - 2) < 0.1, 'as dense as asked for')
})
