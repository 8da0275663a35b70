import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compressFrameSync } from 'lz4-napi'
import {
  encodeImage,
  encodeImu,
  encodeTable,
  encodeTriggers,
} from '../../../src/sources/aedat4/encode.js'
import { MAX_SENSOR_SIDE } from '../../../src/sources/aedat4/format.js'
import { describeRecording, inspectRecording } from '../../../src/sources/inspect.js'
import { eventsBody, fixture, header, packet } from '../../sources/recording-helpers.js'
import { type FuzzTarget, finite, promise, refusal, withoutNumbers } from '../harness.js'
import { mutateBytes } from '../mutate.js'

/** Bytes that reading may take from a file, for one of its bytes: each place a bounded number of times. */
const READS_PER_BYTE = 64
const SPARE_READ_BYTES = 16 * 1024 * 1024

/** Recordings: header, packets of every kind and compression, data table. */
export function createAedat4Target(): FuzzTarget {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const path = join(dir, 'input.aedat4')
  const good = join(dir, 'good.aedat4')
  const all = seeds()
  writeFileSync(good, all[0]!)
  return {
    name: 'aedat4',
    seeds: all,
    mutate: (rng, input, pool) =>
      mutateBytes(rng, input, { pool, tokens: TOKENS, maxBytes: 262_144 }),
    async run(input) {
      writeFileSync(path, input)
      const before = bytesRead()
      const outcome = await judge(path)
      const read = bytesRead() - before
      promise(
        read <= READS_PER_BYTE * input.length + SPARE_READ_BYTES,
        `${read} bytes read of a file of ${input.length}`,
      )
      const { counters } = await inspectRecording(good)
      promise(counters['events'] === EVENTS && counters['problems'] === 0, 'a good file suffers')
      return outcome
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  }
}

async function judge(path: string): Promise<string> {
  try {
    const report = await inspectRecording(path)
    finite(report, 'report')
    const { sensor, events, counters, durationUs, problems } = report
    promise(durationUs >= 0, `a duration of ${durationUs} µs`)
    promise(sensor.width <= MAX_SENSOR_SIDE && sensor.height <= MAX_SENSOR_SIDE, 'a huge sensor')
    promise(events.count === events.on + events.off, 'events of no polarity')
    for (const [name, count] of Object.entries(counters)) {
      promise(Number.isSafeInteger(count) && count >= 0, `counter ${name} is ${count}`)
    }
    const text = describeRecording(report).join('\n')
    promise(text.length < 65_536, `a report of ${text.length} characters`)
    const moved = Object.entries(counters).filter(([, count]) => count > 0)
    return [...moved.map(([name]) => name), ...problems.map((p) => withoutNumbers(p.message))]
      .slice(0, 16)
      .join()
  } catch (error) {
    return refusal(error, ['RECORDING_CORRUPT'])
  }
}

/** What all reads of this process have brought so far; 0 where the kernel does not say. */
function bytesRead(): number {
  try {
    return Number(/^rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

const EVENTS = 40

function seeds(): Uint8Array[] {
  const base = 1_700_000_000_000_000
  const events = eventsBody(
    Array.from({ length: EVENTS }, (_, i) => ({ t: base + 50 * i, x: i, y: 2 * i, on: i & 1 })),
  )
  const image = encodeImage(
    {
      width: 6,
      height: 4,
      x: 1,
      y: 2,
      pixels: new Uint8Array(24).fill(99),
      channels: 1,
      tUs: 30,
      startOfFrameUs: 10,
      endOfFrameUs: 50,
      startOfExposureUs: 20,
      endOfExposureUs: 40,
    },
    base,
  )
  const imu = encodeImu(Float64Array.of(base + 60, 31, 0, 0, 1, 0, 0, 0), 1)
  const triggers = encodeTriggers(Float64Array.of(base + 70, 1, base + 80, 2), 2)
  const bodies = [events, image, imu, triggers]
  const plain = [header('NONE'), ...bodies.map((body, id) => packet(id, body))]
  const lz4 = [
    header('LZ4'),
    ...bodies.map((body, id) => packet(id, compressFrameSync(Buffer.from(body)))),
  ]
  const zstd = [header('ZSTD'), packet(0, fixture('level19.zst'))]
  const table = Buffer.from(encodeTable(Float64Array.of(1000, 0, 672, 40, base, base + 2000), 1))
  const closed = Buffer.concat([...plain, table])
  closed.writeBigInt64LE(BigInt(closed.length - table.length), 14 + 32)
  // Packets that look good and are not, one inside the other's body: the search begins again after each.
  const false_ = Buffer.concat([packet(0, Buffer.from([4, 0x22, 0x4d, 0x18])), Buffer.alloc(8)])
  false_.writeInt32LE(60_000, 4)
  const rows = Array.from({ length: 400 }, () => false_)
  return [
    Buffer.concat(plain),
    Buffer.concat(lz4),
    Buffer.concat(zstd),
    closed,
    Buffer.concat([header('LZ4'), packet(0, fixture('linked.lz4'))]),
    Buffer.concat([header('LZ4'), ...rows, Buffer.alloc(60_000)]),
    Buffer.concat([header('ZSTD'), packet(0, bomb())]),
  ]
}

/** A Zstandard frame of 64 KiB blocks of one repeated byte: 4 bytes each, 64 MiB together. */
function bomb(): Buffer {
  const blocks = 512
  const frame = Buffer.alloc(9 + 4 * blocks)
  frame.writeUInt32LE(0xfd2fb528, 0)
  frame[4] = 0xa0
  frame.writeUInt32LE(blocks * 0x20000, 5)
  for (let i = 0; i < blocks; i++) {
    const last = i === blocks - 1 ? 1 : 0
    frame.writeUIntLE(last | (1 << 1) | (0x20000 << 3), 9 + 4 * i, 3)
    frame[12 + 4 * i] = 0x41
  }
  return frame
}

const TOKENS = [
  ...['IOHE', 'EVTS', 'FRME', 'IMUS', 'TRIG', 'FTAB', 'sizeX', '<node name="', '</node>', '&amp;'],
].map((text) => Buffer.from(text, 'latin1'))
TOKENS.push(
  Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7]),
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]),
  Buffer.from([0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]),
  Buffer.from([0, 0, 0, 0x80]),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
)
