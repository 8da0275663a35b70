import { runOffline } from '../daemon/offline.js'
import { EvtrackError } from '../events/errors.js'
import { painterFor } from '../view/painters.js'
import { Trails } from '../view/scenery.js'
import { printJson } from './output.js'
import { openRecordingTracker, type RecordingTrackerOptions } from './recording-tracker.js'

interface RenderOptions extends RecordingTrackerOptions {
  readonly out: string
  readonly fps: string
  readonly speed: string
  readonly scale: string
  readonly json?: boolean
}

/** Draws a recording with its tracks: every window is tracked, and as many are drawn as the file shows. */
export async function render(file: string, options: RenderOptions): Promise<void> {
  const painter = painterFor(options.out, {
    scale: number('--scale', options.scale, { low: 1, high: 8, whole: true }),
    framesPerSecond: number('--fps', options.fps, { low: 1, high: 120, whole: true }),
    speed: number('--speed', options.speed, { low: 0.01, high: 100 }),
  })
  const tracker = await openRecordingTracker(file, options)
  const { source, manager } = tracker
  // Ctrl-C: the file ends there and is whole.
  const stop = new AbortController()
  const onSignal = () => stop.abort(new Error('interrupted'))
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const trails = new Trails()
  const ids = new Set<string>()
  let windows = 0
  try {
    tracker.start()
    await runOffline(source, {
      config: tracker.config,
      signal: stop.signal,
      onFrame: async (frame) => {
        if (stop.signal.aborted) return
        const { tracks } = await manager.step(frame)
        trails.add(tracks)
        windows++
        for (const { id } of tracks) ids.add(id)
        await painter.window({ frame, tracks, trails: trails.snapshot() })
      },
    })
    if (windows === 0) {
      throw new EvtrackError('RECORDING_CORRUPT', `${file} holds no window of events to draw.`, {
        next: `See what it holds with evtrackd info ${file}.`,
      })
    }
    const pictures = await painter.finish()
    const summary = { file, out: options.out, windows, tracks: ids.size, pictures }
    if (options.json) printJson(summary)
    else {
      process.stderr.write(
        `evtrackd: ${options.out}: ${pictures} pictures of ${windows} windows, ${ids.size} tracks\n`,
      )
    }
  } finally {
    await painter.discard()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    await tracker.close()
  }
}

function number(
  option: string,
  text: string,
  range: { readonly low: number; readonly high: number; readonly whole?: boolean },
): number {
  const { low, high, whole = false } = range
  const value = Number(text)
  if (text.trim() !== '' && value >= low && value <= high && (!whole || Number.isInteger(value))) {
    return value
  }
  throw new EvtrackError('CONFIG_INVALID', `${option} ${text} is not usable.`, {
    next: `Give a ${whole ? 'whole ' : ''}number from ${low} to ${high}.`,
  })
}
