import type {
  Broker,
  BrokerSession,
  BrokerStatus,
  OutgoingMessage,
  PublishOutcome,
} from '../../src/publish/broker.js'

/** A Broker whose connection and acknowledgements the test decides, for orders that no real broker produces on demand. */
export class ScriptedBroker implements Broker {
  status: BrokerStatus = { state: 'connecting', connects: 0 }
  full = false
  session: BrokerSession | undefined
  readonly published: OutgoingMessage[] = []
  /** What a publish comes to at once; undefined leaves it for settle(). */
  outcome: PublishOutcome | undefined = 'sent'
  #waiting: ((outcome: PublishOutcome) => void)[] = []

  get writable(): boolean {
    return this.status.state === 'connected' && !this.full
  }

  start(session: BrokerSession): void {
    this.session = session
  }

  connect(): void {
    this.status = { state: 'connected', protocol: '5', connects: this.status.connects + 1 }
    this.session?.onConnect()
  }

  disconnect(): void {
    this.status = { state: 'connecting', connects: this.status.connects }
    this.settle(this.#waiting.length, 'lost')
    this.session?.onDisconnect()
  }

  publish(message: OutgoingMessage): Promise<PublishOutcome> {
    if (this.status.state !== 'connected') return Promise.resolve('lost')
    this.published.push(message)
    if (this.outcome !== undefined) return Promise.resolve(this.outcome)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Settles the oldest publishes under way. */
  settle(count: number, outcome: PublishOutcome): void {
    for (const resolve of this.#waiting.splice(0, count)) resolve(outcome)
  }

  payloads(topicEnd: string): Record<string, unknown>[] {
    return this.published
      .filter(({ topic }) => topic.endsWith(topicEnd))
      .map(({ payload }) => JSON.parse(payload))
  }

  close(): Promise<void> {
    this.status = { state: 'closed', connects: this.status.connects }
    return Promise.resolve()
  }
}
