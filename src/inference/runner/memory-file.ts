import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Memory that has a file descriptor, as POSIX shared memory does. */
const SHARED_MEMORY = '/dev/shm'

/**
 * Memory that is shared with another process by its file descriptor. The file has no name any more once it is open, so
 * nobody else can open it and nothing is left behind, whatever ends first. Node.js cannot map memory: this side reads and
 * writes by position, which costs a copy; the other side may map it.
 */
export class MemoryFile {
  readonly fd: number
  readonly bytes: number
  #closed = false

  constructor(bytes: number) {
    const path = join(
      existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(),
      `evtrackd-${randomUUID()}`,
    )
    this.fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    ftruncateSync(this.fd, bytes)
    this.bytes = bytes
  }

  write(data: Uint8Array | Float32Array, offset: number): void {
    // Memory files take and give all bytes at once.
    writeSync(this.fd, data, 0, data.byteLength, offset)
  }

  read(into: Uint8Array, offset: number): void {
    readSync(this.fd, into, 0, into.byteLength, offset)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.fd)
  }
}
