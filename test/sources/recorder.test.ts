import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createBatch } from '../../src/events/batch.js'
import type { ApsImage } from '../../src/events/signals.js'
import { createRecorder } from '../../src/sources/recorder.js'
import type { RecorderOptions } from '../../src/sources/recorder-options.js'
import { createRecordingSource } from '../../src/sources/recording.js'
import { DATA, leapingClock, play, stillClock, temporaryDirectory } from './recording-helpers.js'

const camera = { name: 'DAVIS346', serial: '00000489', size: { width: 346, height: 260 } }

function recorderAt(path: string, more: Partial<RecorderOptions> = {}) {
  const { limits, ...rest } = more
  return createRecorder({
    to: { path },
    camera,
    clock: stillClock().clock,
    tsOffsetUs: 0,
    ...rest,
    limits: { minFreeBytes: 0, ...limits },
  })
}

function batchOf(
  events: readonly { t: number; x?: number; y?: number; on?: number }[],
  hostUs = 0,
) {
  const batch = createBatch(events.length)
  batch.length = events.length
  batch.t0Us = events[0]?.t ?? 0
  batch.hostUs = hostUs
  for (const [i, event] of events.entries()) {
    batch.dtUs[i] = event.t - batch.t0Us
    batch.x[i] = event.x ?? i % 346
    batch.y[i] = event.y ?? i % 260
    batch.on[i] = event.on ?? i & 1
  }
  return batch
}

function imageAt(
  tUs: number,
  pixels: ApsImage['pixels'] = new Uint16Array(12).fill(4096),
): ApsImage {
  return {
    width: 4,
    height: 3,
    x: 0,
    y: 0,
    pixels,
    channels: 1,
    tUs,
    startOfFrameUs: tUs - 20,
    endOfFrameUs: tUs + 20,
    startOfExposureUs: tUs - 10,
    endOfExposureUs: tUs,
  }
}

for (const compression of ['LZ4', 'NONE'] as const) {
  t.test(`what is recorded is read back (${compression})`, async (t) => {
    const path = join(temporaryDirectory(t), 'a.aedat4')
    const recorder = await recorderAt(path, { compression })
    const events = Array.from({ length: 30_000 }, (_, i) => ({
      t: 1000 + 3 * i,
      x: i % 346,
      y: (i * 3) % 260,
      on: (i >> 2) & 1,
    }))
    for (let i = 0; i < events.length; i += 1000)
      recorder.events(batchOf(events.slice(i, i + 1000)))
    const imu = Array.from({ length: 100 }, (_, i) => ({
      tUs: 91_000 + 1000 * i,
      accel: [0.5, -1, i] as const,
      gyro: [i, 0.25, -2] as const,
      temperatureC: 31.5,
    }))
    for (const sample of imu) recorder.imu(sample)
    recorder.trigger({ tUs: 95_000, kind: 'external-rising' })
    recorder.trigger({ tUs: 96_000, kind: 'exposure-end' })
    recorder.image(imageAt(97_000))
    recorder.image(imageAt(98_000, new Uint8Array(12).fill(7)))
    await recorder.close()
    await recorder.close()
    t.match(recorder.status(), {
      stopped: undefined,
      failure: undefined,
      fileBytes: statSync(path).size,
    })

    const { heard, problems, facts, info } = await play(path)
    t.same(problems, [])
    t.equal(facts.compression, compression)
    t.equal(facts.table.state, 'present')
    t.equal(facts.table.entries, recorder.counters()['packets'])
    t.equal(info.serial, '00000489')
    t.same(heard.events, events)
    t.same(heard.imu, imu)
    t.same(heard.triggers, [
      { tUs: 95_000, kind: 'external-rising' },
      { tUs: 96_000, kind: 'exposure-end' },
    ])
    t.match(heard.images, [
      { ...imageAt(97_000), pixels: new Uint8Array(12).fill(16) },
      { ...imageAt(98_000), pixels: new Uint8Array(12).fill(7) },
    ])
    t.match(recorder.counters(), {
      events: 30_000,
      imuSamples: 100,
      triggers: 2,
      images: 2,
      eventsDropped: 0,
      timeAnchors: 1,
    })
  })
}

t.test('packets span at most 10 ms, and waiting data goes out as time passes', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const recorder = await recorderAt(path)
  recorder.events(batchOf([{ t: 0 }, { t: 9_999 }, { t: 10_000 }, { t: 35_000 }]))
  recorder.time(44_999, 0)
  const { promise, written } = grown(recorder, 2)
  await promise
  t.equal(written(), 2, 'the last event waits')
  recorder.time(45_000, 0)
  await grown(recorder, 3).promise
  await recorder.close()
  t.equal((await play(path)).counters['packets'], 3)
})

/** Resolves when the writer has appended `packets` packets. */
function grown(recorder: { counters(): Record<string, number> }, packets: number) {
  const written = () => recorder.counters()['packets']!
  const promise = (async () => {
    while (written() < packets) await new Promise(setImmediate)
  })()
  return { promise, written }
}

t.test('a tick of the clock brings out what waits', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const { clock, tick } = stillClock()
  const recorder = await recorderAt(path, { clock })
  recorder.trigger({ tUs: 5, kind: 'external-pulse' })
  tick()
  await grown(recorder, 1).promise
  const { heard, facts } = await play(path)
  t.same(heard.triggers, [{ tUs: 5, kind: 'external-pulse' }], 'readable while it is open')
  t.equal(facts.table.state, 'absent')
  await recorder.close()
})

t.test('file time is Unix time from when the data was received, and never goes back', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const { clock, state } = stillClock(2_000_000)
  const recorder = await createRecorder({
    to: { path },
    camera,
    clock,
    limits: { minFreeBytes: 0 },
  })
  const unixAt = (hostUs: number) => 1_700_000_000_000_000 + hostUs
  // Received 500 µs before it is recorded.
  recorder.events(batchOf([{ t: 70 }, { t: 100 }], 1_999_500))
  state.us = 3_000_000
  recorder.gap({ reason: 'reset', tUs: 0 })
  recorder.events(batchOf([{ t: 10 }, { t: 20 }], 3_000_000))
  // A restart that nobody announced.
  state.us = 8_000_000
  recorder.events(batchOf([{ t: 5_000_000 }], 8_000_000))
  recorder.events(batchOf([{ t: 1_000 }], 8_000_000))
  await recorder.close()
  const { heard, facts, counters } = await play(path)
  t.same(
    heard.events.map((e) => e.t),
    [
      unixAt(1_999_470),
      unixAt(1_999_500),
      unixAt(2_999_990),
      unixAt(3_000_000),
      unixAt(7_999_980),
      unixAt(8_000_000),
    ],
  )
  t.equal(facts.tsOffsetUs, unixAt(1_999_400))
  t.equal(counters['timeRestarts'], 0)
  t.equal(recorder.counters()['timeAnchors'], 3)
})

t.test('times that step back a little keep their order in the file', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const recorder = await recorderAt(path)
  recorder.events(batchOf([{ t: 5000 }]))
  recorder.events(batchOf([{ t: 4000 }, { t: 6000 }]))
  recorder.imu({ tUs: 5000, accel: [0, 0, 1], gyro: [0, 0, 0], temperatureC: 1 })
  recorder.imu({ tUs: 4900, accel: [0, 0, 1], gyro: [0, 0, 0], temperatureC: 1 })
  recorder.image(imageAt(5000))
  recorder.image(imageAt(4000))
  await recorder.close()
  const { heard } = await play(path)
  t.same(
    heard.events.map((e) => e.t),
    [5000, 5000, 6000],
  )
  t.same(
    heard.imu.map((s) => s.tUs),
    [5000, 5000],
  )
  t.same(
    heard.images.map((i) => i.tUs),
    [5000, 5000],
  )
  t.equal(recorder.counters()['backInTime'], 3)
})

t.test('a file cut at any byte, or flipped anywhere, keeps what is whole', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const recorder = await recorderAt(path)
  for (let i = 0; i < 6; i++) {
    recorder.events(batchOf(Array.from({ length: 20 }, (_, k) => ({ t: 10_000 * i + k }))))
    recorder.imu({ tUs: 10_000 * i, accel: [0, 0, 1], gyro: [0, 0, 0], temperatureC: i })
    recorder.gap({ reason: 'overrun' })
  }
  await recorder.close()
  const whole = readFileSync(path)
  const headerBytes = 18 + whole.readUInt32LE(14)
  // As a power cut leaves it: the table is not linked yet.
  const unlinked = Buffer.from(whole)
  unlinked.writeBigInt64LE(-1n, 46)
  writeFileSync(path, unlinked)
  let most = 120
  for (let length = whole.length; length >= headerBytes; length--) {
    truncateSync(path, length)
    const { heard, ended } = await play(path)
    const count = heard.events.length
    if (ended !== 'end' || count > most || count % 20 !== 0)
      t.fail(`cut at ${length}: ${count} events`)
    most = count
  }
  t.equal(most, 0)
  for (let at = headerBytes; at < whole.length; at += 7) {
    const flipped = Buffer.from(whole)
    flipped[at] = flipped[at]! ^ 0x41
    writeFileSync(path, flipped)
    const { heard } = await play(path)
    if (heard.events.length < 100) t.fail(`flip at ${at} cost ${120 - heard.events.length} events`)
  }
})

t.test('a killed recorder leaves a readable file', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const script = new URL('./recorder-child.js', import.meta.url).pathname
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { heard, facts, problems, counters } = await play(path)
  t.equal(facts.table.state, 'absent')
  t.ok(heard.events.length > 10_000)
  t.notOk(
    heard.events.some((e, n) => e.t !== 2 * n || e.x !== n % 346 || e.y !== (n * 7) % 260),
    'every event up to the cut is right',
  )
  t.ok(problems.length <= 1, 'at most the packet that was being written is cut')
  t.equal(counters['eventsBackInTime'], 0)
})

t.test('what the disk cannot take is dropped, newest first, and counted', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  // Room for two event packets.
  const recorder = await recorderAt(path, { limits: { maxQueueBytes: 300_000 } })
  for (let i = 0; i < 50; i++) recorder.events(batchOf([{ t: 10_000 * i }]))
  await recorder.close()
  const { heard, problems } = await play(path)
  const { events, eventsDropped } = recorder.counters()
  t.same(problems, [])
  t.equal(heard.events.length, events)
  t.equal(events! + eventsDropped!, 50)
  t.ok(eventsDropped! >= 40, 'the calling thread never waited')
  t.same(
    heard.events.slice(0, 2).map((e) => e.t),
    [0, 10_000],
  )
})

t.test('limits of size, duration and free space end a recording in order', async (t) => {
  const directory = temporaryDirectory(t)
  const sized = await recorderAt(join(directory, 'size.aedat4'), {
    compression: 'NONE',
    limits: { maxFileBytes: 20_000 },
  })
  for (let i = 0; i < 100; i++) {
    sized.events(batchOf(Array.from({ length: 50 }, (_, k) => ({ t: 10_000 * i + k }))))
    await grown(sized, Math.min(i, 5)).promise
  }
  await sized.close()
  t.equal(sized.status().stopped, 'size-limit')
  const played = await play(join(directory, 'size.aedat4'))
  t.equal(played.heard.events.length, sized.counters()['events'])
  t.equal(played.heard.events.length + sized.counters()['eventsDropped']!, 5000)
  t.equal(played.facts.table.state, 'present')

  const timed = await recorderAt(join(directory, 'time.aedat4'), {
    limits: { maxDurationUs: 50_000 },
  })
  for (let i = 0; i < 10; i++) timed.events(batchOf([{ t: 10_000 * i }]))
  timed.image(imageAt(100_000))
  timed.trigger({ tUs: 100_000, kind: 'external-rising' })
  await timed.close()
  t.match(timed.status(), { stopped: 'duration-limit', durationUs: 50_000 })
  t.equal((await play(join(directory, 'time.aedat4'))).heard.events.length, 6)
  t.match(timed.counters(), { eventsDropped: 4, imagesDropped: 1, triggersDropped: 1 })

  const { clock, tick } = stillClock()
  const full = await recorderAt(join(directory, 'full.aedat4'), {
    clock,
    limits: { minFreeBytes: Number.MAX_SAFE_INTEGER },
  })
  full.events(batchOf([{ t: 0 }]))
  tick()
  while (full.status().stopped === undefined) await new Promise(setImmediate)
  t.equal(full.status().stopped, 'disk-full')
  full.events(batchOf([{ t: 1 }]))
  t.equal(full.counters()['eventsDropped'], 1)
  await full.close()
  t.equal((await play(join(directory, 'full.aedat4'))).heard.events.length, 1)
})

t.test('a recording without data is a readable file', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const recorder = await recorderAt(path)
  await recorder.close()
  const { heard, problems } = await play(path)
  t.same([heard.events, problems], [[], []])
  recorder.events(batchOf([{ t: 0 }]))
  recorder.image(imageAt(0))
  t.match(
    recorder.counters(),
    { eventsDropped: 1, imagesDropped: 1 },
    'what comes later is counted',
  )
})

t.test('a failing disk ends the recording, not the program', async (t) => {
  const path = join(temporaryDirectory(t), 'a.aedat4')
  const recorder = await recorderAt(path)
  const { FileHandle } = await fileHandleClass()
  const { write } = FileHandle.prototype
  t.teardown(() => {
    FileHandle.prototype.write = write
  })
  recorder.events(batchOf([{ t: 0 }]))
  recorder.time(20_000, 0)
  await grown(recorder, 1).promise
  FileHandle.prototype.write = () => Promise.reject(new Error('ENOSPC: no space left on device'))
  recorder.events(batchOf([{ t: 30_000 }]))
  recorder.time(50_000, 0)
  while (recorder.status().stopped === undefined) await new Promise(setImmediate)
  FileHandle.prototype.write = write
  t.match(recorder.status(), { stopped: 'write-failed', failure: /ENOSPC/ })
  recorder.events(batchOf([{ t: 60_000 }]))
  await recorder.close()
  t.match(recorder.counters(), { events: 1, eventsDropped: 2 })
  const { heard, problems } = await play(path)
  t.same([heard.events.length, problems], [1, []])
})

/** node:fs/promises does not export the class of its handles. */
async function fileHandleClass() {
  const { open } = await import('node:fs/promises')
  const handle = await open('/dev/null')
  await handle.close()
  return { FileHandle: handle.constructor as unknown as { prototype: { write: unknown } } }
}

t.test('where a recording cannot be made', async (t) => {
  const directory = temporaryDirectory(t)
  const taken = join(directory, 'taken.aedat4')
  writeFileSync(taken, 'precious')
  for (const path of [taken, join(directory, 'no/such/dir.aedat4'), join(directory, 'name.dat')]) {
    await t.rejects(recorderAt(path), { code: 'CONFIG_INVALID', next: /\w/, data: { path } })
  }
  t.equal(readFileSync(taken, 'utf8'), 'precious')
})

t.test('in a directory it is named after the camera and the time', async (t) => {
  const directory = join(temporaryDirectory(t), 'recordings')
  mkdirSync(directory)
  const recorder = await createRecorder({
    to: { directory },
    camera: { ...camera, serial: '../evil' },
    clock: stillClock().clock,
  })
  await recorder.close()
  t.same(readdirSync(directory), ['DAVIS346_---evil-20231114T221321.000Z.aedat4'])
})

t.test('a recording recorded again is the same recording', async (t) => {
  const original = join(DATA, 'davis346-traffic.aedat4')
  if (!existsSync(original)) return void t.pass(`skipped: ${original} is not here`)
  const path = join(temporaryDirectory(t), 'copy.aedat4')
  const recorder = await recorderAt(path)
  const source = await createRecordingSource({
    path: original,
    pace: 'fast',
    clock: leapingClock().clock,
  })
  await source.run(recorder, new AbortController().signal)
  await source.close()
  await recorder.close()
  const [a, b] = [await play(original), await play(path)]
  t.same(b.heard.events, a.heard.events)
  t.same(b.heard.imu, a.heard.imu)
  t.same(b.heard.triggers, a.heard.triggers)
  t.equal(b.heard.images.length, 4)
  t.ok(
    b.heard.images.every(
      (image, i) =>
        Buffer.compare(image.pixels as Uint8Array, a.heard.images[i]!.pixels as Uint8Array) === 0,
    ),
  )
  t.same(b.problems, [])
})
