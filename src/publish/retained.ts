import type { Broker } from './broker.js'

interface Entry {
  payload: string
  /** The newest payload is not known to be at the broker. */
  dirty: boolean
  /** The message under way. */
  sending?: Promise<void>
}

/**
 * The retained topics and their newest payloads. At most one message a topic is under way; a newer payload replaces
 * one that waits, which is no loss: only the newest counts. `announce()` sends everything again, because a broker that
 * restarted may have forgotten, or may still show the last will.
 */
export class RetainedTopics {
  readonly #broker: Broker
  readonly #entries = new Map<string, Entry>()
  #refused = 0

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** Payloads the broker would not take. */
  get refused(): number {
    return this.#refused
  }

  set(topic: string, payload: string): void {
    const entry: Entry = this.#entries.get(topic) ?? { payload, dirty: true }
    this.#entries.set(topic, entry)
    entry.payload = payload
    entry.dirty = true
    this.#send(topic, entry)
  }

  /** Call on every connect. */
  announce(): void {
    for (const [topic, entry] of this.#entries) {
      entry.dirty = true
      delete entry.sending
      this.#send(topic, entry)
    }
  }

  /** Resolves when every topic is at the broker or the connection is lost. */
  async settled(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.sending))
  }

  #send(topic: string, entry: Entry): void {
    if (entry.sending !== undefined || this.#broker.status.state !== 'connected') return
    const sending = this.#sendNewest(topic, entry).finally(() => {
      // A later connection has its own message under way.
      if (entry.sending === sending) delete entry.sending
    })
    entry.sending = sending
  }

  async #sendNewest(topic: string, entry: Entry): Promise<void> {
    while (entry.dirty) {
      entry.dirty = false
      const { payload } = entry
      const outcome = await this.#broker.publish({ topic, payload, qos: 1, retain: true })
      if (outcome === 'refused') this.#refused += 1
      if (outcome === 'lost') {
        entry.dirty = true
        return
      }
    }
  }
}
