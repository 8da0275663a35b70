import { createTracker, openSession, packageFor } from '../daemon/open-tracker.js'
import { aggregationFor } from '../daemon/tracker-config.js'
import { EvtrackError } from '../events/errors.js'
import type { Box } from '../events/geometry.js'
import { systemClock } from '../events/time.js'
import { createRecordingSource } from '../sources/recording.js'
import type { TrackerKind } from '../tracking/schema.js'
import { fileConfig } from './layered-config.js'

export interface RecordingTrackerOptions {
  readonly config?: string
  /** A box given by hand is the one target; nothing else is looked for. */
  readonly init?: string
  readonly model?: string
  readonly tracker?: TrackerKind
}

/** A recording at full speed and a tracker for it, as the layers of the configuration and the options say. */
export async function openRecordingTracker(file: string, options: RecordingTrackerOptions) {
  const init = options.init === undefined ? undefined : parseBox(options.init)
  const flags = {
    ...(options.model === undefined ? {} : { model: { name: options.model } }),
    tracking: {
      ...(options.tracker === undefined ? {} : { tracker: options.tracker }),
      ...(init === undefined ? {} : { proposals: { enabled: false } }),
    },
  }
  const config = fileConfig({ config: options.config, flags })
  const pkg = await packageFor(config)
  const { aggregation, differences } = aggregationFor(config, pkg)
  for (const line of differences) process.stderr.write(`evtrackd: warning: ${line}\n`)
  const source = await createRecordingSource({ path: file, pace: 'fast', clock: systemClock })
  const session = await openSession(pkg, { ...config.model, inference: config.inference })
  const manager = createTracker(config.tracking.tracker, {
    session,
    size: source.info.size,
    config: config.tracking,
    idPrefix: 't',
  })
  return {
    source,
    manager,
    /** What runOffline takes. */
    config: { filters: config.filters, aggregation },
    /** Starts the target that was given, if one was. */
    start() {
      if (init !== undefined) manager.start(init)
    },
    async close() {
      await manager.close()
      await session?.close()
      await source.close()
    },
  }
}

/** Throws CONFIG_INVALID for what is no box. */
export function parseBox(text: string): Box {
  const numbers = text.split(',').map(Number)
  const [x, y, w, h] = numbers
  if (numbers.length !== 4 || numbers.some((n) => !Number.isFinite(n)) || w! <= 0 || h! <= 0) {
    throw new EvtrackError('CONFIG_INVALID', `--init ${text} is not a box.`, {
      next: 'Give left, top, width and height in sensor pixels, for example --init 51,225,33,16.',
    })
  }
  return { x: x!, y: y!, w: w!, h: h! }
}
