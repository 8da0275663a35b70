import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { EvtrackError } from '../events/errors.js'

export interface EmbeddedBroker {
  readonly host: string
  /** The port it really listens on. */
  readonly port: number
  close(): Promise<void>
}

/** More connections than this are closed at once, the newest first. */
const MAX_CONNECTIONS = 64

/**
 * An MQTT 3.1.1 broker inside the daemon. Retained messages live in memory: they go with the daemon, which announces
 * everything again when it starts. With `credentials` every client must present them.
 *
 * Rejects with BROKER_UNREACHABLE when it cannot listen.
 */
export async function startEmbeddedBroker(options: {
  readonly host: string
  readonly port: number
  readonly credentials?: { readonly username: string; readonly password: string }
}): Promise<EmbeddedBroker> {
  const { host, credentials } = options
  const aedes = new Aedes(
    credentials && {
      authenticate: (_client, username, password, done) => {
        const known = same(username, credentials.username)
        done(null, same(password, credentials.password) && known)
      },
    },
  )
  await aedes.listen()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  server.maxConnections = MAX_CONNECTIONS
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port, host, resolve)
    })
  } catch (cause) {
    await closeAedes(aedes)
    throw cannotListen(options, cause)
  }
  const address = server.address()
  let closing: Promise<void> | undefined
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await closeAedes(aedes)
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () => (closing ??= close()),
  }
}

function closeAedes(aedes: Aedes): Promise<void> {
  return new Promise((resolve) => aedes.close(() => resolve()))
}

/** Compares digests, so that neither the length nor the first difference shows in the time it takes. */
function same(given: string | Buffer | undefined, wanted: string): boolean {
  const digest = (text: string | Buffer) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given ?? ''), digest(wanted))
}

function cannotListen(
  at: { readonly host: string; readonly port: number },
  cause: unknown,
): EvtrackError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  return new EvtrackError(
    'BROKER_UNREACHABLE',
    `The embedded MQTT broker cannot listen on ${at.host}:${at.port} (${reason}).`,
    {
      next:
        reason === 'EADDRINUSE'
          ? 'Something listens there already: set mqtt.url to that broker, or choose another mqtt.embedded.port.'
          : 'Choose another mqtt.embedded.host or mqtt.embedded.port.',
      cause,
      data: { host: at.host, port: at.port, reason },
    },
  )
}
