import { existsSync } from 'node:fs'
import { calibrate } from '../daemon/calibrate.js'
import type { CalibrateRequest } from '../daemon/calibrate-request.js'
import { calibrateByDaemon, type DaemonReport, rereadByDaemon } from '../daemon/control-client.js'
import { CONTROL_SOCKET } from '../daemon/control-socket.js'
import type { Config } from '../daemon/schema.js'
import { EvtrackError } from '../events/errors.js'
import { socketPath } from './status.js'

export interface WhereOptions {
  readonly config?: string
  readonly serial?: string
  readonly from?: string
  readonly source?: string
  readonly daemon?: boolean
  readonly direct?: boolean
}

/** Nobody listens: there is no daemon, or it was killed and its socket is left. */
const NOBODY: readonly unknown[] = ['ENOENT', 'ECONNREFUSED']

/**
 * Calibrates through the running daemon, which has the camera, or where none runs on the camera itself. A recording and
 * a source that is named are always measured here. Rejects with EvtrackError.
 */
export async function calibrateWhere(
  config: Config,
  request: CalibrateRequest,
  options: WhereOptions,
): Promise<DaemonReport> {
  const { daemon = false, direct = false, from, source, serial } = options
  const here = from !== undefined || source !== undefined
  if (daemon && (direct || here)) {
    throw new EvtrackError(
      'CONFIG_INVALID',
      '--daemon cannot be together with --direct, --from or --source.',
      { next: 'The daemon measures with its own camera: leave the others out.' },
    )
  }
  const path = socketPath(options, CONTROL_SOCKET)
  if (direct || here || (!daemon && !existsSync(path))) return measureHere(config, request, options)
  try {
    return await calibrateByDaemon(path, { ...request, ...(serial !== undefined && { serial }) })
  } catch (error) {
    if (daemon || !isUnreachable(error)) throw error
    return measureHere(config, request, options)
  }
}

/** A daemon that runs goes by what became active, whoever measured it. */
async function measureHere(
  config: Config,
  request: CalibrateRequest,
  options: WhereOptions,
): Promise<DaemonReport> {
  const report = await calibrate(config, request)
  if (report.activated) await rereadWhere(options)
  return report
}

/** Lets a daemon that runs go by what is active now; false when none runs or it may not be asked. */
export async function rereadWhere(options: { readonly config?: string }): Promise<boolean> {
  try {
    await rereadByDaemon(socketPath(options, CONTROL_SOCKET))
    return true
  } catch (error) {
    if (error instanceof EvtrackError && error.code === 'DAEMON_UNREACHABLE') return false
    throw error
  }
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof EvtrackError &&
    error.code === 'DAEMON_UNREACHABLE' &&
    NOBODY.includes(error.data['reason'])
  )
}
