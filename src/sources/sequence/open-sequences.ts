import { type Dirent, existsSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { EvtrackError } from '../../events/errors.js'
import { systemClock } from '../../events/time.js'
import { createRecordingSource } from '../recording.js'
import type { Source } from '../source.js'
import { createTextEventsSource } from '../text-events.js'
import { parseRows } from './label-rows.js'
import { type LabelTimesOptions, labelTimes, TIMES_FILES } from './label-times.js'
import { type Label, type Sequence, type Unusable, usableLabels } from './sequence.js'

/** File names of boxes, the first that is there counts. */
const BOX_FILES = ['groundtruth_rect.txt', 'groundtruth.txt'] as const

export interface OpenSequencesOptions {
  /** Labels a second from the first event on, where no file tells their times. */
  readonly labelFps?: number | undefined
}

/**
 * Sequences at a path, in order of name, and what is there but cannot be judged:
 *
 * - a recording `x.aedat4` beside `x.gt.txt` with rows `t_us x y w h`;
 * - a folder with `groundtruth_rect.txt` or `groundtruth.txt` (rows `x,y,w,h`) and one recording (`*.aedat4`) or one
 *   file of text events (`events.txt` or `events.csv`); see labelTimes for the times of its rows;
 * - a folder of such recordings and folders.
 *
 * Throws CONFIG_INVALID when the path does not exist or nothing there is a sequence.
 */
export async function openSequences(
  path: string,
  options: OpenSequencesOptions = {},
): Promise<(Sequence | Unusable)[]> {
  if (!existsSync(path)) throw noSequence(path, 'does not exist')
  if (statSync(path).isFile()) return [await recordingSequence(path)]
  if (boxFile(path) !== undefined) return [await folderSequence(path, options)]
  const entries = await readdir(path, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const found: (Sequence | Unusable)[] = []
  for (const entry of entries) {
    const at = join(path, entry.name)
    if (isRecording(entry)) found.push(await recordingSequence(at))
    else if (entry.isDirectory() && boxFile(at) !== undefined)
      found.push(await folderSequence(at, options))
  }
  if (found.length === 0) throw noSequence(path, 'holds no sequence')
  return found
}

function noSequence(path: string, what: string): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `${path} ${what}.`, {
    next: 'Give a recording x.aedat4 with x.gt.txt beside it, a folder with groundtruth.txt and its events, or a folder of these.',
    data: { path },
  })
}

const isRecording = (entry: Dirent) => !entry.isDirectory() && /\.aedat4$/i.test(entry.name)

async function recordingSequence(path: string): Promise<Sequence | Unusable> {
  const name = basename(path).replace(/\.aedat4$/i, '')
  const labelPath = path.replace(/(\.aedat4)?$/i, '.gt.txt')
  if (!existsSync(labelPath))
    return { name, reason: `there is no ${basename(labelPath)} beside it` }
  const { rows, problem } = parseRows(await readFile(labelPath, 'utf8'), [5])
  if (problem !== undefined) return { name, reason: `${basename(labelPath)}: ${problem}` }
  const labels = rows.map((row) => labelOf(row[0]!, row.slice(1)))
  return sequenceOf({ name, group: groupOf(path), labels, events: path })
}

async function folderSequence(
  dir: string,
  options: OpenSequencesOptions,
): Promise<Sequence | Unusable> {
  const name = basename(resolve(dir))
  const labels = boxFile(dir)!
  const files = (await readdir(dir, { withFileTypes: true })).filter((e) => !e.isDirectory())
  const recordings = files.filter(isRecording).map((entry) => entry.name)
  const texts = files.map(({ name }) => name).filter((file) => /^events\.(txt|csv)$/i.test(file))
  const [events, more] = recordings.length > 0 ? recordings : texts
  if (events === undefined) return { name, reason: 'there is no *.aedat4 and no events.txt in it' }
  if (more !== undefined) return { name, reason: `both ${events} and ${more} could be its events` }
  const { rows, problem } = parseRows(await readFile(join(dir, labels), 'utf8'), [4])
  if (problem !== undefined) return { name, reason: `${labels}: ${problem}` }
  const path = join(dir, events)
  const timing: LabelTimesOptions = {
    dir,
    rows: rows.length,
    fps: options.labelFps,
    recording: recordings.length > 0 ? path : undefined,
    open: () => openEvents(path),
  }
  const times = await labelTimes(timing)
  if (typeof times === 'string') return { name, reason: times }
  const timed = rows.map((row, i) => labelOf(times[i]!, row))
  return sequenceOf({ name, group: groupOf(dir), labels: timed, events: path })
}

function labelOf(tUs: number, [x, y, w, h]: readonly number[]): Label {
  return { tUs, box: { x: x!, y: y!, w: w!, h: h! } }
}

/** Opened once for the sensor's size, and again to be tracked. */
async function sequenceOf(parts: {
  name: string
  group: string
  labels: readonly Label[]
  events: string
}): Promise<Sequence | Unusable> {
  const { name, group, events } = parts
  const source = await openEvents(events).catch((error: unknown) => {
    if (error instanceof EvtrackError) return error
    throw error
  })
  if (source instanceof EvtrackError) return { name, reason: source.message }
  const { size } = source.info
  await source.close()
  const usable = usableLabels(parts.labels, size)
  if (typeof usable === 'string') return { name, reason: usable }
  const open = () => openEvents(events)
  return { name, group, labels: usable.labels, skippedLabels: usable.skipped, open }
}

function openEvents(path: string): Promise<Source> {
  return /\.(txt|csv)$/i.test(path)
    ? createTextEventsSource({ path, clock: systemClock })
    : createRecordingSource({ path, pace: 'fast', clock: systemClock })
}

function boxFile(dir: string): string | undefined {
  return BOX_FILES.find((file) => existsSync(join(dir, file)))
}

const groupOf = (path: string) => basename(dirname(resolve(path)))

/** For the documentation and for messages. */
export const SEQUENCE_FILES = { boxes: BOX_FILES, times: TIMES_FILES } as const
