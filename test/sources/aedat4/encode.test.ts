import t from 'tap'
import { createBatch } from '../../../src/events/batch.js'
import {
  encodeImage,
  encodeImu,
  encodeTable,
  encodeTriggers,
} from '../../../src/sources/aedat4/encode.js'
import { EventPacker } from '../../../src/sources/aedat4/event-packer.js'
import { eventsBody } from '../recording-helpers.js'

/** A vtable as the words at `at`. */
function words(bytes: Buffer, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => bytes.readUInt16LE(at + 2 * i))
}

t.test('an events packet has the layout of the format, byte for byte', (t) => {
  const packets: Uint8Array[] = []
  const packer = new EventPacker({ size: { width: 346, height: 260 }, spanUs: 10_000 }, (packet) =>
    packets.push(packet.bytes.slice()),
  )
  const batch = createBatch(4)
  batch.length = 4
  batch.t0Us = 123
  batch.dtUs.set([0, 5, 5, 9])
  batch.x.set([0, 345, 346, 7])
  batch.y.set([0, 259, 3, 8])
  batch.on.set([1, 0, 1, 1])
  const offsetUs = 1_600_000_000_000_000
  t.equal(packer.add(batch, offsetUs), 3)
  packer.flush()
  packer.flush()
  t.equal(packets.length, 1, 'there are no empty packets')
  t.equal(packer.offSensor, 1)
  t.same(
    Buffer.from(packets[0]!),
    eventsBody([
      { t: offsetUs + 123, x: 0, y: 0, on: 1 },
      { t: offsetUs + 128, x: 345, y: 259, on: 0 },
      { t: offsetUs + 132, x: 7, y: 8, on: 1 },
    ]),
  )
  t.end()
})

t.test('an image packet', (t) => {
  const bytes = encodeImage(
    {
      width: 3,
      height: 1,
      x: 10,
      y: 20,
      pixels: Uint16Array.of(0, 256, 65472),
      channels: 1,
      tUs: 5,
      startOfFrameUs: 1,
      endOfFrameUs: 9,
      startOfExposureUs: 2,
      endOfExposureUs: 6,
    },
    100,
  )
  t.equal(bytes.length, 120)
  t.equal(bytes.readUInt32LE(0), 116)
  t.equal(bytes.readUInt32LE(4), 40)
  t.equal(bytes.toString('latin1', 8, 12), 'FRME')
  t.same(words(bytes, 14, 15), [30, 68, 4, 12, 20, 28, 36, 60, 52, 54, 56, 58, 64, 44, 61])
  t.equal(bytes.readInt32LE(44), 30)
  t.same(
    [48, 56, 64, 72, 80, 88].map((at) => Number(bytes.readBigInt64LE(at))),
    [105, 101, 109, 102, 106, 4],
  )
  t.same(words(bytes, 96, 4), [3, 1, 10, 20])
  t.same([bytes[104], bytes[105]], [0, 1], 'gray, from the sensor')
  t.same([bytes.readUInt32LE(108), bytes.readUInt32LE(112)], [4, 3])
  t.same([...bytes.subarray(116, 119)], [0, 1, 255])
  t.end()
})

t.test('IMU, trigger and table packets keep every 64-bit number aligned', (t) => {
  const kinds = [
    { name: 'IMUS', vtable: [26, 52, 4, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48], stride: 56 },
    { name: 'TRIG', vtable: [8, 16, 4, 12], stride: 16 },
    { name: 'FTAB', vtable: [14, 44, 4, 36, 12, 20, 28], stride: 48 },
  ]
  const rows = new Float64Array(8 * 32).map((_, i) => i + 1)
  for (const { name, vtable, stride } of kinds) {
    for (let count = 1; count <= 5; count++) {
      const encode = { IMUS: encodeImu, TRIG: encodeTriggers, FTAB: encodeTable }[name]!
      const bytes = encode(rows, count)
      t.equal(bytes.length % 8, 0)
      t.equal(bytes.readUInt32LE(0), bytes.length - 4)
      t.equal(bytes.toString('latin1', 8, 12), name)
      t.same(words(bytes, 14, 3), [6, 8, 4])
      t.same(
        [4, 20, 24, 28].map((at) => bytes.readUInt32LE(at)),
        [16, 6, 4, count],
      )
      const first = 32 + bytes.readUInt32LE(32)
      t.equal(first % 8, 4, `${name}: the number behind the table's first word is aligned`)
      t.same(words(bytes, first - 2 * vtable.length, vtable.length), vtable)
      for (let i = 0; i < count; i++) {
        const table = 32 + 4 * i + bytes.readUInt32LE(32 + 4 * i)
        t.equal(table, first + stride * i)
        t.equal(table - bytes.readInt32LE(table), first - 2 * vtable.length)
      }
    }
  }
  t.end()
})

t.test('fields of IMU, trigger and table packets', (t) => {
  const imu = encodeImu(Float64Array.of(-7, 30, 0.5, 1, 2, 3, 4, 5), 1)
  const at = 32 + imu.readUInt32LE(32)
  t.equal(imu.readBigInt64LE(at + 4), -7n)
  t.same(
    Array.from({ length: 10 }, (_, i) => imu.readFloatLE(at + 12 + 4 * i)),
    [30, 0.5, 1, 2, 3, 4, 5, 0, 0, 0],
  )
  const trigger = encodeTriggers(Float64Array.of(2 ** 40 + 1, 9), 1)
  const triggerAt = 32 + trigger.readUInt32LE(32)
  t.equal(trigger.readBigInt64LE(triggerAt + 4), 2n ** 40n + 1n)
  t.equal(trigger[triggerAt + 12], 9)
  const table = encodeTable(Float64Array.of(2 ** 33, 3, 500, 17, 1000, 2000), 1)
  const tableAt = 32 + table.readUInt32LE(32)
  t.same(
    [4, 12, 20, 28].map((offset) => Number(table.readBigInt64LE(tableAt + offset))),
    [2 ** 33, 17, 1000, 2000],
  )
  t.same([table.readInt32LE(tableAt + 36), table.readInt32LE(tableAt + 40)], [3, 500])
  t.end()
})
