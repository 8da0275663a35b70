import { fstatSync } from 'node:fs'
import { CalibrationPanels } from '../daemon/calibration-panels.js'
import type { LayerSources } from '../daemon/config-layers.js'
import { openControlSocket } from '../daemon/control-socket.js'
import { createLog, isJournal, type Log, type LogLevel } from '../daemon/log.js'
import { startMetrics } from '../daemon/metrics.js'
import { createNotifier } from '../daemon/notify.js'
import type { Config } from '../daemon/schema.js'
import { Service } from '../daemon/service.js'
import { runtimeDir } from '../daemon/state-dir.js'
import { openStatusSocket } from '../daemon/status-socket.js'
import { openView } from '../daemon/view.js'
import { systemClock } from '../events/time.js'
import type { TrackerKind } from '../tracking/schema.js'

export interface RunOptions {
  readonly config?: string
  readonly source?: string
  readonly pace?: 'real' | 'fast'
  readonly tracker?: TrackerKind
}

/** The command line's words for a source, as the configuration says it: anything else is a file. */
export function sourceOverride(source: string | undefined, pace: string | undefined) {
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

/** The layers that the options of the command line name. */
export function layerSources(options: RunOptions): LayerSources {
  const { source, pace, tracker } = options
  return {
    file: options.config,
    env: process.env,
    flags: {
      ...(source === undefined && pace === undefined ? {} : sourceOverride(source, pace)),
      ...(tracker === undefined ? {} : { tracking: { tracker } }),
    },
  }
}

/**
 * Runs until SIGTERM or SIGINT, or until a recording ends. A second such signal ends the process at once. SIGHUP reads
 * the configuration anew; to a process started from a terminal it means that the terminal has gone, and ends it.
 */
export async function run(options: RunOptions): Promise<void> {
  let level: LogLevel = 'info'
  const log = createLog({
    level: () => level,
    journal: isJournal(process.env['JOURNAL_STREAM'], fstatSync(2)),
    write: (line) => process.stderr.write(line),
  })
  let config: Config | undefined
  const notifier = createNotifier({
    env: process.env,
    pid: process.pid,
    onFailure: (reason) => log.warning('systemd cannot be told anything', { reason }),
  })
  const ways: { close(): Promise<void> }[] = []
  const service = new Service({
    sources: layerSources(options),
    log,
    notifier,
    onConfig: (next) => {
      level = next.logLevel
      const first = config === undefined
      config = next
      if (first) void openWays(next, { log, service }).then((opened) => ways.push(...opened))
    },
  })
  let signals = 0
  const onStop = (signal: NodeJS.Signals) => {
    if (++signals > 1) process.exit(1)
    log.info(`received ${signal}`)
    service.stop()
  }
  const fromTerminal = process.stdin.isTTY === true || process.stderr.isTTY === true
  const onHangup = (signal: NodeJS.Signals) => {
    if (fromTerminal) onStop(signal)
    else void service.reload()
  }
  process.on('SIGTERM', onStop)
  process.on('SIGINT', onStop)
  process.on('SIGHUP', onHangup)
  try {
    await service.run()
  } finally {
    process.off('SIGTERM', onStop)
    process.off('SIGINT', onStop)
    process.off('SIGHUP', onHangup)
    for (const way of ways) await way.close()
  }
}

/** How others look into the process. Tracking is worth more than being watched: what cannot be opened is only told. */
async function openWays(
  config: Config,
  { log, service }: { log: Log; service: Service },
): Promise<{ close(): Promise<void> }[]> {
  const opened: { close(): Promise<void> }[] = []
  const report = () => service.report()
  const attempt = async (what: string, open: () => Promise<{ close(): Promise<void> }>) => {
    try {
      opened.push(await open())
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warning(`${what} not available`, { reason })
    }
  }
  await attempt('evtrackd status', () => openStatusSocket(runtimeDir(config), report))
  await attempt('evtrackd calibrate', () => openControlSocket(runtimeDir(config), service))
  const { host, port } = config.metrics
  if (port !== 0) await attempt('metrics', () => startMetrics({ host, port }, report))
  if (config.view.enabled) {
    const daemons = () => service.daemons
    await attempt('live page', async () => {
      const view = await openView(config.view, { daemons, log })
      const panels = new CalibrationPanels(view.panels, systemClock)
      opened.push(panels)
      service.calibrations.add((news, camera) => panels.show(news, camera))
      return view
    })
  }
  return opened
}
