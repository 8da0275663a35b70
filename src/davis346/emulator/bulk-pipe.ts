import type { PacketFifo } from './packet-fifo.js'

export type TransferStatus = 'ok' | 'stall' | 'gone' | 'error'

/** One bulk read of the host. `complete` is called once, unless the host cancels first. */
export interface BulkRequest {
  readonly buffer: Uint8Array
  complete(status: TransferStatus, length: number): void
}

/**
 * The bulk endpoint as the host controller sees it: reads are served in the order in which they were submitted; each
 * is filled across buffers until it is full or a short packet ends it.
 */
export class BulkPipe {
  halted = false
  /** Answers nothing, as a camera that hangs. */
  silent = false
  /** Completed transfers that vanish on the bus. */
  loseTransfers = 0
  readonly #requests: BulkRequest[] = []
  /** Bytes in the oldest request. */
  #filled = 0

  get pending(): number {
    return this.#requests.length
  }

  submit(request: BulkRequest): void {
    this.#requests.push(request)
  }

  /** False when the request has completed already. Data that were in it are lost. */
  cancel(request: BulkRequest): boolean {
    const at = this.#requests.indexOf(request)
    if (at < 0) return false
    if (at === 0) this.#filled = 0
    this.#requests.splice(at, 1)
    return true
  }

  /** Every waiting read ends with `status`. */
  fail(status: TransferStatus): void {
    this.#filled = 0
    for (const request of this.#requests.splice(0)) request.complete(status, 0)
  }

  /** Serves reads from the buffers of the camera; returns whether anything moved. */
  serve(fifo: PacketFifo): boolean {
    if (this.halted) this.fail('stall')
    let moved = false
    while (!this.silent && fifo.readable) {
      const request = this.#requests[0]
      if (!request) break
      moved = true
      const { offset, ended } = fifo.read(request.buffer, this.#filled)
      this.#filled = offset
      if (!ended) continue
      this.#filled = 0
      if (this.loseTransfers > 0) {
        this.loseTransfers--
        continue
      }
      this.#requests.shift()
      request.complete('ok', offset)
    }
    return moved
  }
}
