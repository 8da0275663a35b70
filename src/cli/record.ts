import { recordSource } from '../daemon/record-session.js'
import { EvtrackError } from '../events/errors.js'
import { cameraConfig } from './layered-config.js'
import { print, printJson } from './output.js'
import { sourceOverride } from './run.js'

interface RecordOptions {
  readonly config?: string
  readonly source?: string
  readonly camera?: string
  readonly seconds?: string
  readonly json?: boolean
}

export async function record(file: string, options: RecordOptions): Promise<void> {
  const seconds = options.seconds === undefined ? undefined : Number(options.seconds)
  if (seconds !== undefined && !(seconds > 0)) {
    throw new EvtrackError(
      'CONFIG_INVALID',
      `--seconds ${options.seconds} is not a positive number.`,
      {
        next: 'Give a number of seconds, for example --seconds 30.',
      },
    )
  }
  const { source, camera } = options
  const flags = source === undefined ? {} : sourceOverride(source, undefined)
  const config = cameraConfig({ config: options.config, flags, camera })
  const stop = new AbortController()
  const onSignal = () => stop.abort(new Error('stopped by the user'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  process.once('SIGHUP', onSignal)
  const tty = process.stderr.isTTY === true
  try {
    const result = await recordSource(config, {
      path: file,
      signal: stop.signal,
      ...(seconds === undefined ? {} : { seconds }),
      onState: ({ state, reason }) =>
        process.stderr.write(
          `evtrackd: camera ${state}${reason === undefined ? '' : `: ${reason}`}\n`,
        ),
      onProgress: (status) => {
        if (!tty) return
        const done = `${(status.durationUs / 1e6).toFixed(1)} s, ${(status.fileBytes / 1e6).toFixed(1)} MB`
        process.stderr.write(`\rrecording ${status.path}: ${done} `)
      },
    })
    if (tty) process.stderr.write('\n')
    if (options.json) printJson(result)
    else {
      print(
        `${result.path}: ${(result.durationUs / 1e6).toFixed(2)} s, ${result.fileBytes} bytes, ${result.counters['events'] ?? 0} events`,
      )
      if (result.failure !== undefined) print(`stopped early: ${result.failure}`)
    }
    const empty = (result.counters['events'] ?? 0) === 0
    if (empty) process.stderr.write('evtrackd: nothing was recorded: no event arrived\n')
    if (result.failure !== undefined || empty) process.exitCode = 1
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    process.off('SIGHUP', onSignal)
  }
}
