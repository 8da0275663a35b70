import { inspectRecording, type RecordingReport } from '../sources/inspect.js'
import { print, printJson } from './output.js'

export async function info(file: string, options: { json?: boolean }): Promise<void> {
  const report = await inspectRecording(file)
  if (options.json) printJson(report)
  else for (const line of describe(report)) print(line)
}

function* describe(report: RecordingReport): Generator<string> {
  const { file, events, images, imu, triggers, sensor } = report
  const per = (rate: number) =>
    rate >= 1e6
      ? `${(rate / 1e6).toFixed(2)} M/s`
      : rate >= 1e4
        ? `${(rate / 1e3).toFixed(1)} k/s`
        : `${rate.toFixed(1)} /s`
  const row = (name: string, text: string) => `${`${name}:`.padEnd(13)}${text}`
  yield row(
    'file',
    `${file.path}, ${(file.fileBytes / 1e6).toFixed(2)} MB, AEDAT4, compression ${file.compression}`,
  )
  yield row(
    'data table',
    `${file.table.state}${file.table.state === 'present' ? `, ${file.table.entries} packets` : ''}`,
  )
  yield row('camera', `${file.camera ?? 'not named'}, ${sensor.width} x ${sensor.height} pixels`)
  if (report.firstUs !== null && report.lastUs !== null) {
    yield row(
      'time',
      `${report.firstUs} to ${report.lastUs} us, ${(report.durationUs / 1e6).toFixed(3)} s`,
    )
  }
  const share = events.count > 0 ? `, ${((100 * events.on) / events.count).toFixed(1)} % ON` : ''
  yield row(
    'events',
    `${events.count} (${per(events.perSecond)}, busiest 10 ms ${per(events.peakPerSecond)}${share})`,
  )
  if (events.xRange !== null && events.yRange !== null) {
    yield row('region', `x ${events.xRange.join('–')}, y ${events.yRange.join('–')}`)
  }
  yield row(
    'images',
    `${images.count}${images.count > 0 ? ` (${per(images.perSecond)}; ${images.sizes.join(', ')})` : ''}`,
  )
  yield row('imu samples', `${imu.count}${imu.count > 0 ? ` (${per(imu.perSecond)})` : ''}`)
  const kinds = Object.entries(triggers.kinds).map(([kind, n]) => `${kind} ${n}`)
  yield row('triggers', `${triggers.count}${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`)
  if (file.ignoredStreams.length > 0)
    yield row('not read', `streams ${file.ignoredStreams.join(', ')}`)
  for (const problem of report.problems)
    yield row('problem', `at byte ${problem.offset}: ${problem.message}`)
}
