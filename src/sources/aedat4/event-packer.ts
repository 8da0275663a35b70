import type { EventBatch } from '../../events/batch.js'
import type { Size } from '../../events/geometry.js'
import {
  appendEvents,
  createEventPacket,
  EVENTS_HEADER_BYTES,
  type EventPacket,
  type EventPut,
  finishEvents,
} from './encode.js'
import type { OutgoingPacket } from './writer.js'

const PACKET_EVENTS = 8192
/** Packets kept for reuse: enough for a steady stream, without keeping a burst's memory. */
const SPARE_PACKETS = 32

/** Packs batches into event packets: into memory that the writer gives back, so a steady stream allocates nothing. */
export class EventPacker {
  #put: EventPut
  #emit: (packet: OutgoingPacket) => void
  #packet: EventPacket = createEventPacket(PACKET_EVENTS)
  #spare: EventPacket[] = []

  /** A packet goes to `emit` when it is full or spans `spanUs`; the receiver must call its `release` in the end. */
  constructor(options: { size: Size; spanUs: number }, emit: (packet: OutgoingPacket) => void) {
    this.#emit = emit
    this.#put = {
      next: 0,
      offsetUs: 0,
      lastUs: 0,
      spanUs: options.spanUs,
      width: options.size.width,
      height: options.size.height,
      offSensor: 0,
      backward: 0,
    }
  }

  /** Events that lay off the sensor and were left out. */
  get offSensor(): number {
    return this.#put.offSensor
  }

  /** Events that stepped back in time and were given the time before them. */
  get backward(): number {
    return this.#put.backward
  }

  /** File time of the first event that waits; infinite when none does. */
  get firstUs(): number {
    return this.#packet.count > 0 ? this.#packet.firstUs : Number.POSITIVE_INFINITY
  }

  /** File time of the newest event. */
  get lastUs(): number {
    return this.#put.lastUs
  }

  /** Copies the batch's events, `offsetUs` added to their time. Returns how many were taken. */
  add(batch: EventBatch, offsetUs: number): number {
    const put = this.#put
    put.next = 0
    put.offsetUs = offsetUs
    let taken = 0
    for (;;) {
      const before = this.#packet.count
      appendEvents(put, this.#packet, batch)
      taken += this.#packet.count - before
      if (put.next >= batch.length) return taken
      this.flush()
    }
  }

  flush(): void {
    const packet = this.#packet
    if (packet.count === 0) return
    const bytes = packet.bytes.subarray(0, EVENTS_HEADER_BYTES + 16 * packet.count)
    finishEvents(bytes, packet.count)
    this.#packet = this.#spare.pop() ?? createEventPacket(PACKET_EVENTS)
    this.#emit({
      kind: 'events',
      bytes,
      elements: packet.count,
      firstUs: packet.firstUs,
      lastUs: packet.lastUs,
      release: () => {
        packet.count = 0
        if (this.#spare.length < SPARE_PACKETS) this.#spare.push(packet)
      },
    })
  }
}
