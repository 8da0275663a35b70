import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTextEventsSource } from '../../src/sources/text-events.js'
import { leapingClock, listener, temporaryDirectory } from './recording-helpers.js'

const root = temporaryDirectory(t)
const { clock } = leapingClock()

async function read(text: string) {
  const path = join(root, 'events.txt')
  writeFileSync(path, text)
  const source = await createTextEventsSource({ path, clock })
  const { heard, sink } = listener()
  const ended = await source.run(sink, new AbortController().signal)
  await source.close()
  return { heard, ended, counters: source.counters(), size: source.info.size }
}

t.test('microseconds and seconds, 0/1 and -1/1, spaces and commas', async (t) => {
  const micros = await read('# t x y p\n100 1 2 1\r\n250,3,4,0\n')
  t.same(micros.heard.events, [
    { t: 100, x: 1, y: 2, on: 1 },
    { t: 250, x: 3, y: 4, on: 0 },
  ])
  t.same(micros.heard.times, [250], 'the end of the file is told')
  t.equal(micros.ended, 'end')
  const seconds = await read('0.000100 1 2 1\n1 3 4 -1\n')
  t.same(seconds.heard.events, [
    { t: 100, x: 1, y: 2, on: 1 },
    { t: 1_000_000, x: 3, y: 4, on: 0 },
  ])
})

t.test('a first line of names or of the sensor size', async (t) => {
  const named = await read('t,x,y,p\n1,2,3,1\n')
  t.equal(named.counters['badLines'], 0)
  t.same(named.size, { width: 346, height: 260 })
  const sized = await read('64 48\n1 63 47 1\n2 64 47 1\n3 63 48 1\n')
  t.same(sized.size, { width: 64, height: 48 })
  t.match(sized.counters, { events: 1, eventsOffSensor: 2, badLines: 0 })
})

t.test('what is no event is left out and counted', async (t) => {
  const { counters, heard } = await read(
    '10 1 1 1\n10 1 1\n20 1.5 1 1\nx 1 1 1\n5 1 1 1\n30 -1 1 1\n40 2 2 0\n',
  )
  t.match(counters, { events: 2, badLines: 3, eventsBackInTime: 1, eventsOffSensor: 1 })
  t.same(
    heard.events.map((event) => event.t),
    [10, 40],
  )
})

t.test('long files come in batches, pauses too', async (t) => {
  const rows = Array.from({ length: 20_000 }, (_, i) => `${i * 10} ${i % 346} ${i % 260} ${i % 2}`)
  const { heard } = await read(`${rows.join('\n')}\n5000000000 1 1 1\n`)
  t.equal(heard.events.length, 20_001)
  t.same(heard.events[12_345], { t: 123_450, x: 12_345 % 346, y: 12_345 % 260, on: 1 })
  t.equal(heard.events.at(-1)?.t, 5_000_000_000, 'beyond 32 bits of microseconds')
  t.ok(heard.batchSizes.length >= 3)
})

t.test('files without events and no files', async (t) => {
  await t.rejects(read(''), { code: 'RECORDING_CORRUPT' })
  await t.rejects(read('some\nprose\n'), { code: 'RECORDING_CORRUPT' })
  const absent = createTextEventsSource({ path: join(root, 'absent.txt'), clock })
  await t.rejects(absent, { code: 'RECORDING_CORRUPT' })
  const folder = createTextEventsSource({ path: root, clock })
  await t.rejects(folder, { code: 'RECORDING_CORRUPT' })
})

t.test('an error of the sink is its own, and a signal ends reading', async (t) => {
  const path = join(root, 'events.txt')
  writeFileSync(path, '1 1 1 1\n2 1 1 1\n')
  const source = await createTextEventsSource({ path, clock })
  const { sink } = listener()
  const failing = { ...sink, events: async () => Promise.reject(new TypeError('mine')) }
  await t.rejects(source.run(failing, new AbortController().signal), { message: 'mine' })
  t.equal(await source.run(sink, AbortSignal.abort()), 'aborted')
})
