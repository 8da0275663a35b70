import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createRecordingSource } from '../../src/sources/recording.js'
import {
  DATA,
  eventsBody,
  header,
  leapingClock,
  listener,
  packet,
  play,
  temporaryDirectory,
  writeFile,
} from './recording-helpers.js'

const TRAFFIC = join(DATA, 'davis346-traffic.aedat4')
const never = new AbortController().signal

function on(t: number, x = 1, y = 1) {
  return { t, x, y, on: 1 }
}

t.test(
  'a recording of a real camera',
  { skip: existsSync(TRAFFIC) ? false : `${TRAFFIC} is not here` },
  async (t) => {
    const { heard, info, facts, problems, counters } = await play(TRAFFIC)
    t.equal(heard.events.length, 6676)
    t.equal(heard.images.length, 4)
    t.equal(heard.imu.length, 160)
    t.equal(heard.triggers.length, 17)
    t.same(problems, [])
    t.same(info.size, { width: 346, height: 260 })
    t.equal(info.serial, '00000002')
    t.equal(facts.compression, 'LZ4')
    t.equal(facts.camera, 'DAVIS346_00000002')
    t.same(facts.table, { state: 'present', entries: 17 + 4 + 16 + 13 })
    t.equal(counters['packets'], 17 + 4 + 16 + 13)
    t.equal(Math.min(...heard.events.map((e) => e.x)), 14)
    t.equal(Math.max(...heard.events.map((e) => e.x)), 334)
    t.equal(Math.min(...heard.events.map((e) => e.y)), 8)
    t.equal(Math.max(...heard.events.map((e) => e.y)), 245)
    const share = heard.events.filter((e) => e.on === 1).length / heard.events.length
    t.equal((100 * share).toFixed(1), '53.4')
    t.notOk(
      heard.events.some((e, i) => i > 0 && e.t < heard.events[i - 1]!.t),
      'time never goes back',
    )
    for (const image of heard.images) {
      t.same([image.width, image.height, image.channels], [346, 260, 1])
      t.equal(image.pixels.length, 346 * 260)
      t.ok(image.endOfExposureUs > image.startOfExposureUs)
    }
    // A camera at rest feels 1 g.
    for (const { accel } of heard.imu) t.ok(Math.abs(Math.hypot(...accel) - 1) < 0.2)
  },
)

t.test('batches are filled to their capacity and split where they end', async (t) => {
  const events = Array.from({ length: 10 }, (_, i) => on(1000 + i, i))
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    packet(0, eventsBody(events)),
  )
  const source = await createRecordingSource({
    path,
    pace: 'fast',
    clock: leapingClock().clock,
    batchEvents: 4,
  })
  const { heard, sink } = listener()
  t.equal(await source.run(sink, never), 'end')
  t.same(heard.batchSizes, [4, 4, 2])
  t.same(heard.events, events)
  t.same(heard.times, [1009], 'time is told at the end')
  t.equal(await source.run(sink, never), 'end', 'it can be played again')
  t.equal(heard.events.length, 20)
  t.equal(source.counters()['events'], 10, 'and counts anew')
  await source.close()
  await source.close()
})

t.test('events off the sensor, with impossible times, or back in time', async (t) => {
  const body = eventsBody([
    on(1000),
    on(1001, 346),
    on(1002, -1),
    on(1003, 5, 260),
    on(900, 2),
    on(-5),
    on(2 ** 53 + 2),
    on(1004, 345, 259),
  ])
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'), packet(0, body))
  const { heard, counters, problems } = await play(path)
  t.same(heard.events, [on(1000), on(1000, 2), on(1004, 345, 259)])
  t.match(counters, { eventsOffSensor: 3, eventsBadTime: 2, eventsBackInTime: 1, timeRestarts: 0 })
  t.same(problems, [])
})

t.test(
  'a restart of time is a gap, and one damaged timestamp does not hold the rest',
  async (t) => {
    const body = eventsBody([on(5e6), on(5e6 + 1), on(100), on(101), on(2 ** 50), on(102)])
    const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'), packet(0, body))
    const { heard, counters } = await play(path)
    t.same(
      heard.events.map((e) => e.t),
      [5e6, 5e6 + 1, 100, 101, 2 ** 50, 102],
    )
    t.same(
      heard.gaps,
      [100, 2 ** 50, 102].map((tUs) => ({ reason: 'reset', tUs })),
    )
    t.same(heard.batchSizes, [2, 2, 1, 1])
    t.equal(counters['timeRestarts'], 3)
  },
)

t.test('an absurd sensor is refused', async (t) => {
  const bytes = header('NONE')
  const text = bytes.toString('latin1').replaceAll('int">346<', 'int">9e9<')
  const absurd = bytes.toString('latin1').replaceAll('int">346<', 'int">9999<')
  const directory = temporaryDirectory(t)
  const unreadable = writeFile(directory, 'a.aedat4', Buffer.from(text, 'latin1'))
  t.same((await play(unreadable)).info.size, { width: 346, height: 260 })
  const body = Buffer.from(absurd, 'latin1')
  // Two digits more in the text of each of two streams, taken from its trailing spaces.
  const path = writeFile(directory, 'b.aedat4', fitHeader(body))
  await t.rejects(play(path), { code: 'RECORDING_CORRUPT', data: { width: 9999 } })
})

/** Corrects a header's lengths after its text grew. */
function fitHeader(bytes: Buffer): Buffer {
  const at = 14 + 48
  const end = bytes.lastIndexOf('</dv>') + 5
  bytes.writeUInt32LE(end - at - 4, at)
  bytes.writeUInt32LE(bytes.length - 18, 14)
  return bytes
}

t.test('at real pace each batch comes when it is due', async (t) => {
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    packet(0, eventsBody([on(1_000_000)])),
    packet(0, eventsBody([on(1_000_400), on(1_010_000)])),
    packet(0, eventsBody([on(1_050_000)])),
    packet(0, eventsBody([on(500)])),
    packet(0, eventsBody([on(20_500)])),
  )
  const { clock, state } = leapingClock()
  const source = await createRecordingSource({ path, pace: 'real', clock })
  const { sink } = listener()
  const due: [number, number][] = []
  const startUs = state.us
  const listening = {
    ...sink,
    events: (batch: Parameters<typeof sink.events>[0]) => {
      due.push([batch.t0Us, batch.hostUs - startUs])
    },
  }
  t.equal(await source.run(listening, never), 'end')
  t.same(due, [
    [1_000_000, 0],
    [1_000_400, 10_000],
    [1_050_000, 50_000],
    [500, 50_000],
    [20_500, 70_000],
  ])
  await source.close()
})

t.test('an abort ends a run between batches, and while it waits', async (t) => {
  const packets = Array.from({ length: 100 }, (_, i) =>
    packet(0, eventsBody([on(1000 + i * 5000)])),
  )
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'), ...packets)
  for (const pace of ['fast', 'real'] as const) {
    const { clock } = leapingClock()
    const source = await createRecordingSource({ path, pace, clock })
    const controller = new AbortController()
    let batches = 0
    const { sink } = listener()
    const ended = await source.run(
      {
        ...sink,
        events: () => {
          if (++batches === 20) controller.abort()
        },
      },
      controller.signal,
    )
    t.equal(ended, 'aborted')
    t.ok(batches < 40)
    t.equal(await source.run(sink, AbortSignal.abort()), 'aborted')
    await source.close()
  }
})

t.test('a sink that is busy is waited for, and its error is its own', async (t) => {
  const packets = [1, 2, 3].map((i) => packet(0, eventsBody([on(1000 * i)])))
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'), ...packets)
  const source = await createRecordingSource({ path, pace: 'fast', clock: leapingClock().clock })
  const { sink } = listener()
  let open = 0
  let most = 0
  await source.run(
    {
      ...sink,
      events: async () => {
        most = Math.max(most, ++open)
        await new Promise(setImmediate)
        open--
      },
    },
    never,
  )
  t.equal(most, 1)
  await t.rejects(
    source.run(
      {
        ...sink,
        events: () => {
          throw new Error('the sink broke')
        },
      },
      never,
    ),
    { message: 'the sink broke' },
  )
  t.same(source.problems(), [])
  await source.close()
})

t.test('the event loop turns while a fast replay runs', async (t) => {
  const packets = Array.from({ length: 200 }, (_, i) => packet(0, eventsBody([on(1000 + i)])))
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'), ...packets)
  const source = await createRecordingSource({ path, pace: 'fast', clock: leapingClock().clock })
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  await source.run(listener().sink, never)
  clearImmediate(immediate)
  t.ok(turns >= 20)
  await source.close()
})
