import { createServer, type Server, type Socket } from 'node:net'
import type { BulkRequest, TransferStatus } from '../../src/davis346/emulator/bulk-pipe.js'
import type { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { ENDPOINT, USB_ID } from '../../src/davis346/registers.js'
import {
  CAPABILITY,
  capabilities,
  header,
  type Packet,
  PacketReader,
  STATUS,
  TYPE,
} from './protocol.js'

const OURS = capabilities(
  CAPABILITY.connectDeviceVersion,
  CAPABILITY.endpointMaxPacketSize,
  CAPABILITY.ids64,
  CAPABILITY.bulkLength32,
)
const ENDED: Record<TransferStatus, number> = {
  ok: STATUS.ok,
  stall: STATUS.stall,
  gone: STATUS.ioError,
  error: STATUS.ioError,
}
const SPEED = { high: 2, super: 3 } as const
const ENDPOINT_TYPE = { control: 0, bulk: 2, interrupt: 3, none: 255 } as const
const CLEAR_FEATURE = 1

/**
 * An emulated camera as qemu's usb-redir device wants it: a guest's own kernel enumerates it. The same device model as
 * behind the libusb shim. One guest at a time.
 */
export class UsbRedirPeer {
  readonly #server: Server
  readonly #guests = new Set<Guest>()
  readonly #forget: () => void

  constructor(camera: EmulatedCamera) {
    this.#server = createServer((socket) => {
      const guest = new Guest(socket, camera)
      this.#guests.add(guest)
      socket.on('close', () => this.#guests.delete(guest))
    })
    this.#forget = camera.onPlug((plugged) => {
      for (const guest of this.#guests) guest.plugChanged(plugged)
    })
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, resolve)
    })
  }

  close(): Promise<void> {
    this.#forget()
    for (const guest of this.#guests) guest.close()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

class Guest {
  readonly #socket: Socket
  readonly #camera: EmulatedCamera
  readonly #reader = new PacketReader()
  readonly #reads = new Map<bigint, BulkRequest>()
  #theirs = 0
  #greeted = false

  constructor(socket: Socket, camera: EmulatedCamera) {
    this.#socket = socket
    this.#camera = camera
    const hello = Buffer.alloc(68)
    hello.write('evtrackd emulated DAVIS346', 0, 'latin1')
    hello.writeUInt32LE(OURS, 64)
    this.#send(TYPE.hello, 0n, hello)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const read of this.#reads.values()) camera.pipe.cancel(read)
      this.#reads.clear()
      camera.release(this)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  plugChanged(plugged: boolean): void {
    if (!this.#greeted) return
    if (plugged) this.#announce()
    else this.#send(TYPE.deviceDisconnect, 0n)
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk)
    try {
      for (let packet = this.#reader.next(); packet; packet = this.#reader.next()) {
        this.#dispatch(packet)
      }
    } catch {
      // Whoever speaks another protocol is not a guest.
      this.#socket.destroy()
    }
  }

  #has(capability: number): boolean {
    return ((this.#theirs & OURS) >> capability) % 2 === 1
  }

  #send(type: number, id: bigint, ...parts: Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    this.#socket.cork()
    this.#socket.write(header(type, id, length, this.#reader.long && type !== TYPE.hello))
    for (const part of parts) if (part.length > 0) this.#socket.write(part)
    this.#socket.uncork()
  }

  #dispatch({ type, id, payload }: Packet): void {
    const camera = this.#camera
    switch (type) {
      case TYPE.hello:
        this.#theirs = payload.length >= 68 ? payload.readUInt32LE(64) : 0
        this.#reader.long = this.#has(CAPABILITY.ids64)
        this.#greeted = true
        if (camera.plugged) this.#announce()
        break
      case TYPE.reset:
        this.#cancelAll()
        break
      case TYPE.setConfiguration:
        camera.configuration = payload[0] ?? 0
        this.#endpoints()
        this.#send(TYPE.configurationStatus, id, Uint8Array.of(STATUS.ok, camera.configuration))
        break
      case TYPE.getConfiguration:
        this.#send(TYPE.configurationStatus, id, Uint8Array.of(STATUS.ok, camera.configuration))
        break
      case TYPE.setAltSetting: {
        const [face = 0, setting = 0] = payload
        const status = face === 0 && setting === 0 ? STATUS.ok : STATUS.invalid
        this.#send(TYPE.altSettingStatus, id, Uint8Array.of(status, face, 0))
        break
      }
      case TYPE.getAltSetting:
        this.#send(TYPE.altSettingStatus, id, Uint8Array.of(STATUS.ok, payload[0] ?? 0, 0))
        break
      case TYPE.startInterruptReceiving:
      case TYPE.stopInterruptReceiving:
        // The debug endpoint has nothing to say.
        this.#send(TYPE.interruptReceivingStatus, id, Uint8Array.of(STATUS.ok, payload[0] ?? 0))
        break
      case TYPE.control:
        void this.#control(id, payload)
        break
      case TYPE.bulk:
        this.#bulk(id, payload)
        break
      case TYPE.cancelDataPacket:
        this.#cancel(id)
        break
    }
  }

  /** Interfaces and endpoints first, then the device: that is the order in which a guest's controller wants them. */
  #announce(): void {
    const interfaces = Buffer.alloc(4 + 4 * 32)
    interfaces.writeUInt32LE(1, 0)
    interfaces[4 + 32] = 0xff
    this.#send(TYPE.interfaceInfo, 0n, interfaces)
    this.#endpoints()
    const { identity } = this.#camera
    const device = Buffer.alloc(this.#has(CAPABILITY.connectDeviceVersion) ? 10 : 8)
    device[0] = SPEED[identity.speed]
    device.writeUInt16LE(USB_ID.vendor, 4)
    device.writeUInt16LE(USB_ID.productFx3, 6)
    if (device.length === 10) device.writeUInt16LE(identity.firmware, 8)
    this.#send(TYPE.deviceConnect, 0n, device)
  }

  #endpoints(): void {
    const sizes = this.#has(CAPABILITY.endpointMaxPacketSize)
    const info = Buffer.alloc(96 + (sizes ? 64 : 0))
    info.fill(ENDPOINT_TYPE.none, 0, 32)
    const set = (index: number, type: number, interval: number, size: number) => {
      info[index] = type
      info[32 + index] = interval
      if (sizes) info.writeUInt16LE(size, 96 + 2 * index)
    }
    // OUT endpoints come first, IN endpoints after sixteen of them.
    set(0, ENDPOINT_TYPE.control, 0, 64)
    set(16, ENDPOINT_TYPE.control, 0, 64)
    set(16 + (ENDPOINT.debug & 15), ENDPOINT_TYPE.interrupt, 4, 64)
    const size = this.#camera.identity.speed === 'super' ? 1024 : 512
    set(16 + (ENDPOINT.data & 15), ENDPOINT_TYPE.bulk, 0, size)
    this.#send(TYPE.endpointInfo, 0n, info)
  }

  async #control(id: bigint, payload: Buffer): Promise<void> {
    const setup = {
      request: payload[1] ?? 0,
      type: payload[2] ?? 0,
      value: payload.readUInt16LE(4),
      index: payload.readUInt16LE(6),
      length: payload.readUInt16LE(8),
    }
    const head = Buffer.from(payload.subarray(0, 10))
    const answer = (status: number, data: Uint8Array = new Uint8Array(0)) => {
      head[3] = status
      const isIn = (setup.type & 0x80) !== 0
      head.writeUInt16LE(isIn ? data.length : status === STATUS.ok ? setup.length : 0, 8)
      this.#send(TYPE.control, id, head, isIn ? data : new Uint8Array(0))
    }
    if (setup.type === 0x02 && setup.request === CLEAR_FEATURE) {
      const outcome = await this.#camera.clearHalt(setup.index)
      answer(outcome === 'ok' ? STATUS.ok : STATUS.ioError)
      return
    }
    const outcome = await this.#camera.control(setup, Uint8Array.from(payload.subarray(10)))
    if (outcome.status === 'unanswered') return
    if (outcome.status === 'ok') answer(STATUS.ok, outcome.data)
    else answer(outcome.status === 'stall' ? STATUS.stall : STATUS.ioError)
  }

  #bulk(id: bigint, payload: Buffer): void {
    const long = this.#has(CAPABILITY.bulkLength32)
    const endpoint = payload[0]!
    const length = payload.readUInt16LE(2) + (long ? payload.readUInt16LE(8) * 0x1_0000 : 0)
    const head = Buffer.from(payload.subarray(0, long ? 10 : 8))
    const answer = (status: number, data: Uint8Array) => {
      head[1] = status
      head.writeUInt16LE(data.length & 0xffff, 2)
      if (long) head.writeUInt16LE(data.length >>> 16, 8)
      this.#send(TYPE.bulk, id, head, data)
    }
    if (endpoint !== ENDPOINT.data) {
      answer(STATUS.stall, new Uint8Array(0))
      return
    }
    const read: BulkRequest = {
      buffer: new Uint8Array(length),
      complete: (status, actual) => {
        this.#reads.delete(id)
        answer(ENDED[status], read.buffer.subarray(0, actual))
      },
    }
    this.#reads.set(id, read)
    this.#camera.submit(read)
  }

  #cancel(id: bigint): void {
    const read = this.#reads.get(id)
    if (read === undefined || !this.#camera.pipe.cancel(read)) return
    this.#reads.delete(id)
    const head = Buffer.alloc(this.#has(CAPABILITY.bulkLength32) ? 10 : 8)
    head[0] = ENDPOINT.data
    head[1] = STATUS.cancelled
    this.#send(TYPE.bulk, id, head)
  }

  #cancelAll(): void {
    for (const id of [...this.#reads.keys()]) this.#cancel(id)
  }
}
