import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { runOffline } from '../daemon/offline.js'
import { EvtrackError } from '../events/errors.js'
import type { Frame } from '../pipeline/frame.js'
import { framePng, TRACKED_COLOR } from '../pipeline/picture.js'
import type { Track } from '../tracking/track.js'
import { printJson } from './output.js'
import { openRecordingTracker, type RecordingTrackerOptions } from './recording-tracker.js'

interface TrackOptions extends RecordingTrackerOptions {
  readonly out?: string
  readonly picture?: string
  readonly json?: boolean
}

/** Rounded so that a file of rows reads well and compares byte by byte. */
const round = (value: number, digits: number) => Number(value.toFixed(digits))

/** One row of the result: what a track was at the end of a window. */
export function trackRow(track: Track): string {
  const { box } = track
  return JSON.stringify({
    t_us: track.tUs,
    id: track.id,
    state: track.state,
    score: round(track.score, 4),
    box: [round(box.x, 2), round(box.y, 2), round(box.w, 2), round(box.h, 2)],
  })
}

export async function track(file: string, options: TrackOptions): Promise<void> {
  const tracker = await openRecordingTracker(file, options)
  const { source, manager } = tracker
  const out = await openOut(options.out)
  let writeError: Error | undefined
  out.on('error', (error) => {
    writeError = error
  })
  const ids = new Set<string>()
  let windows = 0
  let rows = 0
  let last: { frame: Frame; tracks: readonly Track[] } | undefined
  tracker.start()
  try {
    const { counters } = await runOffline(source, {
      config: tracker.config,
      signal: new AbortController().signal,
      onFrame: async (frame) => {
        if (writeError !== undefined) throw cannotWrite(options.out, writeError)
        const { tracks } = await manager.step(frame)
        windows++
        for (const each of tracks) {
          ids.add(each.id)
          rows++
          if (!out.write(`${trackRow(each)}\n`)) await drained(out)
        }
        if (options.picture !== undefined && (tracks.length > 0 || last === undefined)) {
          last = { frame, tracks }
        }
      },
    })
    if (options.picture !== undefined && last !== undefined) {
      const boxes = last.tracks.map((t) => ({ box: t.box, color: TRACKED_COLOR, label: t.id }))
      await writeFile(options.picture, framePng(last.frame, boxes, { scale: 3 }))
    }
    await closeOut(out)
    const problems = source.problems().length
    const summary = {
      file,
      windows,
      rows,
      tracks: ids.size,
      events: counters['eventsIn'] ?? 0,
      problems,
    }
    if (options.json && options.out !== undefined) printJson(summary)
    else {
      process.stderr.write(
        `evtrackd: ${windows} windows, ${ids.size} tracks, ${rows} rows${options.out === undefined ? '' : ` in ${options.out}`}` +
          `${problems > 0 ? `; ${problems} problems in the file, see evtrackd info ${file}` : ''}\n`,
      )
    }
  } finally {
    await tracker.close()
  }
}

async function openOut(path: string | undefined): Promise<NodeJS.WritableStream> {
  if (path === undefined) return process.stdout
  const stream = createWriteStream(path)
  try {
    await once(stream, 'open')
  } catch (cause) {
    throw cannotWrite(path, cause)
  }
  return stream
}

function cannotWrite(path: string | undefined, cause: unknown): EvtrackError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EvtrackError(
    'CONFIG_INVALID',
    `${path ?? 'The output'} cannot be written: ${reason}.`,
    {
      next: 'Give --out a path in a folder that exists, is writable and has room.',
      cause,
    },
  )
}

/** Room again, or an error, which the next window reports. */
function drained(out: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      out.off('drain', done).off('error', done)
      resolve()
    }
    out.on('drain', done).on('error', done)
  })
}

async function closeOut(out: NodeJS.WritableStream): Promise<void> {
  if (out === process.stdout) return
  out.end()
  await once(out as WriteStream, 'close')
}
