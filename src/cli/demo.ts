import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { runDemo } from '../daemon/demo.js'
import { EvtrackError } from '../events/errors.js'
import type { TrackerKind } from '../tracking/schema.js'
import { print } from './output.js'

interface DemoOptions {
  readonly seconds: string
  readonly scene: string
  readonly seed: string
  readonly picture: string
  readonly tracker: TrackerKind
}

/** Prints as it goes; the last line is JSON. Exit status 0 only if tracks arrived at the subscriber. */
export async function demo(options: DemoOptions): Promise<void> {
  const seconds = Number(options.seconds)
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new EvtrackError(
      'CONFIG_INVALID',
      `--seconds ${options.seconds} is not a whole number of seconds.`,
      {
        next: 'Give at least 1, for example --seconds 20.',
      },
    )
  }
  const { result, png } = await runDemo({
    seconds,
    scene: options.scene,
    seed: Number(options.seed),
    tracker: options.tracker,
    print,
  })
  if (png !== undefined) {
    const path = resolve(options.picture)
    await writeFile(path, png)
    print(`picture of the last window: ${path}`)
  }
  print(JSON.stringify(result))
  if (result.tracks_messages === 0 || result.tracks === 0) process.exitCode = 1
}
