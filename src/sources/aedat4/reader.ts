import { type FileHandle, open } from 'node:fs/promises'
import { decompress, signatureOf } from './codec.js'
import { FileWindow } from './file-window.js'
import {
  IDENTIFIERS,
  MAGIC,
  MAX_HEADER_BYTES,
  MAX_PACKET_BYTES,
  type Problem,
  type StreamKind,
  unusable,
} from './format.js'
import { type Aedat4Header, decodeHeader, type StreamInfo } from './header.js'
import { tableEntries } from './table.js'

/** One decompressed packet of a stream that is read. */
export interface Packet {
  readonly kind: StreamKind
  /** File offset of the packet header, for problem reports. */
  readonly offset: number
  /** The size-prefixed FlatBuffer. Borrowed: valid until the next packet is read. */
  readonly bytes: Uint8Array
}

export interface DataTable {
  /** `absent`: the file was not closed. `damaged`: its header names a place where none can be read. */
  readonly state: 'present' | 'absent' | 'damaged'
  readonly entries: number
}

/** Problems kept one by one; further ones are only counted, so that a file of rubbish cannot fill memory. */
const MAX_PROBLEMS = 100
/** Looks at each byte of a file, on average. Without limit, packets that overlap make each other be read again. */
const MAX_LOOKS = 16
const PACKET_HEADER_BYTES = 8
const SCAN_BYTES = 64 * 1024
/** What a scan must see to judge a packet: its header and its body's first 16 bytes. */
const SCAN_OVERLAP = PACKET_HEADER_BYTES + 16

/**
 * Reads an AEDAT 4.0 file packet by packet in file order, with memory bounded by the largest packet. Damage costs the
 * packets it touches: the reader reports the place, finds the next packet and goes on.
 */
export class Aedat4Reader {
  readonly header: Aedat4Header
  readonly table: DataTable
  readonly fileBytes: number
  #handle: FileHandle
  #file: FileWindow
  #streams: ReadonlyMap<number, StreamInfo>
  #signature: Uint8Array
  #first: number
  #limit: number
  #next: number
  #problems: Problem[] = []
  #problemCount = 0
  #skippedBytes = 0

  private constructor(
    handle: FileHandle,
    file: FileWindow,
    parts: { header: Aedat4Header; table: DataTable; first: number },
  ) {
    this.#handle = handle
    this.#file = file
    this.header = parts.header
    this.table = parts.table
    this.fileBytes = file.size
    this.#first = parts.first
    this.#next = parts.first
    this.#limit = parts.table.state === 'present' ? parts.header.dataTablePosition : file.size
    this.#streams = new Map(parts.header.streams.map((stream) => [stream.id, stream]))
    this.#signature = signatureOf(parts.header.compression)
    if (parts.table.state === 'damaged') this.#reportTable()
  }

  /** Opens a file and reads its header. Rejects with RECORDING_CORRUPT where nothing can be read from it. */
  static async open(path: string): Promise<Aedat4Reader> {
    let handle: FileHandle
    try {
      handle = await open(path, 'r')
    } catch (cause) {
      throw unusable(`The recording ${path} cannot be opened.`, { path, cause })
    }
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw unusable(`${path} is not a file.`, { path })
      const file = new FileWindow(handle, stat.size)
      const { header, first } = await readHeader(file, path)
      return new Aedat4Reader(handle, file, {
        header,
        first,
        table: await probe(file, header, first),
      })
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** What could not be read so far, in the order met; at most the first 100. */
  get problems(): readonly Problem[] {
    return this.#problems
  }

  /** All problems met, kept or not. */
  get problemCount(): number {
    return this.#problemCount
  }

  /** Bytes that belong to no packet that could be read. */
  get skippedBytes(): number {
    return this.#skippedBytes
  }

  report(offset: number, message: string): void {
    this.#problemCount++
    // Drop policy: the first problems are kept, they explain the rest; all are counted.
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ offset, message })
  }

  /** Starts again at the first packet. */
  rewind(): void {
    this.#next = this.#first
    this.#problems = []
    this.#problemCount = 0
    this.#skippedBytes = 0
    this.#file.lookedBytes = 0
    if (this.table.state === 'damaged') this.#reportTable()
  }

  /** The next packet of a known stream type, or undefined at the end of what can be read. */
  async next(): Promise<Packet | undefined> {
    let last = this.#next
    while (this.#next < this.#limit) {
      const offset = this.#next
      if (this.#file.lookedBytes > MAX_LOOKS * this.fileBytes + MAX_PACKET_BYTES) {
        this.report(offset, 'The file is too damaged to go on: the rest is not read.')
        this.#skip(offset)
        break
      }
      const head = await this.#file.view(offset, PACKET_HEADER_BYTES)
      const claim = this.#claimAt(head, 0, offset)
      if (typeof claim === 'string') {
        if (await this.#endsInTable(offset)) break
        this.report(offset, claim)
        await this.#resync(last + 1, offset)
        last = offset
        continue
      }
      const body = await this.#file.view(offset + PACKET_HEADER_BYTES, claim.bytes)
      const end = offset + PACKET_HEADER_BYTES + claim.bytes
      last = offset
      this.#next = end
      if (claim.stream.kind === undefined) continue
      try {
        const { bytes, consumed } = decompress(body, this.header.compression)
        requireIdentifier(bytes, claim.stream.kind)
        if (consumed + PACKET_HEADER_BYTES <= claim.bytes) {
          // The body ends early enough to hide a whole packet: its size is damaged.
          this.report(offset, `The packet claims ${claim.bytes} bytes and has ${consumed}.`)
          // An uncompressed body is a view of the window, which the search moves.
          const kept = new Uint8Array(bytes)
          await this.#resync(offset + PACKET_HEADER_BYTES + consumed, end)
          return { kind: claim.stream.kind, offset, bytes: kept }
        }
        return { kind: claim.stream.kind, offset, bytes }
      } catch (error) {
        this.report(offset, `The packet cannot be read: ${(error as Error).message}.`)
        this.#file.lookedBytes += claim.bytes
        await this.#resync(offset + 1, offset)
      }
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** A packet header's claim, or what is wrong with it as a sentence. */
  #claimAt(
    bytes: Uint8Array,
    at: number,
    offset: number,
  ): { stream: StreamInfo; bytes: number } | string {
    const left = this.#limit - offset
    if (left < PACKET_HEADER_BYTES || bytes.length - at < PACKET_HEADER_BYTES) {
      return `The file ends ${left} bytes into a packet header.`
    }
    const id = int32(bytes, at)
    const size = int32(bytes, at + 4)
    const stream = this.#streams.get(id)
    if (stream === undefined) return `A packet names stream ${id}, which the header does not.`
    if (size <= 0 || size > MAX_PACKET_BYTES) return `A packet claims ${size} bytes.`
    if (size > left - PACKET_HEADER_BYTES) {
      return `A packet claims ${size} bytes and ${left - PACKET_HEADER_BYTES} are left: the file is cut there.`
    }
    return { stream, bytes: size }
  }

  /** A power cut between writing the table and linking it leaves one where a packet would be: not damage, the end. */
  async #endsInTable(offset: number): Promise<boolean> {
    return (await tableEntries(this.#file, offset, this.header.compression)) !== undefined
  }

  /**
   * Moves to the first place at or after `from` that looks like a packet: a known stream, a size that fits, and a body
   * that begins as its codec's. `lostFrom` is where the bytes that are skipped begin.
   */
  async #resync(from: number, lostFrom: number): Promise<void> {
    for (let at = from; at < this.#limit; at += SCAN_BYTES) {
      const bytes = await this.#file.view(at, SCAN_BYTES + SCAN_OVERLAP)
      const end = Math.min(SCAN_BYTES, bytes.length - SCAN_OVERLAP + 1)
      for (let i = 0; i < end; i++) {
        if (this.#looksLikePacket(bytes, i, at + i)) {
          this.#skippedBytes += Math.max(0, at + i - lostFrom)
          this.#next = at + i
          return
        }
      }
    }
    this.#skip(lostFrom)
  }

  #skip(from: number): void {
    this.#skippedBytes += Math.max(0, this.#limit - from)
    this.#next = this.#limit
  }

  #looksLikePacket(bytes: Uint8Array, at: number, offset: number): boolean {
    // Cheapest test first: stream ids are small, so their upper bytes are zero.
    if (bytes[at + 2] !== 0 || bytes[at + 3] !== 0) return false
    const claim = this.#claimAt(bytes, at, offset)
    if (typeof claim === 'string') return false
    const body = at + PACKET_HEADER_BYTES
    for (let i = 0; i < this.#signature.length; i++) {
      if (bytes[body + i] !== this.#signature[i]) return false
    }
    if (this.#signature.length > 0) return true
    for (let i = 0; i < 4; i++) {
      if (bytes[body + 8 + i] !== claim.stream.identifier.charCodeAt(i)) return false
    }
    return true
  }

  #reportTable(): void {
    const { dataTablePosition } = this.header
    this.report(dataTablePosition, 'The header names a data table here and none can be read.')
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function requireIdentifier(bytes: Uint8Array, kind: StreamKind): void {
  const found = String.fromCharCode(...bytes.subarray(8, 12))
  if (found !== IDENTIFIERS[kind]) {
    throw new Error(`it holds ${JSON.stringify(found)} where ${IDENTIFIERS[kind]} belongs`)
  }
}

async function readHeader(
  file: FileWindow,
  path: string,
): Promise<{ header: Aedat4Header; first: number }> {
  if (file.size === 0) throw unusable(`The recording ${path} is empty.`, { path })
  const start = await file.view(0, MAGIC.length + 4)
  if (!MAGIC.equals(start.subarray(0, MAGIC.length))) {
    throw unusable(`${path} is not an AEDAT 4.0 recording.`, { path })
  }
  const length = start.length < MAGIC.length + 4 ? 0 : int32(start, MAGIC.length)
  const first = MAGIC.length + 4 + length
  if (length <= 0 || length > MAX_HEADER_BYTES || first > file.size) {
    throw unusable(`The recording ${path} ends inside its header or its header is damaged.`, {
      path,
    })
  }
  try {
    const header = decodeHeader(await file.view(MAGIC.length, length + 4))
    return { header, first }
  } catch (cause) {
    throw unusable(`The header of ${path} cannot be read: ${(cause as Error).message}.`, {
      path,
      cause,
    })
  }
}

/** Finds out whether the table that the header names is there. Its place decides where packets end, so it must be. */
async function probe(file: FileWindow, header: Aedat4Header, first: number): Promise<DataTable> {
  const { dataTablePosition: at, compression } = header
  if (at < 0) return { state: 'absent', entries: 0 }
  const entries = at < first ? undefined : await tableEntries(file, at, compression)
  return entries === undefined ? { state: 'damaged', entries: 0 } : { state: 'present', entries }
}
