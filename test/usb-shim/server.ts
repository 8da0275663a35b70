import { createServer, type Server, type Socket } from 'node:net'
import type { BulkRequest, TransferStatus } from '../../src/davis346/emulator/bulk-pipe.js'
import type { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import {
  configurationDescriptor,
  deviceDescriptor,
} from '../../src/davis346/emulator/descriptors.js'
import { ENDPOINT } from '../../src/davis346/registers.js'
import { frame, MessageReader, TO_HOST, TO_SERVER, URB_TYPE } from './messages.js'

const ERRNO = { EACCES: 13, EBUSY: 16, ENODEV: 19, EINVAL: 22, ENOENT: 2, EPIPE: 32, EPROTO: 71 }
const STATUS: Record<TransferStatus, number> = {
  ok: 0,
  stall: -ERRNO.EPIPE,
  gone: -108,
  error: -ERRNO.EPROTO,
}
/** Numbers of the usbfs ioctls that reach the server. */
const IOCTL = { setInterface: 4, setConfiguration: 5, claim: 15, release: 16, clearHalt: 21 }

/**
 * The other end of usbshim.so: emulated cameras behind a Unix socket. Every process that connects is a host that sees
 * all plugged cameras. It must not share a thread with a host, whose libusb calls block until they are answered.
 */
export class ShimServer {
  readonly #server: Server
  readonly #hosts = new Set<Host>()
  readonly #unsubscribes: (() => void)[] = []

  constructor(cameras: readonly EmulatedCamera[]) {
    this.#server = createServer((socket) => {
      const host = new Host(socket, cameras)
      this.#hosts.add(host)
      socket.on('close', () => this.#hosts.delete(host))
    })
    for (const camera of cameras) {
      this.#unsubscribes.push(
        camera.onPlug((plugged) => {
          for (const host of this.#hosts) host.plugChanged(camera, plugged)
        }),
      )
    }
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, resolve)
    })
  }

  /** Hosts lose all cameras. */
  close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribes) unsubscribe()
    for (const host of this.#hosts) host.close()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

/** An open device node of a host process. */
interface Node {
  readonly camera: EmulatedCamera
  /** The power-up it was opened in: a camera that came back is another device. */
  readonly model: object
  readonly reads: Map<number, BulkRequest>
}

class Host {
  readonly #socket: Socket
  readonly #cameras: readonly EmulatedCamera[]
  readonly #nodes = new Map<number, Node>()
  readonly #reader = new MessageReader()
  /** Buffers of completed reads, used again once the socket has taken their bytes. */
  readonly #buffers: Uint8Array[] = []

  constructor(socket: Socket, cameras: readonly EmulatedCamera[]) {
    this.#socket = socket
    this.#cameras = cameras
    for (const camera of cameras) if (camera.plugged) this.#attach(camera)
    socket.write(frame(TO_HOST.ready))
    socket.on('data', (chunk) => {
      for (const message of this.#reader.push(chunk)) this.#dispatch(message)
    })
    // A host that is killed resets the connection; 'close' follows and is all that matters.
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const id of [...this.#nodes.keys()]) this.#closeNode(id)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  plugChanged(camera: EmulatedCamera, plugged: boolean): void {
    if (plugged) this.#attach(camera)
    else this.#socket.write(frame(TO_HOST.detach, addressOf(camera)))
  }

  #attach(camera: EmulatedCamera): void {
    const { identity, info } = camera
    const name = Buffer.from(`${info.busNumber}-1`)
    const head = Buffer.alloc(8)
    head.set([...addressOf(camera), camera.configuration, name.length])
    head.writeUInt32LE(identity.speed === 'super' ? 5000 : 480, 4)
    const descriptors = [deviceDescriptor(identity), configurationDescriptor(identity)]
    this.#socket.write(frame(TO_HOST.attach, head, name, ...descriptors))
  }

  #dispatch(message: Buffer): void {
    const word = (index: number) => message.readUInt32LE(1 + 4 * index)
    switch (message[0]) {
      case TO_SERVER.open:
        this.#reply(word(0), this.#openNode(word(1), word(2)))
        break
      case TO_SERVER.close:
        this.#closeNode(word(0))
        break
      case TO_SERVER.submit:
        this.#submit(message)
        break
      case TO_SERVER.discard:
        this.#discard(word(0), word(1))
        break
      case TO_SERVER.request:
        void this.#request(word(1), { number: word(2), argument: word(3) }).then((result) =>
          this.#reply(word(0), result),
        )
        break
    }
  }

  #reply(call: number, result: number): void {
    const payload = Buffer.alloc(8)
    payload.writeUInt32LE(call, 0)
    payload.writeInt32LE(result, 4)
    this.#socket.write(frame(TO_HOST.reply, payload))
  }

  #openNode(id: number, address: number): number {
    const camera = this.#cameras.find(
      ({ info, plugged }) => plugged && (info.busNumber | (info.deviceAddress << 8)) === address,
    )
    if (!camera) return -ERRNO.ENOENT
    if (camera.disturb.denied) return -ERRNO.EACCES
    this.#nodes.set(id, { camera, model: camera.model, reads: new Map() })
    return 0
  }

  #closeNode(id: number): void {
    const node = this.#nodes.get(id)
    if (!node) return
    for (const request of node.reads.values()) node.camera.pipe.cancel(request)
    node.camera.release(node)
    this.#nodes.delete(id)
  }

  #discard(id: number, urb: number): void {
    const node = this.#nodes.get(id)
    const request = node?.reads.get(urb)
    if (!node || !request) return
    node.reads.delete(urb)
    node.camera.pipe.cancel(request)
    this.#buffers.push(request.buffer)
  }

  async #request(id: number, ioctl: { number: number; argument: number }): Promise<number> {
    const node = this.#nodes.get(id)
    if (!node || !present(node)) return -ERRNO.ENODEV
    const { camera } = node
    const { number, argument } = ioctl
    switch (number) {
      case IOCTL.setConfiguration:
        if (argument > 1) return -ERRNO.EINVAL
        camera.configuration = argument
        return 0
      case IOCTL.claim:
        if (argument !== 0) return -ERRNO.ENOENT
        return camera.claim(node) ? 0 : -ERRNO.EBUSY
      case IOCTL.release:
        camera.release(node)
        return 0
      case IOCTL.setInterface:
        return 0
      case IOCTL.clearHalt:
        if (argument !== ENDPOINT.data && argument !== ENDPOINT.debug) return -ERRNO.ENOENT
        return (await camera.clearHalt(argument)) === 'ok' ? 0 : -ERRNO.ENODEV
      default:
        return -ERRNO.EINVAL
    }
  }

  /** node, urb, length, type and endpoint, then what the host sends. */
  #submit(message: Buffer): void {
    const id = message.readUInt32LE(1)
    const urb = message.readUInt32LE(5)
    const length = message.readUInt32LE(9)
    const type = message[13]
    const endpoint = message[14]
    const node = this.#nodes.get(id)
    if (!node) return
    const complete = (status: number, data?: Uint8Array) =>
      this.#complete({ node: id, urb, status, length: data?.length ?? 0 }, data)
    if (!present(node)) complete(STATUS.gone)
    else if (type === URB_TYPE.control) void this.#control(node, message.subarray(17), complete)
    else if (endpoint === ENDPOINT.data) this.#read(node, { urb, length, id })
    // The debug endpoint has nothing to say: its reads wait until they are discarded.
    else if (endpoint !== ENDPOINT.debug) complete(-ERRNO.ENOENT)
  }

  #read(node: Node, options: { urb: number; length: number; id: number }): void {
    const { urb, length, id } = options
    const request: BulkRequest = {
      buffer: this.#buffer(length),
      complete: (status, actual) => {
        node.reads.delete(urb)
        const head = { node: id, urb, status: STATUS[status], length: actual }
        const data = request.buffer.subarray(0, actual)
        this.#complete(head, data, () => this.#buffers.push(request.buffer))
      },
    }
    node.reads.set(urb, request)
    node.camera.submit(request)
  }

  #buffer(length: number): Uint8Array {
    const at = this.#buffers.findLastIndex((buffer) => buffer.length === length)
    return this.#buffers.splice(at, at < 0 ? 0 : 1)[0] ?? new Uint8Array(length)
  }

  async #control(
    node: Node,
    sent: Buffer,
    complete: (status: number, data?: Uint8Array) => void,
  ): Promise<void> {
    const setup = {
      type: sent[0]!,
      request: sent[1]!,
      value: sent.readUInt16LE(2),
      index: sent.readUInt16LE(4),
      length: sent.readUInt16LE(6),
    }
    // The message belongs to the socket's chunk; the answer may come after the next one.
    const outcome = await node.camera.control(setup, Uint8Array.from(sent.subarray(8)))
    if (outcome.status === 'unanswered') return
    if (outcome.status !== 'ok' || !present(node)) {
      complete(outcome.status === 'stall' ? STATUS.stall : STATUS.gone)
    } else {
      complete(STATUS.ok, outcome.data)
    }
  }

  #complete(
    head: { node: number; urb: number; status: number; length: number },
    data: Uint8Array = new Uint8Array(0),
    written: () => void = () => {},
  ): void {
    if (this.#socket.destroyed) return
    const payload = Buffer.alloc(16)
    payload.writeUInt32LE(head.node, 0)
    payload.writeUInt32LE(head.urb, 4)
    payload.writeInt32LE(head.status, 8)
    payload.writeUInt32LE(head.length, 12)
    this.#socket.cork()
    this.#socket.write(frame(TO_HOST.complete, payload, { length: data.length }))
    this.#socket.write(data, written)
    this.#socket.uncork()
  }
}

function present(node: Node): boolean {
  return node.camera.plugged && node.camera.model === node.model
}

function addressOf(camera: EmulatedCamera): Uint8Array {
  return Uint8Array.of(camera.info.busNumber, camera.info.deviceAddress)
}
