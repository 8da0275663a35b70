import {
  configurationDescriptor,
  deviceDescriptor,
} from '../../src/davis346/emulator/descriptors.js'
import type { CameraIdentity } from '../../src/davis346/emulator/identity.js'

/** Where the recorded camera is. */
export const PLACE = { bus: 1, address: 2, sysfs: '/sys/devices/usb1/1-1' } as const

export interface ControlExchange {
  readonly setup: {
    readonly type: number
    readonly request: number
    readonly value: number
    readonly index: number
    readonly length: number
  }
  /** What an IN request answered, or undefined for a STALL. */
  readonly answer: Uint8Array | undefined
}

const EPIPE = 32
const LINKTYPE_USB_LINUX_MMAPPED = 220
const USBMON_HEADER_BYTES = 64
const TRANSFER_CONTROL = 2
const ABSENT = '-'.charCodeAt(0)

/** The camera's entry in umockdev's device format: udev properties and sysfs attributes. */
export function deviceDump(identity: CameraIdentity): string {
  const descriptors = Buffer.concat([deviceDescriptor(identity), configurationDescriptor(identity)])
  const hex = descriptors.toString('hex').toUpperCase()
  const speed = identity.speed === 'super' ? 5000 : 480
  return [
    `P: ${PLACE.sysfs.slice('/sys'.length)}`,
    `N: bus/usb/001/002=${hex}`,
    'E: DEVNAME=/dev/bus/usb/001/002',
    'E: DEVTYPE=usb_device',
    'E: SUBSYSTEM=usb',
    'E: BUSNUM=001',
    'E: DEVNUM=002',
    `A: busnum=${PLACE.bus}\\n`,
    `A: devnum=${PLACE.address}\\n`,
    'A: bConfigurationValue=1\\n',
    `A: speed=${speed}\\n`,
    `H: descriptors=${hex}`,
    '',
  ].join('\n')
}

/** A capture as Linux's usbmon writes it: a submission and a completion for each exchange. */
export function usbmonCapture(exchanges: readonly ControlExchange[]): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65535, 16)
  header.writeUInt32LE(LINKTYPE_USB_LINUX_MMAPPED, 20)
  const packets = exchanges.flatMap((exchange, i) => [
    packet({ kind: 'S', id: i + 1, exchange, timeUs: 2000 * i }),
    packet({ kind: 'C', id: i + 1, exchange, timeUs: 2000 * i + 1000 }),
  ])
  return Buffer.concat([header, ...packets])
}

function packet(options: {
  kind: 'S' | 'C'
  id: number
  exchange: ControlExchange
  timeUs: number
}): Buffer {
  const { kind, id, exchange, timeUs } = options
  const { setup } = exchange
  const completes = kind === 'C'
  const data = completes && exchange.answer ? exchange.answer : new Uint8Array(0)
  const usbmon = Buffer.alloc(USBMON_HEADER_BYTES)
  usbmon.writeUInt32LE(id, 0)
  usbmon[8] = kind.charCodeAt(0)
  usbmon[9] = TRANSFER_CONTROL
  usbmon[10] = setup.type & 0x80
  usbmon[11] = PLACE.address
  usbmon.writeUInt16LE(PLACE.bus, 12)
  usbmon[14] = completes ? ABSENT : 0
  usbmon[15] = data.length > 0 ? 0 : '<'.charCodeAt(0)
  usbmon.writeInt32LE(timeUs, 24)
  usbmon.writeInt32LE(completes ? (exchange.answer ? 0 : -EPIPE) : -115, 28)
  usbmon.writeUInt32LE(completes ? data.length : setup.length, 32)
  usbmon.writeUInt32LE(data.length, 36)
  if (!completes) {
    usbmon[40] = setup.type
    usbmon[41] = setup.request
    usbmon.writeUInt16LE(setup.value, 42)
    usbmon.writeUInt16LE(setup.index, 44)
    usbmon.writeUInt16LE(setup.length, 46)
  }
  const record = Buffer.alloc(16)
  record.writeUInt32LE(timeUs, 4)
  record.writeUInt32LE(usbmon.length + data.length, 8)
  record.writeUInt32LE(usbmon.length + data.length, 12)
  return Buffer.concat([record, usbmon, data])
}
