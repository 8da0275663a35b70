import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 1024 * 1024

/**
 * Random access to a file through one buffer, for reading that is nearly sequential: memory is one chunk, or the largest
 * packet asked for.
 */
export class FileWindow {
  readonly size: number
  /** Bytes read so far, those read again included: what searching a damaged file costs. The reader adds its own. */
  lookedBytes = 0
  #handle: FileHandle
  #buffer = Buffer.allocUnsafeSlow(0)
  #start = 0
  #length = 0

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  /** The bytes at `offset`, fewer than `length` only at the file's end. Borrowed: valid until the next call. */
  async view(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.size - offset)
    if (wanted <= 0) return this.#buffer.subarray(0, 0)
    if (offset < this.#start || offset + wanted > this.#start + this.#length) {
      await this.#load(offset, wanted)
    }
    const at = offset - this.#start
    return this.#buffer.subarray(at, Math.min(at + wanted, this.#length))
  }

  async #load(offset: number, wanted: number): Promise<void> {
    const length = Math.min(Math.max(wanted, CHUNK_BYTES), this.size - offset)
    // One large packet must not hold its memory for the rest of the file.
    const oversized = this.#buffer.length > CHUNK_BYTES && length <= CHUNK_BYTES
    if (length > this.#buffer.length || oversized) this.#buffer = Buffer.allocUnsafeSlow(length)
    this.#start = offset
    this.#length = 0
    while (this.#length < length) {
      const { bytesRead } = await this.#handle.read(
        this.#buffer,
        this.#length,
        length - this.#length,
        offset + this.#length,
      )
      // The file became shorter while it was read.
      if (bytesRead === 0) break
      this.lookedBytes += bytesRead
      this.#length += bytesRead
    }
  }
}
