/**
 * The camera's way out: twelve DMA buffers between the logic and the bulk endpoint. The logic fills one at a time; a
 * buffer is handed over when it is full or when the early-packet delay has passed. A buffer that does not end on a
 * packet boundary ends the host's transfer (a short packet); there are no zero-length packets.
 *
 * Bounded: `push` takes what fits and says how much. Whoever pushes drops or waits, and counts.
 */
export class PacketFifo {
  readonly #bufferBytes: number
  readonly #packetBytes: number
  readonly #bytes: Uint8Array[] = []
  readonly #words: Uint16Array[] = []
  readonly #lengths: number[] = []
  /** Oldest buffer that was handed over. */
  #head = 0
  #headOffset = 0
  #committed = 0
  /** Bytes in the buffer being filled. */
  #fill = 0
  /** Buffers handed over since power-up. */
  handovers = 0

  constructor(options: { buffers: number; bufferBytes: number; packetBytes: number }) {
    this.#bufferBytes = options.bufferBytes
    this.#packetBytes = options.packetBytes
    for (let i = 0; i < options.buffers; i++) {
      const words = new Uint16Array(options.bufferBytes / 2)
      this.#words.push(words)
      this.#bytes.push(new Uint8Array(words.buffer))
      this.#lengths.push(0)
    }
  }

  /** Words that may be pushed without loss. */
  get freeWords(): number {
    return ((this.#bytes.length - this.#committed) * this.#bufferBytes - this.#fill) >> 1
  }

  /** True while words wait in a buffer that has not been handed over. */
  get filling(): boolean {
    return this.#fill > 0
  }

  get readable(): boolean {
    return this.#committed > 0
  }

  /** hot. Takes words[from, to) as far as they fit; returns how many it took. */
  push(words: Uint16Array, from: number, to: number): number {
    let at = from
    while (at < to && this.#committed < this.#bytes.length) {
      const room = (this.#bufferBytes - this.#fill) >> 1
      const count = Math.min(room, to - at)
      const target = this.#words[(this.#head + this.#committed) % this.#words.length]!
      const start = this.#fill >> 1
      if (count < 32) {
        for (let i = 0; i < count; i++) target[start + i] = words[at + i]!
      } else {
        target.set(words.subarray(at, at + count), start)
      }
      at += count
      this.#fill += 2 * count
      if (this.#fill === this.#bufferBytes) this.handOver()
    }
    return at - from
  }

  handOver(): void {
    if (this.#fill === 0) return
    this.#lengths[(this.#head + this.#committed) % this.#lengths.length] = this.#fill
    this.#committed++
    this.handovers++
    this.#fill = 0
  }

  /** Ends the current packet with one stray byte, so that the transfer has an odd length. */
  pushStrayByte(byte: number): void {
    if (this.#committed === this.#bytes.length) return
    this.#bytes[(this.#head + this.#committed) % this.#bytes.length]![this.#fill++] = byte
    this.handOver()
  }

  /**
   * Copies into `target` from `offset` on until it is full, a short packet ends the transfer or nothing is left.
   * Returns the new offset; `ended` tells that the transfer is complete.
   */
  read(target: Uint8Array, offset: number): { offset: number; ended: boolean } {
    let at = offset
    while (this.#committed > 0 && at < target.length) {
      const length = this.#lengths[this.#head]!
      const count = Math.min(length - this.#headOffset, target.length - at)
      const bytes = this.#bytes[this.#head]!
      target.set(bytes.subarray(this.#headOffset, this.#headOffset + count), at)
      at += count
      this.#headOffset += count
      if (this.#headOffset < length) break
      this.#headOffset = 0
      this.#head = (this.#head + 1) % this.#bytes.length
      this.#committed--
      if (length % this.#packetBytes !== 0) return { offset: at, ended: true }
    }
    return { offset: at, ended: at === target.length }
  }

  /** CLEAR_FEATURE(ENDPOINT_HALT): everything queued is lost, half a word included. */
  flush(): void {
    this.#headOffset = 0
    this.#committed = 0
    this.#fill = 0
  }
}
