import { controlTransfer } from './control.js'
import { errnoOf, LIBUSB, type LibusbException } from './libusb-errors.js'
import type { UsbDeviceInfo } from './port.js'
import type { TransferFactory } from './transfer.js'

/** The part of the binding's device object that is used here. */
export interface LibusbDevice {
  readonly busNumber: number
  readonly deviceAddress: number
  readonly deviceDescriptor: {
    readonly idVendor: number
    readonly idProduct: number
    readonly bcdDevice: number
    readonly iManufacturer: number
    readonly iProduct: number
    readonly iSerialNumber: number
  }
  readonly configDescriptor?:
    | {
        readonly bConfigurationValue: number
        readonly interfaces: readonly (readonly {
          readonly endpoints: readonly {
            readonly bmAttributes: number
            readonly wMaxPacketSize: number
          }[]
        }[])[]
      }
    | undefined
  open(): void
  close(): void
  setConfiguration(value: number, done: Done): void
  interface(number: number): { claim(): void; release(done: Done): void }
  __clearHalt(endpoint: number, done: Done): void
}

export type Done = (error?: LibusbException) => void

/** Turns a callback with an error into a promise. */
export function call(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}

const BULK = 2
const GET_DESCRIPTOR = { type: 0x80, request: 6 }
const STRING = 3
const ENGLISH = 0x0409

/** What is known without opening the device. */
export function basicInfo(device: LibusbDevice): UsbDeviceInfo {
  const { idVendor, idProduct, bcdDevice } = device.deviceDescriptor
  return {
    vendorId: idVendor,
    productId: idProduct,
    bcdDevice,
    busNumber: device.busNumber,
    deviceAddress: device.deviceAddress,
    speed: readSpeed(device),
    access: 'ok',
  }
}

/** Opens the device just long enough to read its strings. */
export async function readInfo(
  device: LibusbDevice,
  transfers: TransferFactory,
): Promise<UsbDeviceInfo> {
  const basic = basicInfo(device)
  try {
    device.open()
  } catch (error) {
    return { ...basic, access: errnoOf(error) === LIBUSB.errorAccess ? 'denied' : 'busy' }
  }
  try {
    const { iSerialNumber, iManufacturer, iProduct } = device.deviceDescriptor
    const serial = await readString(transfers, iSerialNumber)
    const manufacturer = await readString(transfers, iManufacturer)
    const product = await readString(transfers, iProduct)
    return {
      ...basic,
      ...(serial && { serial }),
      ...(manufacturer && { manufacturer }),
      ...(product && { product }),
    }
  } finally {
    device.close()
  }
}

/** A string that cannot be read is left out: the device may be on its way out. */
async function readString(transfers: TransferFactory, index: number): Promise<string | undefined> {
  if (index === 0) return undefined
  const setup = { ...GET_DESCRIPTOR, value: (STRING << 8) | index, index: ENGLISH }
  try {
    const descriptor = await controlTransfer(transfers, setup, { data: 255 })
    return Buffer.from(descriptor).toString('utf16le', 2, descriptor[0]).replace(/\0+$/, '')
  } catch {
    return undefined
  }
}

/** The binding does not pass the speed on, but the packet size of a bulk endpoint differs between speeds. */
function readSpeed(device: LibusbDevice): UsbDeviceInfo['speed'] {
  try {
    const bulk = device.configDescriptor?.interfaces
      .flat()
      .flatMap(({ endpoints }) => endpoints)
      .find(({ bmAttributes }) => (bmAttributes & 3) === BULK)
    if (bulk === undefined) return 'unknown'
    if (bulk.wMaxPacketSize === 1024) return 'super'
    return bulk.wMaxPacketSize === 512 ? 'high' : 'full'
  } catch {
    return 'unknown'
  }
}
