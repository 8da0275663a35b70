import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type IClientPublishOptions, MqttClient } from 'mqtt'
import { type Clock, systemClock } from '../events/time.js'
import { backoffMs } from './backoff.js'
import type {
  Broker,
  BrokerSession,
  BrokerStatus,
  OutgoingMessage,
  PublishOutcome,
} from './broker.js'
import { unreachable } from './unreachable.js'

export interface MqttBrokerOptions {
  readonly host: string
  readonly port: number
  /** Present for TLS. PEM texts; without `ca` the authorities of the system are trusted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /**
   * The same on every connection: when a dead connection is still open at the broker, the new one takes it over and
   * the old last will comes before the new announcements, not a minute after them.
   */
  readonly clientId: string
  readonly protocol: 'auto' | '5' | '3.1.1'
  readonly keepaliveSeconds: number
  readonly username?: string
  readonly password?: string
  readonly clock?: Clock
  readonly random?: () => number
}

/** Largest packet taken, bytes: a request of 16 KiB with its topics and properties, and room to refuse a larger one. */
const MAX_PACKET_BYTES = 65_536
const CONNECT_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 1_000
/** A connection that lasted this long was a good one: the next loss is met without delay again. */
const STABLE_US = 10_000_000
/** CONNACK codes of a broker that does not speak the version asked for: 3.1.1 and 5. */
const VERSION_REFUSED = new Set([1, 132])

type Version = 4 | 5
interface Attempt {
  readonly client: MqttClient
  readonly socket: Socket
  readonly version: Version
  /** When CONNACK came, monotonic microseconds. */
  openedUs?: number
  /** The transport was up, so a close without CONNACK came from the broker. */
  transportUp: boolean
  error?: Error & { code?: unknown }
}

/** The Broker port over the `mqtt` package: MQTT 5, or 3.1.1 where the broker wants it. */
export function createMqttBroker(options: MqttBrokerOptions): Broker {
  return new MqttBroker(options)
}

class MqttBroker implements Broker {
  readonly #options: MqttBrokerOptions
  readonly #clock: Clock
  readonly #closing = new AbortController()
  /** Settles publishes that will see no acknowledgement any more. */
  readonly #pending = new Set<(outcome: PublishOutcome) => void>()
  #session: BrokerSession | undefined
  #attempt: Attempt | undefined
  #version: Version
  #failures = 0
  #reported = ''
  #status: BrokerStatus = { state: 'idle', connects: 0 }

  constructor(options: MqttBrokerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#version = options.protocol === '3.1.1' ? 4 : 5
  }

  get status(): BrokerStatus {
    return this.#status
  }

  get writable(): boolean {
    return this.#status.state === 'connected' && !this.#attempt!.socket.writableNeedDrain
  }

  start(session: BrokerSession): void {
    if (this.#session !== undefined) throw new Error('a broker is started once')
    this.#session = session
    this.#connect(session)
  }

  publish(message: OutgoingMessage): Promise<PublishOutcome> {
    const attempt = this.#attempt
    if (this.#status.state !== 'connected' || attempt === undefined) return Promise.resolve('lost')
    const { maximumPacketSize = Infinity } = attempt.client.serverProperties ?? {}
    if (Buffer.byteLength(message.payload) + 512 > maximumPacketSize) {
      return Promise.resolve('refused')
    }
    const { qos, retain } = message
    const packet: IClientPublishOptions = {
      qos,
      retain: retain ?? false,
      ...(attempt.version === 5 ? { properties: properties(message) } : {}),
    }
    return new Promise((resolve) => {
      const settle = (outcome: PublishOutcome) => {
        this.#pending.delete(settle)
        resolve(outcome)
      }
      this.#pending.add(settle)
      attempt.client.publish(message.topic, message.payload, packet, (error) => {
        if (!error) settle('sent')
        // A PUBACK with a reason code refuses the message; anything else is a connection that has gone.
        else settle(typeof Reflect.get(error, 'code') === 'number' ? 'refused' : 'lost')
      })
    })
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    const attempt = this.#attempt
    if (attempt !== undefined) {
      const closed = new Promise<void>((resolve) => attempt.client.once('close', () => resolve()))
      if (this.#status.state === 'connected') {
        attempt.client.end()
        const overdue = new AbortController()
        const deadline = this.#clock.sleep(CLOSE_TIMEOUT_MS, overdue.signal).catch(() => {})
        await Promise.race([closed, deadline])
        overdue.abort()
      }
      attempt.socket.destroy()
      await closed
    }
    this.#status = { state: 'closed', connects: this.#status.connects }
  }

  #connect(session: BrokerSession): void {
    const { connects, error } = this.#status
    this.#status = { state: 'connecting', connects, ...(error && { error }) }
    const socket = openSocket(this.#options)
    const version = this.#version
    const { clientId, keepaliveSeconds, username, password } = this.#options
    // A client of its own for every connection: nothing the package might queue or store outlives it.
    const client = new MqttClient(() => socket, {
      clientId,
      protocolVersion: version,
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      // The broker keeps back what is larger than any request may be; a 3.1.1 broker has a limit of its own for that.
      ...(version === 5 && { properties: { maximumPacketSize: MAX_PACKET_BYTES } }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      will: {
        topic: session.will.topic,
        payload: Buffer.from(session.will.payload),
        qos: session.will.qos,
        retain: session.will.retain ?? false,
      },
    })
    const attempt: Attempt = { client, socket, version, transportUp: false }
    this.#attempt = attempt
    socket.once(this.#options.tls ? 'secureConnect' : 'connect', () => {
      attempt.transportUp = true
    })
    socket.on('drain', () => session.onDrain())
    const keepFirst = (error: Error) => {
      attempt.error ??= error
    }
    socket.on('error', keepFirst)
    client.on('error', keepFirst)
    client.once('connect', () => this.#opened(attempt, session))
    client.on('message', (topic, payload, packet) => {
      const { responseTopic, correlationData } = packet.properties ?? {}
      session.onMessage({
        topic,
        payload,
        retain: packet.retain,
        ...(responseTopic !== undefined && { responseTopic }),
        ...(correlationData !== undefined && { correlationData }),
      })
    })
    client.once('close', () => this.#ended(attempt, session))
  }

  #opened(attempt: Attempt, session: BrokerSession): void {
    if (this.#closing.signal.aborted) return
    attempt.openedUs = this.#clock.nowUs()
    this.#reported = ''
    this.#status = {
      state: 'connected',
      protocol: attempt.version === 5 ? '5' : '3.1.1',
      connects: this.#status.connects + 1,
    }
    if (session.subscriptions.length > 0) {
      attempt.client.subscribe([...session.subscriptions], { qos: 1 }, (error) => {
        // Without its subscriptions the session is deaf: start over rather than stay so.
        if (error && !attempt.socket.destroyed) {
          attempt.error ??= error
          attempt.socket.destroy()
        }
      })
    }
    session.onConnect()
  }

  #ended(attempt: Attempt, session: BrokerSession): void {
    // Stops the timers of the package; it may still emit an error, which then has a listener.
    attempt.client.end(true)
    this.#attempt = undefined
    for (const settle of [...this.#pending]) settle('lost')
    const wasOpen = attempt.openedUs !== undefined
    const { connects } = this.#status
    if (this.#closing.signal.aborted) {
      this.#status = { state: 'closed', connects }
      if (wasOpen) session.onDisconnect()
      return
    }
    const before = wasOpen ? undefined : attempt.transportUp ? 'answer' : 'transport'
    const error = unreachable(this.#options, attempt.error, before)
    this.#status = { state: 'connecting', connects, error }
    const atOnce = this.#nextVersion(attempt)
    if (attempt.openedUs !== undefined) {
      if (this.#clock.nowUs() - attempt.openedUs >= STABLE_US) this.#failures = 0
      session.onDisconnect(error)
    } else if (!atOnce && this.#reported !== error.message) {
      this.#reported = error.message
      session.onUnreachable?.(error)
    }
    this.#connectLater(session, atOnce)
  }

  /** Chooses the version of the next attempt; true when it should follow at once. */
  #nextVersion(attempt: Attempt): boolean {
    if (this.#options.protocol !== 'auto') return false
    if (attempt.openedUs !== undefined) {
      // The broker may have been replaced by a better one.
      this.#version = 5
      return false
    }
    const code = attempt.error?.code
    const refused = typeof code === 'number' && VERSION_REFUSED.has(code)
    // Old brokers may close on an unknown version without an answer.
    const silent = attempt.transportUp && attempt.error === undefined
    if (!refused && !silent) return false
    this.#version = attempt.version === 5 ? 4 : 5
    return this.#version === 4
  }

  #connectLater(session: BrokerSession, atOnce: boolean): void {
    if (!atOnce) this.#failures += 1
    const waitMs = atOnce ? 0 : backoffMs(this.#failures, this.#options.random)
    this.#clock.sleep(waitMs, this.#closing.signal).then(
      () => this.#connect(session),
      () => {},
    )
  }
}

function properties(message: OutgoingMessage): NonNullable<IClientPublishOptions['properties']> {
  return {
    contentType: 'application/json',
    payloadFormatIndicator: true,
    ...(message.expirySeconds !== undefined && { messageExpiryInterval: message.expirySeconds }),
    ...(message.correlationData !== undefined && { correlationData: message.correlationData }),
  }
}

function openSocket(options: MqttBrokerOptions): Socket {
  const { host, port, tls } = options
  // Without noDelay a small message waits for the acknowledgement of the one before it.
  if (tls === undefined) return connectTcp({ host, port, noDelay: true })
  const socket = connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tls })
  socket.setNoDelay(true)
  return socket
}
