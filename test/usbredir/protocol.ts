/** The packets of the usbredir protocol that a bulk device with control requests needs. Little-endian throughout. */

export const TYPE = {
  hello: 0,
  deviceConnect: 1,
  deviceDisconnect: 2,
  reset: 3,
  interfaceInfo: 4,
  endpointInfo: 5,
  setConfiguration: 6,
  getConfiguration: 7,
  configurationStatus: 8,
  setAltSetting: 9,
  getAltSetting: 10,
  altSettingStatus: 11,
  startInterruptReceiving: 15,
  stopInterruptReceiving: 16,
  interruptReceivingStatus: 17,
  cancelDataPacket: 21,
  deviceDisconnectAck: 24,
  control: 100,
  bulk: 101,
} as const

export const STATUS = { ok: 0, cancelled: 1, invalid: 2, ioError: 3, stall: 4 } as const

/** Bits of the capability words in hello. */
export const CAPABILITY = {
  connectDeviceVersion: 1,
  endpointMaxPacketSize: 4,
  ids64: 5,
  bulkLength32: 6,
} as const

const SHORT_HEADER = 12
const LONG_HEADER = 16
/** A guest asks for at most some 64 KiB at a time; a length beyond this is no packet. */
const MAX_PAYLOAD = 1 << 24

export interface Packet {
  readonly type: number
  readonly id: bigint
  readonly payload: Buffer
}

export function capabilities(...bits: number[]): number {
  return bits.reduce((word, bit) => word | (1 << bit), 0)
}

/** A packet's header; ids have 64 bits once both sides said so, but never in hello. */
export function header(type: number, id: bigint, length: number, long: boolean): Buffer {
  const head = Buffer.alloc(long ? LONG_HEADER : SHORT_HEADER)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(length, 4)
  if (long) head.writeBigUInt64LE(id, 8)
  else head.writeUInt32LE(Number(id & 0xffffffffn), 8)
  return head
}

/** Puts packets together from what a stream gives. Throws for a length that no packet has. */
export class PacketReader {
  /** Set when both sides have said hello. */
  long = false
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
  }

  /** The next whole packet. One at a time, since hello changes how the next header reads. */
  next(): Packet | undefined {
    const size = this.long ? LONG_HEADER : SHORT_HEADER
    const rest = this.#rest
    if (rest.length < size) return undefined
    const length = rest.readUInt32LE(4)
    if (length > MAX_PAYLOAD) throw new Error(`a usbredir packet of ${length} bytes`)
    if (rest.length < size + length) return undefined
    this.#rest = rest.subarray(size + length)
    return {
      type: rest.readUInt32LE(0),
      id: this.long ? rest.readBigUInt64LE(8) : BigInt(rest.readUInt32LE(8)),
      payload: rest.subarray(size, size + length),
    }
  }
}
