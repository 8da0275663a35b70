import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodeImu, encodeTable, encodeTriggers } from '../../../src/sources/aedat4/encode.js'
import { createRecordingSource } from '../../../src/sources/recording.js'
import {
  eventsBody,
  header,
  leapingClock,
  packet,
  play,
  temporaryDirectory,
  writeFile,
} from '../recording-helpers.js'

const first = packet(
  0,
  eventsBody([
    { t: 1000, x: 1, y: 2, on: 1 },
    { t: 1005, x: 3, y: 4, on: 0 },
  ]),
)
const second = packet(0, eventsBody([{ t: 2000, x: 5, y: 6, on: 1 }]))
const third = packet(0, eventsBody([{ t: 3000, x: 7, y: 8, on: 1 }]))

function times(heard: { events: { t: number }[] }): number[] {
  return heard.events.map((event) => event.t)
}

t.test('what is no recording is refused with a way on', async (t) => {
  const directory = temporaryDirectory(t)
  const cases: [string, Uint8Array[]][] = [
    ['empty', []],
    ['text', [Buffer.from('hello, I am not a recording at all')]],
    ['magic', [Buffer.from('#!AER-DAT4.0\r\n')]],
    ['cut', [header('NONE').subarray(0, 60)]],
    ['aedat3', [Buffer.from('#!AER-DAT3.1\r\n#Format: RAW\r\n')]],
    ['rubbish', [Buffer.from('#!AER-DAT4.0\r\n'), Buffer.alloc(64, 7)]],
  ]
  for (const [name, parts] of cases) {
    const path = writeFile(directory, `${name}.aedat4`, ...parts)
    await t.rejects(
      createRecordingSource({ path, pace: 'fast', clock: leapingClock().clock }),
      { code: 'RECORDING_CORRUPT', next: /\w/, data: { path } },
      name,
    )
  }
  for (const path of [join(directory, 'missing.aedat4'), directory]) {
    await t.rejects(createRecordingSource({ path, pace: 'fast', clock: leapingClock().clock }), {
      code: 'RECORDING_CORRUPT',
    })
  }
})

t.test(
  'a header that names no streams gives an empty recording with its packets reported',
  async (t) => {
    const bytes = header('NONE')
    bytes.fill(0x20, bytes.indexOf('<dv'), bytes.indexOf('</dv>') + 5)
    const path = writeFile(temporaryDirectory(t), 'a.aedat4', bytes, first)
    const { ended, heard, info, problems } = await play(path)
    t.equal(ended, 'end')
    t.same(heard.events, [])
    t.same(info.size, { width: 346, height: 260 })
    t.match(problems, [{ offset: bytes.length, message: /stream 0/ }])
  },
)

t.test('streams of other types are passed over', async (t) => {
  const bytes = header('NONE')
  bytes.write('BBOX', bytes.indexOf('TRIG'))
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    bytes,
    first,
    packet(3, Buffer.alloc(50)),
    second,
  )
  const { heard, problems, facts } = await play(path)
  t.same(times(heard), [1000, 1005, 2000])
  t.same(problems, [])
  t.same(facts.ignoredStreams, ['BBOX'])
})

t.test('a file cut at any byte keeps its complete packets', async (t) => {
  const start = header('NONE')
  const imu = packet(2, encodeImu(Float64Array.of(1500, 25, 0, 0, 1, 0, 0, 0), 1))
  const trigger = packet(3, encodeTriggers(Float64Array.of(1600, 1), 1))
  const parts = [first, imu, trigger, second, third]
  const path = writeFile(temporaryDirectory(t), 'cut.aedat4', start, ...parts)
  const full = start.length + parts.reduce((sum, part) => sum + part.length, 0)
  for (let length = full; length >= 0; length--) {
    truncateSync(path, length)
    if (length < start.length) {
      await play(path).then(
        () => t.fail(`a header cut at ${length} was accepted`),
        (error) => error.code === 'RECORDING_CORRUPT' || t.fail(`cut at ${length}: ${error}`),
      )
      continue
    }
    let end = start.length
    const whole = parts.filter((part) => (end += part.length) <= length)
    const kept = whole.reduce((sum, part) => sum + part.length, start.length)
    const { heard, problems, ended } = await play(path)
    const counts = [times(heard).length, heard.imu.length, heard.triggers.length, problems.length]
    const expected = [
      (whole.includes(first) ? 2 : 0) +
        (whole.includes(second) ? 1 : 0) +
        (whole.includes(third) ? 1 : 0),
      whole.includes(imu) ? 1 : 0,
      whole.includes(trigger) ? 1 : 0,
      kept === length ? 0 : 1,
    ]
    if (ended !== 'end' || counts.join() !== expected.join()) {
      t.same(counts, expected, `cut at ${length}`)
    }
    if (problems.length > 0 && problems[0]!.offset !== kept) t.equal(problems[0]!.offset, kept)
  }
  t.pass('all cuts were read')
})

t.test('damage costs only the packets it touches', async (t) => {
  const directory = temporaryDirectory(t)
  const start = header('NONE')
  const damage = (name: string, at: number, value: number) => {
    const middle = Buffer.from(second)
    middle.writeInt32LE(value, at)
    return writeFile(directory, `${name}.aedat4`, start, first, middle, third)
  }
  for (const [name, at, value] of [
    ['size negative', 4, -5],
    ['size zero', 4, 0],
    ['size beyond the file', 4, 1_000_000],
    ['size absurd', 4, 0x7fffffff],
    ['size too small', 4, 11],
    ['stream unknown', 0, 77],
    ['identifier', 8 + 8, 0x41414141],
    ['events claimed', 8 + 28, 0x7fffffff],
    ['root outside', 8 + 4, 0x7ffffff0],
    ['vtable outside', 8 + 20, -2_000_000],
    ['length prefix', 8, 0x7fffffff],
  ] as const) {
    const { heard, problems, counters } = await play(damage(name, at, value))
    t.same(times(heard), [1000, 1005, 3000], name)
    t.equal(problems[0]?.offset, start.length + first.length, `${name} is reported at its place`)
    t.ok(counters['problems']! >= 1)
  }
  // A size that swallows the next packet: it is found inside.
  const { heard, problems } = await play(damage('swallows', 4, second.length - 8 + third.length))
  t.same(times(heard), [1000, 1005, 2000, 3000])
  t.match(problems, [{ message: /claims/ }])
})

t.test('rubbish between packets is passed over and counted', async (t) => {
  const rubbish = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3))
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    first,
    rubbish,
    second,
    third,
  )
  const { heard, counters } = await play(path)
  t.same(times(heard), [1000, 1005, 2000, 3000])
  t.equal(counters['skippedBytes'], rubbish.length)
})

t.test('problems are kept up to a bound and counted beyond', async (t) => {
  const broken = Buffer.from(first)
  broken.writeInt32LE(0x7fffffff, 8 + 28)
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    ...new Array<Buffer>(150).fill(broken),
    second,
  )
  const { heard, problems, counters } = await play(path)
  t.same(times(heard), [2000])
  t.equal(problems.length, 100)
  t.equal(counters['problems'], 150)
})

t.test('the data table is believed only where it can be read', async (t) => {
  const directory = temporaryDirectory(t)
  const linked = (name: string, position: number, tail: Uint8Array) => {
    const start = header('NONE')
    start.writeBigInt64LE(BigInt(position), 46)
    return writeFile(directory, name, start, first, second, tail)
  }
  const end = header('NONE').length + first.length + second.length
  // Element count and offset are wrong, as some writers leave them.
  const table = encodeTable(Float64Array.of(0, 0, 3, 0, 0, 0), 1)

  const good = await play(linked('good.aedat4', end, table))
  t.same(good.facts.table, { state: 'present', entries: 1 })
  t.same([times(good.heard), good.problems], [[1000, 1005, 2000], []])

  for (const position of [end + 5000, end - 3, 20, 2 ** 52]) {
    const wrong = await play(linked(`wrong-${position}.aedat4`, position, table))
    t.equal(wrong.facts.table.state, 'damaged')
    t.same(times(wrong.heard), [1000, 1005, 2000])
    t.match(wrong.problems, [{ offset: position, message: /data table/ }])
  }

  const unlinked = await play(linked('unlinked.aedat4', -1, table))
  t.equal(unlinked.facts.table.state, 'absent')
  t.same([times(unlinked.heard), unlinked.problems], [[1000, 1005, 2000], []])
})

t.test('a packet of an image that contradicts itself is reported, others are read', async (t) => {
  const image = Buffer.alloc(120)
  image.set(Buffer.from('740000002800000046524d45', 'hex'))
  for (const [i, word] of [30, 68, 4, 12, 20, 28, 36, 60, 52, 54, 56, 58, 64, 44, 61].entries()) {
    image.writeUInt16LE(word, 14 + 2 * i)
  }
  image.writeInt32LE(30, 44)
  image.writeInt16LE(2, 96)
  image.writeInt16LE(2, 98)
  image.writeUInt32LE(4, 108)
  image.writeUInt32LE(4, 112)
  const wrong = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(image)
    change(bytes)
    return packet(1, bytes)
  }
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    packet(1, image),
    wrong((bytes) => bytes.writeInt16LE(300, 96)),
    wrong((bytes) => bytes.writeInt16LE(-2, 98)),
    wrong((bytes) => bytes.writeUInt32LE(0xfffffff0, 112)),
    wrong((bytes) => bytes.writeUInt8(5, 104)),
    packet(3, encodeTriggers(Float64Array.of(1600, 42), 1)),
    first,
  )
  const { heard, problems } = await play(path)
  t.equal(heard.images.length, 1)
  t.equal(problems.length, 5)
  t.same(times(heard), [1000, 1005])
})

t.test('any damaged file is read to its end, in bounds', async (t) => {
  const directory = temporaryDirectory(t)
  const clean = Buffer.concat([
    header('NONE'),
    first,
    packet(
      2,
      encodeImu(Float64Array.of(1500, 25, 0, 0, 1, 0, 0, 0, 1600, 25, 0, 0, 1, 0, 0, 0), 2),
    ),
    packet(3, encodeTriggers(Float64Array.of(1600, 1, 1700, 2), 2)),
    second,
    third,
  ])
  const bodies = header('NONE').length
  let seed = 12345
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed % below
  }
  const path = join(directory, 'fuzz.aedat4')
  for (let round = 0; round < 1500; round++) {
    const bytes = Buffer.from(clean)
    const from = round % 3 === 0 ? 14 : bodies
    for (let flips = 1 + random(4); flips > 0; flips--) {
      bytes[from + random(bytes.length - from)] = random(2) === 0 ? random(256) : 0xff
    }
    writeFileSync(path, bytes)
    try {
      const { ended, heard } = await play(path)
      if (ended !== 'end') t.fail(`round ${round} ended ${ended}`)
      if (heard.events.some((e) => e.x >= 4096 || e.y >= 4096 || !(e.t >= 0))) {
        t.fail(`round ${round} let an impossible event through`)
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'RECORDING_CORRUPT') {
        t.fail(`round ${round} (${readFileSync(path).toString('hex')}): ${error}`)
      }
    }
  }
  t.pass('all rounds ended')
})
