/** What is known of one hop, and of a window as the sum of its hops. */
export interface HopFacts {
  events: number
  eventsIn: number
  startUs: number
  endUs: number
  hostUs: number
  broken: boolean
}

function noFacts(): HopFacts {
  return {
    events: 0,
    eventsIn: 0,
    startUs: Number.POSITIVE_INFINITY,
    endUs: Number.NEGATIVE_INFINITY,
    hostUs: 0,
    broken: false,
  }
}

/** The bookkeeping beside the hops' planes: one hop is open, the others are the complete ones before it. */
export class HopRing {
  readonly #hops: HopFacts[]
  #open = 0
  /** Hops watched from their start, the open one included; at most all. */
  #watched = 1

  constructor(hops: number) {
    this.#hops = Array.from({ length: hops }, noFacts)
  }

  get open(): number {
    return this.#open
  }

  get openEvents(): number {
    return this.#hops[this.#open]!.events
  }

  /** True when the open hop completes a window. */
  get isFull(): boolean {
    return this.#watched === this.#hops.length
  }

  count(part: Omit<HopFacts, 'broken'>): void {
    const hop = this.#hops[this.#open]!
    hop.events += part.events
    hop.eventsIn += part.eventsIn
    hop.startUs = Math.min(hop.startUs, part.startUs)
    hop.endUs = Math.max(hop.endUs, part.endUs)
    hop.hostUs = Math.max(hop.hostUs, part.hostUs)
  }

  countIn(eventsIn: number): void {
    this.#hops[this.#open]!.eventsIn += eventsIn
  }

  markBroken(): void {
    this.#hops[this.#open]!.broken = true
  }

  window(): HopFacts {
    const sum = noFacts()
    for (const hop of this.#hops) {
      sum.events += hop.events
      sum.eventsIn += hop.eventsIn
      sum.startUs = Math.min(sum.startUs, hop.startUs)
      sum.endUs = Math.max(sum.endUs, hop.endUs)
      sum.hostUs = Math.max(sum.hostUs, hop.hostUs)
      sum.broken ||= hop.broken
    }
    return sum
  }

  /** Opens the next hop in place of the oldest; returns its number. */
  next(): number {
    this.#open = (this.#open + 1) % this.#hops.length
    this.#watched = Math.min(this.#watched + 1, this.#hops.length)
    Object.assign(this.#hops[this.#open]!, noFacts())
    return this.#open
  }

  clear(): void {
    for (const hop of this.#hops) Object.assign(hop, noFacts())
    this.#watched = 1
  }
}
