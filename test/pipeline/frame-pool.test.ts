import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { WindowHeader } from '../../src/pipeline/frame.js'
import { allocateFramePool, FrameReader, FrameWriter } from '../../src/pipeline/frame-pool.js'

const size = { width: 5, height: 3 }

function header(seq: number, change: Partial<WindowHeader> = {}): WindowHeader {
  return {
    seq,
    tStartUs: seq * 10_000,
    tEndUs: seq * 10_000 + 10_000,
    events: 3 * seq,
    eventsIn: 5 * seq,
    gapUs: 0,
    broken: false,
    hostUs: 1e12 + seq + 0.5,
    ...change,
  }
}

function pool(slots: number) {
  const memory = allocateFramePool({ size, slots })
  const writer = new FrameWriter(memory)
  const reader = new FrameReader(memory)
  const write = (seq: number, change?: Partial<WindowHeader>): boolean => {
    const planes = writer.claim()
    if (planes === undefined) return false
    planes.fill(seq)
    writer.commit(header(seq, change))
    return true
  }
  return { memory, writer, reader, write }
}

t.test('a frame arrives whole, with its header', async (t) => {
  const { reader, write } = pool(3)
  t.equal(reader.takeOldest(), undefined)
  t.equal(reader.takeNewest(), undefined)
  write(7, { gapUs: 12, broken: true })
  const frame = reader.takeOldest()!
  t.same(frame.header, header(7, { gapUs: 12, broken: true }))
  t.same({ width: frame.width, height: frame.height }, size)
  t.equal(frame.planes.length, 45)
  t.ok(frame.planes.every((v) => v === 7))
  t.same(reader.size, size)
})

t.test('oldest first, in order, for ever', async (t) => {
  const { reader, write } = pool(3)
  const seen: number[] = []
  for (let seq = 0; seq < 50; seq++) {
    write(seq)
    if (seq % 2 === 0) continue
    for (let f = reader.takeOldest(); f; f = reader.takeOldest()) {
      seen.push(f.header.seq)
      reader.release(f.slot)
    }
  }
  t.same(
    seen,
    Array.from({ length: 50 }, (_, i) => i),
  )
  t.same(reader.counters.snapshot(), { taken: 50, skipped: 0, missed: 0 })
})

t.test('newest passes over the older ones and gives them back', async (t) => {
  const { reader, write, writer } = pool(4)
  write(0)
  reader.release(reader.takeNewest()!.slot)
  write(1)
  write(2, { broken: true })
  write(3)
  t.equal(reader.ready, 3)
  const frame = reader.takeNewest()!
  t.match(frame.header, { seq: 3, broken: true, gapUs: 20_000 }, 'the skipped windows are a gap')
  t.equal(reader.ready, 0)
  t.same(reader.counters.snapshot(), { taken: 2, skipped: 2, missed: 0 })
  t.ok(write(4) && write(5) && write(6), 'three slots are free again')
  t.equal(writer.counters.snapshot().overwritten, 0)
  t.equal(frame.planes[0], 3, 'the taken one is untouched')
})

t.test('without a free slot the oldest untaken window goes, counted and passed on', async (t) => {
  const { reader, write, writer } = pool(3)
  write(0)
  const held = reader.takeOldest()!
  write(1, { broken: true })
  write(2)
  write(3)
  t.equal(writer.counters.snapshot().overwritten, 1)
  t.equal(held.planes[0], 0)
  const frames = [reader.takeOldest()!, reader.takeOldest()!]
  t.match(frames[0]?.header, { seq: 2, gapUs: 10_000, broken: false })
  t.match(frames[1]?.header, { seq: 3, gapUs: 0, broken: true })
  t.equal(reader.counters.snapshot().missed, 1)
  t.notOk(write(4), 'every slot is taken')
  t.equal(writer.counters.snapshot().refused, 1)
  reader.release(held.slot)
  reader.release(held.slot)
  t.ok(write(5))
  t.match(reader.takeOldest()?.header, { seq: 5, gapUs: 10_000 })
})

t.test('overlapping windows that are skipped leave no time unseen', async (t) => {
  const { reader, write } = pool(4)
  const overlap = (seq: number) => write(seq, { tStartUs: (seq - 2) * 10_000 })
  overlap(0)
  reader.release(reader.takeNewest()!.slot)
  for (const seq of [1, 2, 3]) overlap(seq)
  t.equal(reader.takeNewest()?.header.gapUs, 0)
})

t.test('a new reader frees what the one before it held', async (t) => {
  const { memory, reader, write } = pool(2)
  write(0)
  write(1)
  reader.takeOldest()
  reader.takeOldest()
  t.notOk(write(2))
  const successor = new FrameReader(memory)
  t.ok(write(3))
  t.equal(successor.takeOldest()?.header.seq, 3)
})

t.test('misuse is refused', async (t) => {
  t.throws(() => allocateFramePool({ size, slots: 1 }), RangeError)
  t.throws(() => pool(2).writer.commit(header(0)), /commit without claim/)
})

t.test(
  'two threads: no torn, repeated or reordered window, and every one accounted for',
  async (t) => {
    for (const take of ['takeOldest', 'takeNewest'] as const) {
      const windows = 20_000
      const memory = allocateFramePool({ size: { width: 64, height: 16 }, slots: 4 })
      const go = new SharedArrayBuffer(4)
      const reader = new FrameReader(memory)
      const worker = new Worker(new URL('./frame-pool-writer.js', import.meta.url), {
        workerData: { memory, windows, go },
      })
      let written: ReturnType<FrameWriter['counters']['snapshot']> | undefined
      worker.on('message', (counters) => {
        written = counters
      })
      Atomics.store(new Int32Array(go), 0, 1)
      Atomics.notify(new Int32Array(go), 0)
      let last = -1
      let torn = 0
      let disorder = 0
      const drain = (): void => {
        for (let frame = reader[take](); frame; frame = reader[take]()) {
          const { seq, events, eventsIn } = frame.header
          const expected = seq & 255
          if (events !== expected || eventsIn !== seq || frame.planes.some((v) => v !== expected))
            torn++
          if (seq <= last) disorder++
          last = seq
          reader.release(frame.slot)
        }
      }
      while (written === undefined) {
        drain()
        await new Promise((resolve) => setImmediate(resolve))
      }
      drain()
      await worker.terminate()
      t.equal(torn, 0)
      t.equal(disorder, 0)
      const { taken, skipped } = reader.counters.snapshot()
      t.equal(written.committed, taken + skipped + written.overwritten, take)
      t.equal(written.committed + written.refused, windows)
      t.ok(taken > 0)
    }
  },
)
