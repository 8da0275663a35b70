import type { EventBatch } from '../events/batch.js'
import { TRIGGER_KINDS, type TriggerKind } from '../events/signals.js'
import { systemClock } from '../events/time.js'
import type { Problem } from './aedat4/format.js'
import { createRecordingSource, type RecordingFacts } from './recording.js'

/** All that `evtrackd info FILE` says. Times in file microseconds; null where there is nothing to measure. */
export interface RecordingReport {
  readonly file: RecordingFacts
  readonly sensor: { readonly width: number; readonly height: number }
  readonly serial: string | null
  readonly firstUs: number | null
  readonly lastUs: number | null
  readonly durationUs: number
  readonly events: {
    readonly count: number
    readonly on: number
    readonly off: number
    readonly perSecond: number
    /** Rate in the busiest 10 ms. */
    readonly peakPerSecond: number
    readonly xRange: readonly [number, number] | null
    readonly yRange: readonly [number, number] | null
  }
  readonly images: { readonly count: number; readonly perSecond: number; readonly sizes: string[] }
  readonly imu: { readonly count: number; readonly perSecond: number }
  readonly triggers: {
    readonly count: number
    readonly kinds: Partial<Record<TriggerKind, number>>
  }
  readonly counters: Record<string, number>
  readonly problems: readonly Problem[]
}

const PEAK_WINDOW_US = 10_000

/** Reads a whole recording, in bounded memory, and reports what is in it. Rejects as createRecordingSource does. */
export async function inspectRecording(
  path: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<RecordingReport> {
  const source = await createRecordingSource({ path, pace: 'fast', clock: systemClock })
  try {
    const span = { firstUs: Number.POSITIVE_INFINITY, lastUs: Number.NEGATIVE_INFINITY }
    const events = createEventTally()
    const sizes = new Set<string>()
    const kinds = new Array<number>(TRIGGER_KINDS.length).fill(0)
    const reach = (tUs: number) => {
      if (tUs < span.firstUs) span.firstUs = tUs
      if (tUs > span.lastUs) span.lastUs = tUs
    }
    const ended = await source.run(
      {
        events: (batch) => {
          events.add(batch)
          reach(batch.t0Us)
          reach(batch.t0Us + batch.dtUs[batch.length - 1]!)
        },
        time: () => {},
        gap: () => {},
        image: (image) => {
          reach(image.tUs)
          if (sizes.size < MAX_IMAGE_SIZES) sizes.add(imageSize(image))
        },
        imu: (sample) => reach(sample.tUs),
        trigger: (trigger) => {
          reach(trigger.tUs)
          kinds[TRIGGER_KINDS.indexOf(trigger.kind)]!++
        },
      },
      signal,
    )
    if (ended === 'aborted') signal.throwIfAborted()
    const counters = source.counters()
    const durationUs = Math.max(0, span.lastUs - span.firstUs) || 0
    const perSecond = (count: number) => (durationUs > 0 ? (count * 1e6) / durationUs : 0)
    const count = (name: string) => counters[name] ?? 0
    const empty = span.lastUs < span.firstUs
    return {
      file: source.facts,
      sensor: source.info.size,
      serial: source.info.serial ?? null,
      firstUs: empty ? null : span.firstUs,
      lastUs: empty ? null : span.lastUs,
      durationUs: empty ? 0 : durationUs,
      events: { ...events.result(), perSecond: perSecond(count('events')) },
      images: {
        count: count('images'),
        perSecond: perSecond(count('images')),
        sizes: [...sizes],
      },
      imu: { count: count('imuSamples'), perSecond: perSecond(count('imuSamples')) },
      triggers: {
        count: count('triggers'),
        kinds: Object.fromEntries(
          TRIGGER_KINDS.map((kind, i) => [kind, kinds[i]!] as const).filter(([, n]) => n > 0),
        ),
      },
      counters,
      problems: source.problems(),
    }
  } finally {
    await source.close()
  }
}

/** Image sizes listed at most; a camera has one, or one per region of interest. */
const MAX_IMAGE_SIZES = 16

function imageSize(image: { width: number; height: number; channels: number }): string {
  return `${image.width}x${image.height}${image.channels === 1 ? '' : ` ${image.channels} channels`}`
}

function createEventTally() {
  let count = 0
  let on = 0
  let [xMin, xMax, yMin, yMax] = [65535, -1, 65535, -1]
  let windowEndUs = -1
  let inWindow = 0
  let peak = 0
  return {
    // hot
    add(batch: EventBatch): void {
      const { x, y, dtUs, t0Us, length } = batch
      for (let i = 0; i < length; i++) {
        const px = x[i]!
        const py = y[i]!
        if (px < xMin) xMin = px
        if (px > xMax) xMax = px
        if (py < yMin) yMin = py
        if (py > yMax) yMax = py
        on += batch.on[i]!
        const t = t0Us + dtUs[i]!
        if (t >= windowEndUs || t < windowEndUs - PEAK_WINDOW_US) {
          windowEndUs = t - (t % PEAK_WINDOW_US) + PEAK_WINDOW_US
          inWindow = 0
        }
        if (++inWindow > peak) peak = inWindow
      }
      count += length
    },
    result: () => ({
      count,
      on,
      off: count - on,
      peakPerSecond: peak * (1e6 / PEAK_WINDOW_US),
      xRange: count > 0 ? ([xMin, xMax] as const) : null,
      yRange: count > 0 ? ([yMin, yMax] as const) : null,
    }),
  }
}

const TABLE_TEXTS = {
  present: 'data table present',
  absent: 'no data table (the file was not closed; it is read by scanning)',
  damaged: 'data table damaged (the file is read by scanning)',
}

function rate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} M/s`
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} k/s`
  return `${perSecond.toFixed(1)} /s`
}

/** The report as lines for a terminal. */
export function describeRecording(report: RecordingReport): string[] {
  const { file, sensor, events, images, imu, triggers } = report
  const lines = [
    `file      ${file.path} (${file.fileBytes} bytes, ${file.compression}, ${TABLE_TEXTS[file.table.state]})`,
    `camera    ${file.camera ?? 'not named'}, ${sensor.width} x ${sensor.height} pixels`,
    `duration  ${(report.durationUs / 1e6).toFixed(3)} s${startText(report)}`,
  ]
  let eventLine = `events    ${events.count}`
  if (events.xRange !== null && events.yRange !== null) {
    const onShare = ((100 * events.on) / events.count).toFixed(1)
    eventLine += `, ${rate(events.perSecond)} (busiest 10 ms: ${rate(events.peakPerSecond)}), ${onShare} % ON`
    eventLine += `, x ${events.xRange.join('–')}, y ${events.yRange.join('–')}`
  }
  lines.push(eventLine)
  const imageSizes = images.sizes.length > 0 ? ` (${images.sizes.join(', ')})` : ''
  lines.push(`images    ${images.count}, ${rate(images.perSecond)}${imageSizes}`)
  lines.push(`IMU       ${imu.count} samples, ${rate(imu.perSecond)}`)
  const kinds = Object.entries(triggers.kinds).map(([kind, n]) => `${n} ${kind}`)
  lines.push(`triggers  ${triggers.count}${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`)
  if (file.ignoredStreams.length > 0) {
    lines.push(`not read  ${file.ignoredStreams.join(', ')}`)
  }
  const total = report.counters['problems'] ?? 0
  lines.push(`problems  ${total === 0 ? 'none' : total}`)
  for (const problem of report.problems)
    lines.push(`  at byte ${problem.offset}: ${problem.message}`)
  if (total > report.problems.length) {
    lines.push(`  and ${total - report.problems.length} more`)
  }
  lines.push(...countedTexts(report.counters))
  return lines
}

function startText(report: RecordingReport): string {
  const { firstUs } = report
  // File time is Unix time in recordings of cameras; a simulator starts near zero.
  if (firstUs === null || firstUs < 1e15 || firstUs > 8e15) return ''
  return `, from ${new Date(firstUs / 1000).toISOString()}`
}

const COUNTED: readonly (readonly [string, string])[] = [
  ['eventsOffSensor', 'events lie off the sensor and were dropped'],
  ['eventsBadTime', 'events have an impossible time and were dropped'],
  ['eventsBackInTime', 'events step back in time and were moved to the time before them'],
  ['timeRestarts', 'restarts of time'],
  ['skippedBytes', 'bytes belong to no readable packet'],
]

function countedTexts(counters: Record<string, number>): string[] {
  return COUNTED.filter(([name]) => (counters[name] ?? 0) > 0).map(
    ([name, text]) => `  ${counters[name]} ${text}`,
  )
}
