import { constants } from 'node:fs'
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { compressFrame } from 'lz4-napi'
import { encodeTable, TABLE_ROW } from './encode.js'
import { putInt64 } from './flatbuffer.js'
import type { StreamKind } from './format.js'
import { encodeHeader, type HeaderContent, STREAM_IDS, TABLE_POSITION_OFFSET } from './header.js'

/** One encoded packet on its way to the file. */
export interface OutgoingPacket {
  readonly kind: StreamKind
  readonly bytes: Uint8Array
  readonly elements: number
  readonly firstUs: number
  readonly lastUs: number
  /** Called when `bytes` are no longer needed, written or not. */
  readonly release?: () => void
}

export interface WriterLimits {
  /** Memory of packets waiting for the disk. */
  readonly maxQueueBytes: number
  /** Size of the file, without its closing table. */
  readonly maxFileBytes: number
  /** Space that must stay free on the file system. */
  readonly minFreeBytes: number
}

/** Why a file takes no more packets. */
export type StopReason = 'size-limit' | 'disk-full' | 'write-failed'

/**
 * Packets listed in the closing table at most: 48 bytes each are held until then. A longer recording is closed without
 * a table, which every reader accepts and makes up for by scanning.
 */
const MAX_TABLE_ENTRIES = 262_144

/** Packets compressed side by side on libuv's pool and written in one call. */
const GROUP = 8

/**
 * Appends packets to an AEDAT4 file so that a power cut at any byte leaves a readable one: the header says "no table"
 * until the file is closed, each packet is one append, and only the last step of closing links the table.
 *
 * Compression and disk work run on libuv's pool; the calling thread only queues. Packets are written in queue order.
 */
export class Aedat4Writer {
  readonly path: string
  #handle: FileHandle
  #limits: WriterLimits
  #compress: boolean
  #header: HeaderContent | undefined
  #position = 0
  #queue: OutgoingPacket[] = []
  #queueBytes = 0
  #pump: Promise<void> | undefined
  #stopped: StopReason | undefined
  #failure: Error | undefined
  #unsynced = false
  #rows = new Float64Array(TABLE_ROW * 1024)
  #packets = 0
  #dropped: (packet: OutgoingPacket) => void

  private constructor(
    handle: FileHandle,
    options: { path: string; limits: WriterLimits; compression: 'NONE' | 'LZ4' },
    dropped: (packet: OutgoingPacket) => void,
  ) {
    this.#handle = handle
    this.path = options.path
    this.#limits = options.limits
    this.#compress = options.compression === 'LZ4'
    this.#dropped = dropped
  }

  /**
   * Creates the file; an existing one is never overwritten. Rejects with the system's error. `dropped` hears of each
   * packet that will not be in the file.
   */
  static async create(
    options: { path: string; limits: WriterLimits; compression: 'NONE' | 'LZ4' },
    dropped: (packet: OutgoingPacket) => void,
  ): Promise<Aedat4Writer> {
    const handle = await open(options.path, 'wx')
    try {
      await syncDirectory(dirname(options.path))
    } catch (error) {
      await handle.close()
      throw error
    }
    return new Aedat4Writer(handle, options, dropped)
  }

  get fileBytes(): number {
    return this.#position
  }

  get packets(): number {
    return this.#packets
  }

  get stopped(): StopReason | undefined {
    return this.#stopped
  }

  /** The error behind 'write-failed'. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Settles the header. Must come before the first packet; the first call counts. */
  begin(header: HeaderContent): void {
    this.#header ??= header
  }

  /** Queues a packet. Drop policy: what does not fit the queue is dropped, the newest; the file stays gapless before. */
  enqueue(packet: OutgoingPacket): void {
    const bytes = heldBytes(packet)
    if (this.#stopped !== undefined || this.#queueBytes + bytes > this.#limits.maxQueueBytes) {
      this.#drop(packet)
      return
    }
    this.#queue.push(packet)
    this.#queueBytes += bytes
    this.#pump ??= this.#run()
  }

  /** Puts what was written on the disk, and stops before the file system is full. */
  async sync(): Promise<void> {
    if (this.#stopped === 'write-failed') return
    try {
      if (this.#unsynced) {
        this.#unsynced = false
        await this.#handle.datasync()
      }
      const { bavail, bsize } = await statfs(dirname(this.path))
      if (bavail * bsize < this.#limits.minFreeBytes) this.#stopped ??= 'disk-full'
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Writes all that is queued, then the table, then links it. Never rejects: see `stopped` and `failure`. */
  async close(): Promise<void> {
    await this.#pump
    try {
      // After a failed write the file ends with its last whole packet and stays unlinked.
      if (this.#failure === undefined) await this.#finish()
      else await this.#handle.truncate(this.#position)
    } catch (error) {
      this.#fail(error)
    }
    try {
      await this.#handle.close()
    } catch (error) {
      this.#fail(error)
    }
  }

  async #run(): Promise<void> {
    try {
      await this.#writeHeader()
      while (this.#queue.length > 0) {
        const group = this.#queue.splice(0, GROUP)
        try {
          await this.#writeGroup(group)
        } catch (error) {
          this.#fail(error)
          for (const packet of group) this.#dropped(packet)
        }
        for (const packet of group) {
          this.#queueBytes -= heldBytes(packet)
          packet.release?.()
        }
        if (this.#stopped !== undefined) this.#clear()
      }
    } catch (error) {
      this.#fail(error)
      this.#clear()
    }
    this.#pump = undefined
  }

  async #writeHeader(): Promise<void> {
    if (this.#position > 0 || this.#header === undefined) return
    await this.#append([encodeHeader(this.#header)])
  }

  async #writeGroup(group: readonly OutgoingPacket[]): Promise<void> {
    const bodies = await Promise.all(
      group.map((packet) => (this.#compress ? compressFrame(packet.bytes) : packet.bytes)),
    )
    let position = this.#position
    const parts: Uint8Array[] = []
    const rows: number[][] = []
    for (const [i, packet] of group.entries()) {
      const body = bodies[i]!
      const id = STREAM_IDS[packet.kind]
      const head = Buffer.alloc(8)
      head.writeInt32LE(id, 0)
      head.writeInt32LE(body.byteLength, 4)
      parts.push(head, body)
      position += 8
      rows.push([position, id, body.byteLength, packet.elements, packet.firstUs, packet.lastUs])
      position += body.byteLength
    }
    if (position > this.#limits.maxFileBytes) {
      this.#stopped = 'size-limit'
      for (const packet of group) this.#dropped(packet)
      return
    }
    await this.#append(parts)
    for (const row of rows) this.#remember(row)
  }

  /** Appends whole; a partial write is continued, and one that fails leaves the position where it was. */
  async #append(parts: readonly Uint8Array[]): Promise<void> {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    let done = 0
    while (done < bytes.byteLength) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.byteLength - done,
        this.#position + done,
      )
      done += bytesWritten
    }
    this.#position += done
    this.#unsynced = true
  }

  #remember(row: readonly number[]): void {
    const at = this.#packets++ * TABLE_ROW
    if (this.#packets > MAX_TABLE_ENTRIES) return
    if (at + TABLE_ROW > this.#rows.length) {
      const grown = new Float64Array(2 * this.#rows.length)
      grown.set(this.#rows)
      this.#rows = grown
    }
    this.#rows.set(row, at)
  }

  async #finish(): Promise<void> {
    await this.#writeHeader()
    const tablePosition = this.#position
    if (this.#packets > 0 && this.#packets <= MAX_TABLE_ENTRIES) {
      const table = encodeTable(this.#rows, this.#packets)
      await this.#append([this.#compress ? await compressFrame(table) : table])
      // The table must be on the disk before anything points at it.
      await this.#handle.datasync()
      const position = new DataView(new ArrayBuffer(8))
      putInt64(position, 0, tablePosition)
      await this.#handle.write(new Uint8Array(position.buffer), 0, 8, TABLE_POSITION_OFFSET)
    }
    await this.#handle.datasync()
  }

  #clear(): void {
    for (const packet of this.#queue) {
      this.#drop(packet)
    }
    this.#queue = []
    this.#queueBytes = 0
  }

  #drop(packet: OutgoingPacket): void {
    this.#dropped(packet)
    packet.release?.()
  }

  #fail(error: unknown): void {
    this.#failure ??= error as Error
    this.#stopped = 'write-failed'
  }
}

/** A packet keeps its whole allocation alive, however little of it is used. */
function heldBytes(packet: OutgoingPacket): number {
  return packet.bytes.buffer.byteLength
}

/** The new file's name must survive a power cut too. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
