import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createFaults } from '../../src/davis346/emulator/faults.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { systemClock } from '../../src/events/time.js'
import { UsbRedirPeer } from './peer.js'
import {
  CAPABILITY,
  capabilities,
  header,
  type Packet,
  PacketReader,
  STATUS,
  TYPE,
} from './protocol.js'

/** The side of a guest, as far as a test needs one. */
class TestGuest {
  readonly packets: Packet[] = []
  readonly #socket: Socket
  readonly #reader = new PacketReader()
  #wake: (() => void)[] = []
  #id = 1n

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      for (let packet = this.#reader.next(); packet; packet = this.#reader.next()) {
        if (packet.type === TYPE.hello) this.#reader.long = true
        this.packets.push({ ...packet, payload: Buffer.from(packet.payload) })
      }
      for (const wake of this.#wake.splice(0)) wake()
    })
    socket.on('error', () => {})
  }

  static async open(path: string): Promise<TestGuest> {
    const socket = connect(path)
    const guest = new TestGuest(socket)
    const hello = Buffer.alloc(68)
    const { connectDeviceVersion, endpointMaxPacketSize, ids64, bulkLength32 } = CAPABILITY
    hello.writeUInt32LE(
      capabilities(connectDeviceVersion, endpointMaxPacketSize, ids64, bulkLength32),
      64,
    )
    socket.write(Buffer.concat([header(TYPE.hello, 0n, hello.length, false), hello]))
    return guest
  }

  send(type: number, payload: Buffer): bigint {
    const id = this.#id++
    this.#socket.write(Buffer.concat([header(type, id, payload.length, true), payload]))
    return id
  }

  raw(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  async next(test: (packet: Packet) => boolean): Promise<Packet> {
    for (;;) {
      const found = this.packets.find(test)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  answer(id: bigint): Promise<Packet> {
    return this.next((packet) => packet.id === id)
  }

  async control(
    type: number,
    request: number,
    of: { value: number; index?: number; length?: number },
  ) {
    const head = Buffer.alloc(10)
    head[0] = type & 0x80
    head[1] = request
    head[2] = type
    head.writeUInt16LE(of.value, 4)
    head.writeUInt16LE(of.index ?? 0, 6)
    head.writeUInt16LE(of.length ?? 0, 8)
    const { payload } = await this.answer(this.send(TYPE.control, head))
    return { status: payload[3], data: payload.subarray(10) }
  }

  bulk(endpoint: number, length: number): bigint {
    const head = Buffer.alloc(10)
    head[0] = endpoint
    head.writeUInt16LE(length & 0xffff, 2)
    head.writeUInt16LE(length >>> 16, 8)
    return this.send(TYPE.bulk, head)
  }

  close(): void {
    this.#socket.destroy()
  }
}

async function plugged(t: Pick<typeof import('tap').t, 'teardown'>) {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-redir-'))
  const stimulus = barsStimulus({ eventsPerSecond: 1e6 })
  const camera = new EmulatedCamera({ clock: systemClock, stimulus })
  const peer = new UsbRedirPeer(camera)
  await peer.listen(join(dir, 'usb'))
  const guest = await TestGuest.open(join(dir, 'usb'))
  t.teardown(async () => {
    guest.close()
    await peer.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return { camera, guest, path: join(dir, 'usb') }
}

t.test('a guest is told of interfaces and endpoints, then of the camera', async (t) => {
  const { guest } = await plugged(t)
  const { payload } = await guest.next(({ type }) => type === TYPE.deviceConnect)
  t.same(
    guest.packets.map(({ type }) => type),
    [TYPE.hello, TYPE.interfaceInfo, TYPE.endpointInfo, TYPE.deviceConnect],
  )
  t.equal(payload[0], 3, 'SuperSpeed')
  t.equal(payload.readUInt16LE(4), 0x152a)
  t.equal(payload.readUInt16LE(6), 0x841a)
  const endpoints = guest.packets[2]!.payload
  t.equal(endpoints[16 + 2], 2, 'endpoint 0x82 is bulk')
  t.equal(endpoints.readUInt16LE(96 + 2 * 18), 1024)
})

t.test('descriptors and registers are those of the device model', async (t) => {
  const { guest, camera } = await plugged(t)
  const device = await guest.control(0x80, 6, { value: 0x0100, length: 18 })
  t.equal(device.status, STATUS.ok)
  t.equal(device.data.length, 18)
  t.equal(device.data.readUInt16LE(8), 0x152a)
  const cut = await guest.control(0x80, 6, { value: 0x0200, length: 9 })
  t.equal(cut.data.length, 9)
  const none = await guest.control(0x80, 6, { value: 0x0977, length: 9 })
  t.equal(none.status, STATUS.stall)
  const configured = await guest.answer(guest.send(TYPE.setConfiguration, Buffer.of(1)))
  t.same([...configured.payload], [STATUS.ok, 1])
  t.equal(camera.configuration, 1)
  t.same(
    [
      ...(await guest.answer(guest.send(TYPE.setAltSetting, Buffer.of(0, 1)))).payload.subarray(
        0,
        1,
      ),
    ],
    [STATUS.invalid],
  )
})

t.test(
  'bulk reads wait, are cancelled, stall until cleared, and end when the camera goes',
  async (t) => {
    const { guest, camera } = await plugged(t)
    const faults = createFaults(camera)
    const cancelled = guest.bulk(0x82, 16_384)
    await guest.control(0x80, 6, { value: 0x0100, length: 18 })
    t.equal(
      guest.packets.filter(({ id }) => id === cancelled).length,
      0,
      'nothing runs: nothing comes',
    )
    guest.raw(header(TYPE.cancelDataPacket, cancelled, 0, true))
    t.equal((await guest.answer(cancelled)).payload[1], STATUS.cancelled)
    faults.stallBulk()
    t.equal((await guest.answer(guest.bulk(0x82, 4096))).payload[1], STATUS.stall)
    t.equal((await guest.control(0x02, 1, { value: 0, index: 0x82 })).status, STATUS.ok)
    t.equal(
      (await guest.answer(guest.bulk(0x85, 4096))).payload[1],
      STATUS.stall,
      'no such endpoint',
    )
    const waiting = guest.bulk(0x82, 4096)
    await guest.control(0x80, 6, { value: 0x0100, length: 18 })
    await faults.unplug()
    t.equal((await guest.answer(waiting)).payload[1], STATUS.ioError)
    await guest.next(({ type }) => type === TYPE.deviceDisconnect)
    const before = guest.packets.length
    await faults.plug()
    await guest.next(
      (packet) => packet.type === TYPE.deviceConnect && guest.packets.indexOf(packet) >= before,
    )
  },
)

t.test('whoever speaks something else is sent away', async (t) => {
  const { path } = await plugged(t)
  const socket = connect(path)
  socket.on('error', () => {})
  socket.resume()
  socket.write(Buffer.alloc(64, 0xff))
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  t.pass('the connection was closed')
})
