import { parentPort, workerData } from 'node:worker_threads'
import { FrameWriter } from '../../src/pipeline/frame-pool.js'

/** The other thread of frame-pool.test.ts: commits windows whose every byte says which window it is. */
const { memory, windows, go } = workerData as {
  memory: SharedArrayBuffer
  windows: number
  go: SharedArrayBuffer
}
const writer = new FrameWriter(memory)
Atomics.wait(new Int32Array(go), 0, 0)
for (let seq = 0; seq < windows; seq++) {
  const planes = writer.claim()
  if (planes === undefined) continue
  planes.fill(seq & 255)
  writer.commit({
    seq,
    tStartUs: seq * 10,
    tEndUs: seq * 10 + 10,
    events: seq & 255,
    eventsIn: seq,
    gapUs: 0,
    broken: false,
    hostUs: seq,
  })
}
parentPort?.postMessage(writer.counters.snapshot())
