import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EvtrackError } from '../../events/errors.js'
import { Aedat4Reader } from '../aedat4/reader.js'
import { decodeImage } from '../aedat4/samples.js'
import type { Source } from '../source.js'
import { parseRows } from './label-rows.js'

/** Names of files with one time a row, microseconds of the events' clock; the first that is there counts. */
export const TIMES_FILES = ['timestamps.txt', 'timestamp.txt', 'times.txt'] as const

export interface LabelTimesOptions {
  readonly dir: string
  /** How many labels there are. */
  readonly rows: number
  readonly fps: number | undefined
  /** The AEDAT4 file, if the events are in one. */
  readonly recording: string | undefined
  open(): Promise<Source>
}

/**
 * When the labels of a folder hold, by the first rule that applies:
 *
 * 1. a file of times, one a label (with two columns, start and end of a window, the end);
 * 2. labels a second: label i is i / fps seconds after the first event;
 * 3. the images of an AEDAT4 recording, when there are as many as labels.
 *
 * Returns a reason where none does.
 */
export async function labelTimes(options: LabelTimesOptions): Promise<readonly number[] | string> {
  const { dir, fps, recording, rows } = options
  const file = TIMES_FILES.find((name) => existsSync(join(dir, name)))
  if (file !== undefined) return fileTimes(dir, file, rows)
  try {
    if (fps !== undefined) {
      const startUs = await firstEventUs(options)
      if (startUs === undefined) return 'there are no events in it'
      return Array.from({ length: rows }, (_, i) => startUs + Math.round((i * 1e6) / fps))
    }
    const images = recording === undefined ? [] : await imageTimes(recording)
    if (images.length === rows && rows > 0) return images
    return `nothing tells when its ${rows} labels hold: no ${TIMES_FILES[0]}, no --label-fps${
      recording === undefined ? '' : `, and ${images.length} images in the recording`
    }`
  } catch (error) {
    if (error instanceof EvtrackError) return error.message
    throw error
  }
}

async function fileTimes(dir: string, file: string, rows: number): Promise<number[] | string> {
  const { rows: times, problem } = parseRows(await readFile(join(dir, file), 'utf8'), [1, 2])
  if (problem !== undefined) return `${file}: ${problem}`
  if (times.length !== rows) return `${file} has ${times.length} times for ${rows} labels`
  return times.map((row) => row.at(-1)!)
}

async function firstEventUs({ open }: LabelTimesOptions): Promise<number | undefined> {
  const source = await open()
  const stop = new AbortController()
  let first: number | undefined
  const nothing = () => {}
  try {
    const events = (batch: { t0Us: number; dtUs: Uint32Array }) => {
      first ??= batch.t0Us + batch.dtUs[0]!
      stop.abort()
    }
    await source.run({ events, time: nothing, gap: nothing }, stop.signal)
  } finally {
    await source.close()
  }
  return first
}

async function imageTimes(path: string): Promise<number[]> {
  const reader = await Aedat4Reader.open(path)
  const times: number[] = []
  try {
    for (let packet = await reader.next(); packet !== undefined; packet = await reader.next()) {
      if (packet.kind !== 'images') continue
      try {
        times.push(decodeImage(packet.bytes).tUs)
      } catch (error) {
        // A damaged image leaves the counts apart, which refuses the sequence with both of them.
        reader.report(packet.offset, error instanceof Error ? error.message : String(error))
      }
    }
  } finally {
    await reader.close()
  }
  return times
}
