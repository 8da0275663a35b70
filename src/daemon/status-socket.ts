import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import type { StatusReport } from './status-report.js'

export const STATUS_SOCKET = 'status.sock'
/** Drop policy: connections beyond this are closed at once, the newest first. */
const MAX_CONNECTIONS = 8
const TIMEOUT_MS = 2000
/** A report is a few kilobytes; more than this did not come from evtrackd. */
const MAX_REPORT_BYTES = 1_048_576

export interface StatusSocket {
  readonly path: string
  close(): Promise<void>
}

/**
 * A Unix socket that tells whoever connects how the daemon is, as one JSON document, and hangs up. It reads nothing, so
 * there is nothing to bound but connections and time. Readable for its owner and group.
 *
 * Rejects with the system's error, and with EADDRINUSE when another daemon answers there.
 */
export async function openStatusSocket(
  dir: string,
  report: () => StatusReport,
): Promise<StatusSocket> {
  const path = join(dir, STATUS_SOCKET)
  mkdirSync(dir, { recursive: true, mode: 0o750 })
  if (await answers(path)) {
    throw Object.assign(new Error(`another evtrackd answers on ${path}`), { code: 'EADDRINUSE' })
  }
  // Left behind by a daemon that was killed.
  rmSync(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
    socket.end(`${JSON.stringify(report())}\n`)
    socket.resume()
  })
  server.maxConnections = MAX_CONNECTIONS
  // The socket is made with these permissions: between making and changing it anybody could connect.
  const mask = process.umask(0o117)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
      process.umask(mask)
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(path, 0o660)
  server.unref()
  return {
    path,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      rmSync(path, { force: true })
    },
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const done = (result: boolean) => {
      socket.destroy()
      resolve(result)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
    socket.setTimeout(TIMEOUT_MS, () => done(true))
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
  try {
    return JSON.parse(text) as StatusReport
  } catch (cause) {
    throw noDaemon(path, cause)
  }
}

function noDaemon(path: string, cause: unknown): EvtrackError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  const denied = code === 'EACCES' || code === 'EPERM'
  return new EvtrackError(
    'DAEMON_UNREACHABLE',
    denied ? `${path} may not be opened.` : `No evtrackd answers on ${path}.`,
    {
      next: denied
        ? 'Become a member of the group evtrackd, or ask with sudo.'
        : 'Start it: systemctl start evtrackd, or evtrackd run. Its log says why it ended: journalctl -u evtrackd.',
      cause,
      data: { path, reason: code },
    },
  )
}
