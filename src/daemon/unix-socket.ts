import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { EvtrackError } from '../events/errors.js'

export interface UnixSocket {
  readonly path: string
  close(): Promise<void>
}

/** Drop policy: connections beyond this are closed at once, the newest first. */
const MAX_CONNECTIONS = 8
const PROBE_MS = 2000

/**
 * Listens on a Unix socket for its owner and group. What a killed daemon left behind is taken over. Rejects with the
 * system's error, and with EADDRINUSE when another daemon answers there.
 */
export async function listenOnUnixSocket(
  path: string,
  onSocket: (socket: Socket) => void,
): Promise<UnixSocket> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  if (await answers(path)) {
    throw Object.assign(new Error(`another evtrackd answers on ${path}`), { code: 'EADDRINUSE' })
  }
  rmSync(path, { force: true })
  const sockets = new Set<Socket>()
  // Whoever asks may close its side and still read the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    onSocket(socket)
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
    socket.setTimeout(PROBE_MS, () => done(true))
  })
}

/** DAEMON_UNREACHABLE for a socket that could not be talked to. */
export function noDaemon(path: string, cause: unknown): EvtrackError {
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
