import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../events/time.js'

/** What is spooled: one message, with the time it belongs to. */
export interface SpoolRecord {
  readonly topic: string
  /** Wall clock, microseconds since 1970. */
  readonly atUs: number
  /** A JSON object. */
  readonly payload: string
}

/** A record in the spool. `tag` is the caller's own mark; it is not kept on disk and is 0 after a restart. */
export interface SpoolEntry extends SpoolRecord {
  readonly segment: Segment
  readonly tag: number
  readonly bytes: number
  /** When it became of an age, monotonic microseconds. The wall clock may be set in between; this one is not. */
  readonly sinceUs: number
  done: boolean
}

/** A stretch of the spool, in order: one file, or still in memory, or both. */
export interface Segment {
  readonly id: number
  readonly path: string
  /** Nothing is appended any more: full, or left by an earlier run, whose last line may be torn. */
  sealed: boolean
  /** Undefined while the records are on disk only. */
  entries: SpoolEntry[] | undefined
  /** Records not acknowledged yet. */
  pending: number
  bytes: number
  /** Entries that are in the file, and the length of the file they make. */
  written: number
  fileBytes: number
  /** `sinceUs` of its newest record. */
  newestSinceUs: number
}

/** A segment is sealed before it grows beyond this. */
export const SEGMENT_BYTES = 65_536

/** No segment this program writes comes near this; a file that does is not one of ours. */
const MAX_FILE_BYTES = 1_048_576

const SEGMENT_NAME = /^(\d{12})\.jsonl(\.part)?$/

export function createSegment(dir: string, id: number): Segment {
  return {
    id,
    path: join(dir, `${String(id).padStart(12, '0')}.jsonl`),
    sealed: false,
    entries: [],
    pending: 0,
    bytes: 0,
    written: 0,
    fileBytes: 0,
    newestSinceUs: Number.NEGATIVE_INFINITY,
  }
}

/** One line of a segment file, readable with any JSON tool. */
export function encodeLine(record: SpoolRecord): string {
  return `{"at":${record.atUs},"topic":${JSON.stringify(record.topic)},"payload":${record.payload}}\n`
}

/** Undefined for a line that is torn or is not a record. */
function decodeLine(line: string): SpoolRecord | undefined {
  try {
    const { at, topic, payload } = JSON.parse(line)
    if (typeof at !== 'number' || typeof topic !== 'string') return undefined
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined
    return { atUs: at, topic, payload: JSON.stringify(payload) }
  } catch {
    return undefined
  }
}

/**
 * Writes the entries that the file lacks, behind the last complete line, so that what an earlier failed write left is
 * written over. Acknowledged ones are left out. Throws what the file system throws; the segment is then unchanged.
 */
export function writeSegment(segment: Segment): void {
  const entries = segment.entries ?? []
  const lines = entries.slice(segment.written).filter((entry) => !entry.done)
  if (lines.length > 0) {
    const data = Buffer.from(lines.map(encodeLine).join(''))
    const isNew = segment.fileBytes === 0
    const file = openSync(segment.path, constants.O_CREAT | constants.O_WRONLY, 0o640)
    try {
      let offset = 0
      while (offset < data.length) {
        const position = segment.fileBytes + offset
        offset += writeSync(file, data, offset, data.length - offset, position)
      }
      fdatasyncSync(file)
    } finally {
      closeSync(file)
    }
    if (isNew) syncFolder(dirname(segment.path))
    segment.fileBytes += data.length
  }
  segment.written = entries.length
}

/** The name of a new file is in the folder, and a power cut may take a folder's newest names. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Replaces the file by one with the unacknowledged entries only. All entries must be in memory. */
export function rewriteSegment(segment: Segment): void {
  const lines = (segment.entries ?? []).filter((entry) => !entry.done).map(encodeLine)
  const part = `${segment.path}.part`
  writeFileSync(part, lines.join(''), { mode: 0o640, flush: true })
  renameSync(part, segment.path)
}

export function removeSegment(segment: Segment): void {
  if (segment.fileBytes > 0) rmSync(segment.path, { force: true })
}

/**
 * Loads the entries of a segment that is on disk only; returns the number of records that could not be read. They are
 * as old as the segment's newest: better told late than dropped early.
 */
export function loadSegment(segment: Segment): number {
  const expected = Math.max(1, segment.pending)
  const entries: SpoolEntry[] = []
  segment.entries = entries
  let corrupt = 0
  try {
    for (const line of readLines(segment.path)) {
      const record = decodeLine(line)
      if (record === undefined) corrupt += 1
      else {
        const bytes = Buffer.byteLength(line)
        const sinceUs = segment.newestSinceUs
        entries.push({ ...record, segment, tag: 0, bytes, sinceUs, done: false })
      }
    }
  } catch {
    corrupt = expected
  }
  segment.written = entries.length
  segment.pending = entries.length
  return corrupt
}

/** Before 2020 a board does not know the time: it has no battery for its clock and has not heard of a time server yet. */
const CLOCK_KNOWN_US = 1_577_836_800_000_000

/** How old a file is by the wall clock, microseconds; 0 where either time was not known. */
function ageUs(writtenUs: number, wallUs: number): number {
  return writtenUs < CLOCK_KNOWN_US ? 0 : Math.max(0, wallUs - writtenUs)
}

/**
 * The segments an earlier run left in `dir`, oldest first, their records counted but not loaded, and the number of
 * files that could not be read (they are removed). Makes `dir` when it is absent; throws when it cannot be used.
 */
export function recoverSegments(
  dir: string,
  clock: Pick<Clock, 'nowUs' | 'wallUs'>,
): { segments: Segment[]; corrupt: number } {
  mkdirSync(dir, { recursive: true })
  const segments: Segment[] = []
  let corrupt = 0
  for (const name of readdirSync(dir).sort()) {
    const match = SEGMENT_NAME.exec(name)
    if (match === null) continue
    const segment = { ...createSegment(dir, Number(match[1])), sealed: true, entries: undefined }
    const path = join(dir, name)
    try {
      const { size, mtimeMs } = statSync(path)
      // A part is what a crash left of a rewrite; the segment itself is still whole.
      const pending = match[2] === undefined ? readLines(path).length : 0
      if (pending === 0) rmSync(path, { force: true })
      else
        segments.push({
          ...segment,
          pending,
          bytes: size,
          fileBytes: size,
          newestSinceUs: clock.nowUs() - ageUs(mtimeMs * 1000, clock.wallUs()),
        })
    } catch {
      corrupt += 1
      rmSync(path, { force: true, recursive: true })
    }
  }
  return { segments, corrupt }
}

/** The lines of a segment file that are not empty. Throws for a file that is too large. */
function readLines(path: string): string[] {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size > MAX_FILE_BYTES) throw new Error(`${path} is too large for a spool segment`)
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } finally {
    closeSync(file)
  }
}
