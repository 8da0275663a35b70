import { createConnection } from 'node:net'
import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import type { StatusReport } from './status-report.js'
import { listenOnUnixSocket, noDaemon, type UnixSocket } from './unix-socket.js'

export const STATUS_SOCKET = 'status.sock'
const TIMEOUT_MS = 2000
/** A report is a few kilobytes; more than this did not come from evtrackd. */
const MAX_REPORT_BYTES = 1_048_576

/**
 * A Unix socket that tells whoever connects how the daemon is, as one JSON document, and hangs up. It reads nothing, so
 * there is nothing to bound but connections and time. Readable for its owner and group.
 *
 * Rejects with the system's error, and with EADDRINUSE when another daemon answers there.
 */
export function openStatusSocket(dir: string, report: () => StatusReport): Promise<UnixSocket> {
  return listenOnUnixSocket(join(dir, STATUS_SOCKET), (socket) => {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
    socket.end(`${JSON.stringify(report())}\n`)
    socket.resume()
  })
}

/** Asks the daemon whose socket this is. Rejects with DAEMON_UNREACHABLE. */
export async function readStatus(path: string): Promise<StatusReport> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(path)
    let received = ''
    socket.setEncoding('utf8')
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: string) => {
      received += chunk
      if (received.length > MAX_REPORT_BYTES) socket.destroy(new Error('the answer is too long'))
    })
    socket.once('end', () => resolve(received))
    socket.once('error', reject)
  }).catch((cause: unknown) => {
    throw noDaemon(path, cause)
  })
  let report: unknown
  try {
    report = JSON.parse(text)
  } catch (cause) {
    throw noDaemon(path, cause)
  }
  // Loaded by whoever reads: the daemon only writes.
  const { statusReportSchema } = await import('./status-report-schema.js')
  const { error } = statusReportSchema.safeParse(report)
  if (error === undefined) return report as StatusReport
  throw new EvtrackError(
    'DAEMON_UNREACHABLE',
    `What answers on ${path} is no evtrackd of a version known here.`,
    {
      next: 'Restart the daemon after an update: systemctl restart evtrackd.',
      cause: error,
      data: { path },
    },
  )
}
