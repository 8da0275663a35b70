import type { Clock } from '../events/time.js'
import type { Broker } from './broker.js'
import { TokenBucket } from './rate-limit.js'
import type { Spool } from './spool.js'
import type { SpoolEntry, SpoolRecord } from './spool-segment.js'

/** Below the least Receive Maximum in common use (20), so that announcements and responses fit beside it. */
const WINDOW = 12

/**
 * Sends what is in the spool, in order, at QoS 1, and acknowledges what the broker acknowledged. A record that went out
 * as soon as it was made goes as it is; one that had to wait for the broker is marked `replayed` and takes its turn
 * at a limited rate, and so does whatever queues up behind it, which keeps the order.
 */
export class SpoolSender {
  readonly #spool: Spool
  readonly #broker: Broker
  readonly #clock: Clock
  #bucket: TokenBucket
  readonly #stop = new AbortController()
  /** Number of the connection, 0 while there is none: what arrives for an earlier one is ignored. */
  #connection = 0
  #connections = 0
  #inFlight = 0
  /** The newest record did not have to wait on this connection. */
  #tailLive = false
  #waiting = false
  #idle: (() => void)[] = []
  #refused = 0

  constructor(options: { spool: Spool; broker: Broker; clock: Clock; replayPerSecond: number }) {
    this.#spool = options.spool
    this.#broker = options.broker
    this.#clock = options.clock
    this.#bucket = bucketOf(options.replayPerSecond, options.clock)
  }

  /** From the next record that had to wait. */
  setRate(replayPerSecond: number): void {
    this.#bucket = bucketOf(replayPerSecond, this.#clock)
  }

  /** Records the broker would not take; they are gone. */
  get refused(): number {
    return this.#refused
  }

  offer(record: SpoolRecord): void {
    this.#tailLive = this.#connection !== 0 && (this.#spool.caughtUp || this.#tailLive)
    this.#spool.append(record, this.#tailLive ? this.#connection : 0)
    this.#pump()
  }

  connected(): void {
    this.#connection = ++this.#connections
    this.#inFlight = 0
    this.#tailLive = false
    this.#spool.rewind()
    this.#pump()
  }

  disconnected(): void {
    this.#connection = 0
    this.#settleIdle()
  }

  /** The connection takes data again. */
  drained(): void {
    this.#pump()
  }

  /** Resolves when everything was acknowledged or there is no connection. */
  idle(): Promise<void> {
    if (this.#connection === 0 || this.#spool.empty) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  close(): void {
    this.#stop.abort()
    this.disconnected()
  }

  #pump(): void {
    while (this.#connection !== 0 && this.#inFlight < WINDOW && this.#broker.writable) {
      const entry = this.#spool.peek()
      if (entry === undefined) break
      const replayed = entry.tag !== this.#connection
      if (replayed && !this.#bucket.take()) {
        this.#wait()
        return
      }
      this.#spool.take()
      void this.#send(entry, replayed)
    }
    if (this.#spool.empty) this.#settleIdle()
  }

  async #send(entry: SpoolEntry, replayed: boolean): Promise<void> {
    const connection = this.#connection
    this.#inFlight += 1
    const outcome = await this.#broker.publish({
      topic: entry.topic,
      payload: replayed ? markReplayed(entry.payload) : entry.payload,
      qos: 1,
    })
    // An acknowledgement is true whenever it is seen; the rest belongs to a connection that may be over.
    if (outcome !== 'lost') this.#spool.acknowledge(entry)
    if (outcome === 'refused') this.#refused += 1
    if (connection !== this.#connection) return
    this.#inFlight -= 1
    this.#pump()
  }

  #wait(): void {
    if (this.#waiting) return
    this.#waiting = true
    const wake = () => {
      this.#waiting = false
      this.#pump()
    }
    this.#clock.sleep(this.#bucket.waitMs(), this.#stop.signal).then(wake, () => {})
  }

  #settleIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function bucketOf(perSecond: number, clock: Clock): TokenBucket {
  return new TokenBucket({ perSecond, burst: perSecond / 10, clock })
}

/** `payload` is a JSON object with at least one key. */
function markReplayed(payload: string): string {
  return `{"replayed":true,${payload.slice(1)}`
}
