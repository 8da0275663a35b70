import t from 'tap'
import { decompress } from '../../../src/sources/aedat4/codec.js'
import type { Compression } from '../../../src/sources/aedat4/format.js'
import {
  fixture,
  header,
  packet,
  play,
  temporaryDirectory,
  writeFile,
} from '../recording-helpers.js'

const N = 12_000

function expected(i: number) {
  return {
    t: 1_600_000_000_000_000 + 50 * (i >> 4),
    x: (i >> 3) % 346,
    y: (11 * i) % 260,
    on: (i >> 3) & 1,
  }
}

const FIXTURES: [string, Compression][] = [
  ['linked.lz4', 'LZ4'],
  ['independent-checked.lz4', 'LZ4_HIGH'],
  ['level3.zst', 'ZSTD'],
  ['level19.zst', 'ZSTD_HIGH'],
]

t.test('packets compressed by the reference tools are read', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, compression] of FIXTURES) {
    const path = writeFile(
      directory,
      `${name}.aedat4`,
      header(compression),
      packet(0, fixture(name)),
      packet(0, fixture(name)),
    )
    const { heard, problems, facts, counters } = await play(path)
    t.equal(facts.compression, compression)
    t.same(problems, [], `${name} has no problems`)
    t.equal(heard.events.length, 2 * N, `${name} has all events`)
    t.same(
      heard.events.slice(0, N),
      Array.from({ length: N }, (_, i) => expected(i)),
    )
    // The second copy begins earlier than the first ended: its events keep order by moving up.
    t.equal(heard.events.at(-1)?.t, expected(N - 1).t)
    t.ok(counters['eventsBackInTime']! > 0)
  }
})

t.test('a frame cut anywhere is refused, not guessed', (t) => {
  for (const [name, compression] of FIXTURES) {
    const frame = fixture(name)
    // LZ4's end mark and checksums, ZSTD's last block: all must be there.
    for (let cut = 1; cut < frame.length; cut += Math.ceil(cut / 8)) {
      t.throws(() => decompress(frame.subarray(0, frame.length - cut), compression))
    }
  }
  t.end()
})

t.test('bytes after a frame are left, and counted as not consumed', (t) => {
  for (const [name, compression] of FIXTURES) {
    const frame = fixture(name)
    const { bytes, consumed } = decompress(Buffer.concat([frame, Buffer.alloc(9)]), compression)
    t.equal(consumed, frame.length)
    t.equal(bytes.length, 32 + 16 * N)
  }
  t.end()
})

t.test('a damaged checksummed LZ4 frame is refused', (t) => {
  const frame = fixture('independent-checked.lz4')
  const middle = frame.length >> 1
  frame[middle] = frame[middle]! ^ 0x10
  t.throws(() => decompress(frame, 'LZ4'))
  t.end()
})

t.test('a ZSTD frame that does not state its size is refused', (t) => {
  t.throws(() => decompress(fixture('unsized.zst'), 'ZSTD'), /content size/)
  t.end()
})

t.test('what would outgrow the limit is refused before it is decompressed', (t) => {
  // 17 blocks of 4 MiB, each one stretched byte: 68 MiB from a few hundred KiB.
  const run = Buffer.alloc(16_448 + 4, 0xff)
  run.set([0x1f, 0x00, 0x01, 0x00], 0)
  const block = Buffer.concat([Buffer.alloc(4), run])
  block.writeUInt32LE(run.length, 0)
  const magic = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])
  const lz4 = Buffer.concat([magic, ...new Array<Buffer>(17).fill(block), Buffer.alloc(4)])
  t.throws(() => decompress(lz4, 'LZ4'), /would decompress to/)

  // Single segment, 8-byte content size of 1 TiB, one last RLE block.
  const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 0x03, 0, 0, 0])
  t.throws(() => decompress(zstd, 'ZSTD'), /more than its blocks can hold|would decompress to/)
  t.end()
})

t.test('a claim of size beyond what the blocks can hold is refused', (t) => {
  const small = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 2, 0x03, 0, 0, 0])
  t.throws(() => decompress(small, 'ZSTD'), /more than its blocks can hold/)
  t.end()
})

t.test('frames that need a dictionary or are of another format are refused', (t) => {
  t.throws(
    () => decompress(Buffer.from([4, 0x22, 0x4d, 0x18, 0x61, 0x40, 0, 0]), 'LZ4'),
    /dictionary/,
  )
  t.throws(() => decompress(Buffer.from([4, 0x22, 0x4d, 0x18, 0x20, 0x40, 0, 0]), 'LZ4'), /header/)
  t.throws(
    () => decompress(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 0, 0, 0]), 'ZSTD'),
    /dictionary/,
  )
  t.throws(() => decompress(Buffer.alloc(64), 'LZ4'), /begin/)
  t.throws(() => decompress(Buffer.alloc(64), 'ZSTD'), /begin/)
  t.throws(() => decompress(Buffer.alloc(3), 'NONE'), /too few/)
  t.throws(() => decompress(Buffer.alloc(0), 'LZ4'))
  t.end()
})
