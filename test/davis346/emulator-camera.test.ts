import t from 'tap'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import {
  barsStimulus,
  type ScriptedEvent,
  type Stimulus,
  scriptedStimulus,
} from '../../src/davis346/emulator/stimulus.js'
import { REG } from '../../src/davis346/registers.js'
import { systemClock } from '../../src/events/time.js'
import { startCamera, WordWatcher, write } from '../contracts/camera-words.js'
import { StreamRecorder } from '../contracts/stream-recorder.js'

type CameraOptions = Parameters<typeof createEmulatedPort>[0]['cameras'][number]

async function opened(options: CameraOptions) {
  const port = createEmulatedPort({ cameras: [options], clock: systemClock })
  const camera = port.cameras[0]!
  const handle = await port.open(camera.info)
  await startCamera(handle)
  return { port, camera, handle }
}

const line = (count: number, stepUs: number): ScriptedEvent[] =>
  Array.from({ length: count }, (_, i) => ({ tUs: i * stepUs, x: i % 346, y: 7, on: i % 2 === 0 }))

/** Plays at the manual pace in steps of `stepUs` and returns every byte that arrived. */
async function record(stepUs: number): Promise<Buffer> {
  const stimulus = scriptedStimulus({ events: line(3000, 50) })
  const { port, camera, handle } = await opened({ stimulus, pace: 'manual' })
  const recorder = new StreamRecorder()
  const chunks: Buffer[] = []
  recorder.onTransfer = (data) => chunks.push(Buffer.from(data))
  handle.startBulkIn(recorder.options())
  for (let us = 0; us < 200_000; us += stepUs) camera.advance(stepUs)
  await port.close()
  return Buffer.concat(chunks)
}

t.test('manual pace: the same bytes however time is cut', async (t) => {
  const whole = await record(200_000)
  const watcher = new WordWatcher()
  watcher.take(whole)
  t.equal(watcher.events, 3000)
  t.equal(watcher.wraps, 6)
  t.ok(whole.equals(await record(1000)))
  t.ok(whole.equals(await record(12_500)))
})

t.test('fast pace: runs ahead while somebody reads, and loses nothing', async (t) => {
  const stimulus = scriptedStimulus({ events: line(200_000, 100) })
  const { port, handle } = await opened({ stimulus, pace: 'fast' })
  const since = systemClock.nowUs()
  const recorder = new StreamRecorder()
  const watcher = new WordWatcher()
  recorder.onTransfer = (data) => watcher.take(data)
  handle.startBulkIn(recorder.options())
  await recorder.until(() => watcher.events === 200_000)
  t.ok(watcher.wraps >= 610, 'twenty seconds of device time')
  t.ok(systemClock.nowUs() - since < 10e6)
  await port.close()
})

t.test('nobody reads: words are dropped and counted, and the stream stays whole', async (t) => {
  const stimulus = barsStimulus({ eventsPerSecond: 12e6 })
  const { port, camera, handle } = await opened({ stimulus, pace: 'manual' })
  await write(handle, REG.muxDropDvsOnStall, 1)
  camera.advance(50_000)
  const { muxStatisticsDvsDropped } = camera.model.registers.counters
  t.equal(muxStatisticsDvsDropped + 2 * camera.model.sentEvents, 2 * 600_000)
  t.ok(muxStatisticsDvsDropped > 1_000_000)
  const recorder = new StreamRecorder()
  const watcher = new WordWatcher()
  recorder.onTransfer = (data) => watcher.take(data)
  handle.startBulkIn(recorder.options({ transferBytes: 65_536 }))
  for (let i = 0; i < 100; i++) camera.advance(500)
  await port.close()
  t.equal(watcher.backwards, 0)
  t.equal(watcher.wraps, 3, 'every wrap was told')
})

t.test('a transfer ends when it is full or with a short packet', async (t) => {
  const stimulus = barsStimulus({ eventsPerSecond: 12e6 })
  const { port, camera, handle } = await opened({ stimulus, pace: 'manual' })
  const recorder = new StreamRecorder()
  handle.startBulkIn(recorder.options({ transferBytes: 65_536 }))
  camera.advance(20_000)
  t.ok(recorder.lengths.length >= 14)
  t.ok(
    recorder.lengths.every((length) => length === 65_536),
    'full at full rate',
  )
  await write(handle, REG.dvsRun, 0)
  camera.advance(100_000)
  t.ok(recorder.lengths.at(-1)! < 65_536, 'short when only time passes')
  await port.close()
})

t.test('faults: garbage is reproducible, a lost transfer leaves a hole, an odd byte', async (t) => {
  const { port, camera, handle } = await opened({ pace: 'manual' })
  const recorder = new StreamRecorder()
  const seen: Buffer[] = []
  recorder.onTransfer = (data) => seen.push(Buffer.from(data))
  handle.startBulkIn(recorder.options())
  for (const seed of [5, 5, 6]) {
    camera.faults.garbage(100, seed)
    camera.advance(1500)
  }
  t.equal(seen.length, 3)
  t.ok(seen[0]!.equals(seen[1]!))
  t.notOk(seen[0]!.equals(seen[2]!))
  camera.faults.loseTransfers(1)
  camera.faults.garbage(100, 7)
  camera.advance(1500)
  t.equal(seen.length, 3)
  camera.faults.garbage(10, 8)
  camera.faults.oddByte()
  camera.advance(1500)
  t.equal(seen.at(-1)!.length, 21)
  await port.close()
})

t.test('several cameras are told apart, also by place', async (t) => {
  const port = createEmulatedPort({
    cameras: [{ identity: { serial: 'A' } }, { identity: { serial: 'B' }, plugged: false }],
    clock: systemClock,
  })
  t.same(
    (await port.list()).map(({ serial }) => serial),
    ['A'],
  )
  await port.cameras[1]!.faults.plug()
  const [a, b] = await port.list()
  t.not(a!.busNumber, b!.busNumber)
  const handles = await Promise.all([port.open(a!), port.open(b!)])
  t.same(
    handles.map(({ info }) => info.serial),
    ['A', 'B'],
  )
  await port.close()
})

t.test('the stimulus goes on over unplug and replug, and pauses while nothing runs', async (t) => {
  const asked: number[] = []
  const stimulus: Stimulus = {
    next: (untilUs) => {
      asked.push(untilUs)
      return undefined
    },
  }
  const { port, camera, handle } = await opened({ stimulus, pace: 'manual' })
  camera.advance(10_000)
  await write(handle, REG.dvsRun, 0)
  camera.advance(50_000)
  t.equal(camera.model.stimulusUs, 10_000)
  await camera.faults.unplug()
  await camera.faults.plug()
  const again = await port.open(camera.info)
  await startCamera(again)
  camera.advance(5000)
  t.equal(camera.model.stimulusUs, 15_000)
  t.same(
    asked,
    [...asked].sort((a, b) => a - b),
    'in order',
  )
  t.ok(asked.every((untilUs) => untilUs % 1000 === 0))
  await port.close()
})

t.test('bars: rate, range, and nothing out of order', async (t) => {
  for (const eventsPerSecond of [1000, 1e6, 24e6]) {
    const period = barsStimulus({ eventsPerSecond }).period!
    t.equal(period.length, Math.floor(eventsPerSecond * 0.032768))
    for (let i = 1; i < period.length; i++) {
      if (period.dtUs[i]! < period.dtUs[i - 1]! || period.dtUs[i]! >= 32_768) t.fail('time')
      if (period.x[i]! >= 346 || period.y[i]! >= 260) t.fail('place')
    }
  }
  t.throws(() => barsStimulus({ eventsPerSecond: 0 }), RangeError)
  t.throws(() => barsStimulus({ eventsPerSecond: 25e6 }), RangeError)
})
