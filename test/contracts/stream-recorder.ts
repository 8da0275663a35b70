import type { BulkEnd, BulkInOptions } from '../../src/usb/port.js'

/** What a bulk stream did, and promises for what it will do: tests wait for events, never for a time. */
export class StreamRecorder {
  readonly lengths: number[] = []
  readonly hostUs: number[] = []
  readonly ends: BulkEnd[] = []
  /** Transfers that came after the end. */
  late = 0
  onTransfer: (data: Uint8Array) => void = () => {}
  readonly #waiting: { met: () => boolean; resolve: () => void }[] = []

  /** Options for startBulkIn that record into this. */
  options(shape: { transferBytes?: number; transferCount?: number } = {}): BulkInOptions {
    return {
      endpoint: 0x82,
      transferBytes: shape.transferBytes ?? 4096,
      transferCount: shape.transferCount ?? 4,
      onTransfer: (data, hostUs) => {
        if (this.ends.length > 0) this.late++
        this.lengths.push(data.length)
        this.hostUs.push(hostUs)
        this.onTransfer(data)
        this.#check()
      },
      onEnd: (end) => {
        this.ends.push(end)
        this.#check()
      },
    }
  }

  until(met: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ met, resolve })
      this.#check()
    })
  }

  /** Resolves after `count` more transfers. */
  transfers(count: number): Promise<void> {
    const goal = this.lengths.length + count
    return this.until(() => this.lengths.length >= goal)
  }

  ended(): Promise<void> {
    return this.until(() => this.ends.length > 0)
  }

  #check(): void {
    for (const each of [...this.#waiting]) {
      if (!each.met()) continue
      this.#waiting.splice(this.#waiting.indexOf(each), 1)
      each.resolve()
    }
  }
}
