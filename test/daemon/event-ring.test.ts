import { Worker } from 'node:worker_threads'
import t from 'tap'
import { createEventRing, EventRingReader, EventRingWriter } from '../../src/daemon/event-ring.js'
import { createBatch, type EventBatch } from '../../src/events/batch.js'

const SIZE = { width: 346, height: 260 }

function batchOf(times: readonly number[]): EventBatch {
  const batch = createBatch(Math.max(1, times.length))
  batch.t0Us = times[0] ?? 0
  batch.length = times.length
  times.forEach((tUs, i) => {
    batch.dtUs[i] = tUs - batch.t0Us
    batch.x[i] = i % SIZE.width
    batch.y[i] = 3
    batch.on[i] = i & 1
  })
  return batch
}

t.test('a batch comes out when its time has come, not before', async (t) => {
  const ring = createEventRing(SIZE)
  const writer = new EventRingWriter(ring)
  const reader = new EventRingReader(ring)
  writer.write(batchOf([10, 20, 900]), 1000)
  writer.write(batchOf([]), 2000)
  writer.write(batchOf([2100]), 3000)
  const first = reader.next(1000)
  t.equal(first?.length, 3)
  t.equal(first!.t0Us + first!.dtUs[2]!, 900)
  t.equal(first!.on[1], 1)
  t.equal(reader.next(2000), undefined, 'an empty chunk is no batch')
  t.equal(reader.late, 0)
  t.equal(reader.next(3000)?.t0Us, 2100)
})

t.test('a batch larger than a chunk arrives whole, in pieces', async (t) => {
  const ring = createEventRing(SIZE)
  const writer = new EventRingWriter(ring)
  const reader = new EventRingReader(ring)
  const times = Array.from({ length: 20_000 }, (_, i) => i >> 5)
  writer.write(batchOf(times), 1000)
  let seen = 0
  for (let batch = reader.next(1000); batch !== undefined; batch = reader.next(1000)) {
    for (let i = 0; i < batch.length; i++) {
      if (batch.t0Us + batch.dtUs[i]! !== times[seen]) t.fail(`event ${seen}`)
      seen++
    }
    if (seen === times.length) break
  }
  t.equal(seen, times.length)
})

t.test('a reader that finds nothing counts it; a closed ring frees the writer', async (t) => {
  const ring = createEventRing(SIZE)
  const reader = new EventRingReader(ring)
  t.equal(reader.next(1000), undefined)
  t.equal(reader.late, 1)
  const module = new URL('../../src/daemon/event-ring.js', import.meta.url).href
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     import(${JSON.stringify(module)}).then(({ EventRingWriter }) => {
       const writer = new EventRingWriter(workerData);
       const empty = { length: 0, dtUs: new Uint32Array(0), x: new Uint16Array(0), y: new Uint16Array(0), on: new Uint8Array(0), t0Us: 0 };
       let written = 0;
       while (writer.write(empty, ++written * 1000) === 'written');
       parentPort.postMessage(written);
     });`,
    { eval: true, workerData: ring },
  )
  const written = new Promise<number>((resolve) => worker.once('message', resolve))
  await new Promise((resolve) => worker.once('online', resolve))
  reader.close()
  t.ok((await written) >= 1, 'the writer came back')
})

t.test('biases go the other way, once each, whole', async (t) => {
  const ring = createEventRing(SIZE)
  const writer = new EventRingWriter(ring)
  const reader = new EventRingReader(ring)
  t.equal(writer.bias(), undefined)
  const response = { onThreshold: 0.31, offThreshold: 0.27, refractoryUs: 12.5, bandwidthHz: 99 }
  reader.bias({ ...response, onThreshold: 1 })
  reader.bias(response)
  t.same(writer.bias(), response, 'the newest')
  t.equal(writer.bias(), undefined, 'and only once')
  writer.write(batchOf([10]), 1000)
  t.equal(reader.next(1000)?.length, 1, 'events are as before')
})
