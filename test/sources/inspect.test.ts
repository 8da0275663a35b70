import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { describeRecording, inspectRecording } from '../../src/sources/inspect.js'
import {
  DATA,
  eventsBody,
  header,
  packet,
  temporaryDirectory,
  writeFile,
} from './recording-helpers.js'

const TRAFFIC = join(DATA, 'davis346-traffic.aedat4')

t.test(
  'the report of a real recording',
  { skip: existsSync(TRAFFIC) ? false : `${TRAFFIC} is not here` },
  async (t) => {
    const report = await inspectRecording(TRAFFIC)
    t.match(report, {
      serial: '00000002',
      sensor: { width: 346, height: 260 },
      file: { compression: 'LZ4', table: { state: 'present' } },
      events: { count: 6676, xRange: [14, 334], yRange: [8, 245] },
      images: { count: 4, sizes: ['346x260'] },
      imu: { count: 160 },
      triggers: { count: 17 },
      problems: [],
    })
    t.equal(report.events.on + report.events.off, 6676)
    const text = describeRecording(report).join('\n')
    for (const part of [
      '6676',
      'DAVIS346_00000002',
      '53.4 % ON',
      '160 samples',
      'x 14–334',
      'problems  none',
      '2020-05-11',
    ]) {
      t.ok(text.includes(part), part)
    }
    t.same(JSON.parse(JSON.stringify(report)), report, 'a program can read it')
  },
)

t.test('an empty recording', async (t) => {
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'))
  const report = await inspectRecording(path)
  t.match(report, {
    firstUs: null,
    lastUs: null,
    durationUs: 0,
    events: { count: 0, xRange: null },
  })
  t.ok(describeRecording(report).includes('events    0'))
})

t.test('rates, peak and problems', async (t) => {
  const burst = Array.from({ length: 50 }, (_, i) => ({ t: 10_000 + i, x: i, y: 1, on: i & 1 }))
  const path = writeFile(
    temporaryDirectory(t),
    'a.aedat4',
    header('NONE'),
    packet(0, eventsBody(burst)),
    packet(
      0,
      eventsBody([
        { t: 110_000, x: 400, y: 0, on: 1 },
        { t: 110_000, x: 4, y: 2, on: 1 },
      ]),
    ),
    Buffer.alloc(40, 0xee),
  )
  const report = await inspectRecording(path)
  t.equal(report.durationUs, 100_000)
  t.equal(report.events.perSecond, 510)
  t.equal(report.events.peakPerSecond, 5000)
  t.equal(report.problems.length, 1)
  const text = describeRecording(report).join('\n')
  t.match(text, /problems {2}1\n {2}at byte \d+: /)
  t.match(text, /1 events lie off the sensor/)
  t.match(text, /40 bytes belong to no readable packet/)
  t.match(text, /no data table/)
})

t.test('an inspection can be given up', async (t) => {
  const path = writeFile(temporaryDirectory(t), 'a.aedat4', header('NONE'))
  await t.rejects(inspectRecording(path, AbortSignal.abort()), { name: 'AbortError' })
})
