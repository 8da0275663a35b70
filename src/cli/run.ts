import { startDaemon } from '../daemon/daemon.js'
import { loadConfig } from '../daemon/load-config.js'
import { createLog } from '../daemon/log.js'

interface RunOptions {
  readonly config?: string
  readonly source?: string
  readonly pace?: 'real' | 'fast'
}

/** The command line's words for a source, as the configuration says it: anything else is a file. */
export function sourceOverride(source: string | undefined, pace: string | undefined): unknown {
  const known = ['camera', 'emulator', 'scene']
  return {
    source: {
      ...(source === undefined
        ? {}
        : known.includes(source)
          ? { kind: source }
          : { kind: 'recording', file: source }),
      ...(pace === undefined ? {} : { pace }),
    },
  }
}

/** Runs until SIGTERM or SIGINT, or until a recording ends. A second signal ends the process at once. */
export async function run(options: RunOptions): Promise<void> {
  const config = loadConfig(options.config, sourceOverride(options.source, options.pace))
  const log = createLog({
    level: config.logLevel,
    journal: process.env['JOURNAL_STREAM'] !== undefined,
    write: (line) => process.stderr.write(line),
  })
  const daemon = await startDaemon(config, { log })
  let signals = 0
  const onSignal = (signal: NodeJS.Signals) => {
    if (++signals > 1) process.exit(1)
    log.info(`received ${signal}`)
    void daemon.stop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  // A terminal that goes away: end in order, as with the others.
  process.on('SIGHUP', onSignal)
  try {
    await daemon.done
  } finally {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
    process.off('SIGHUP', onSignal)
  }
}
