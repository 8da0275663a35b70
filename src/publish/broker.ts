import type { EvtrackError } from '../events/errors.js'

/**
 * The narrow interface to an MQTT broker. mqtt.ts implements it; nothing else in the program knows MQTT packets.
 *
 * The contract, in words:
 *
 * - `start()` is called once. From then on the broker connects, and connects again after every loss, waiting longer
 *   each time, until `close()`. A broker that cannot be reached is a state (`status.error`), never an exception.
 * - Each connection is a clean session under the same client id, with the session's last will and subscriptions.
 *   `onConnect` is called when the connection is open, `onDisconnect` once when it ends.
 * - `publish()` never rejects and never queues for a later connection. 'sent': QoS 0 was handed to the socket, QoS 1 was
 *   acknowledged. 'lost': there was no connection, or it ended before the acknowledgement; QoS 1 may have arrived.
 *   'refused': the broker will not take this message, so sending it again is of no use. Every publish settles at the
 *   latest when its connection ends.
 * - `writable` is false while there is no connection and while the socket is full; `onDrain` says when it took all.
 *   Whoever may skip a message asks first: that is what bounds the memory of a slow connection.
 * - `onMessage` gets what arrives on the subscriptions. It must not throw.
 * - `close()` is idempotent and disconnects in order, so the last will is not published.
 */
export interface Broker {
  readonly status: BrokerStatus
  readonly writable: boolean
  start(session: BrokerSession): void
  publish(message: OutgoingMessage): Promise<PublishOutcome>
  close(): Promise<void>
}

export type PublishOutcome = 'sent' | 'lost' | 'refused'

export interface BrokerStatus {
  readonly state: 'idle' | 'connecting' | 'connected' | 'closed'
  /** Version of the connection, while connected. */
  readonly protocol?: '5' | '3.1.1'
  /** Connections made so far. */
  readonly connects: number
  /** Why there is no connection: BROKER_UNREACHABLE. */
  readonly error?: EvtrackError
}

export interface BrokerSession {
  readonly will: OutgoingMessage
  /** Topic filters, subscribed at QoS 1 on every connection. */
  readonly subscriptions: readonly string[]
  readonly onConnect: () => void
  /** The error is absent after close(). */
  readonly onDisconnect: (error?: EvtrackError) => void
  /** A failed attempt to connect; called at most once for each kind of failure in a row. */
  readonly onUnreachable?: (error: EvtrackError) => void
  readonly onMessage: (message: IncomingMessage) => void
  readonly onDrain: () => void
}

export interface OutgoingMessage {
  readonly topic: string
  /** JSON, UTF-8. */
  readonly payload: string
  readonly qos: 0 | 1
  readonly retain?: boolean
  /** MQTT 5: the broker drops the message when it could not deliver it in this time. */
  readonly expirySeconds?: number
  /** MQTT 5: sent back with a response. */
  readonly correlationData?: Buffer
}

export interface IncomingMessage {
  readonly topic: string
  readonly payload: Buffer
  /** The broker kept this message for later subscribers; it may be old. */
  readonly retain: boolean
  readonly responseTopic?: string
  readonly correlationData?: Buffer
}
