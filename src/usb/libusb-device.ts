import { errnoOf, LIBUSB, type LibusbException } from './libusb-errors.js'
import type { UsbDeviceInfo } from './port.js'

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
  timeout: number
  open(): void
  close(): void
  setConfiguration(value: number, done: Done): void
  interface(number: number): { claim(): void; release(done: Done): void }
  getStringDescriptor(index: number, done: (error?: LibusbException, value?: string) => void): void
  controlTransfer(
    type: number,
    request: number,
    value: number,
    index: number,
    data: Buffer | number,
    done: (error: LibusbException | undefined, result: Buffer | number | undefined) => void,
  ): unknown
  __clearHalt(endpoint: number, done: Done): void
}

export type Done = (error?: LibusbException) => void

/** Turns a callback with an error into a promise. */
export function call(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}

export const CONTROL_TIMEOUT_MS = 1000
const BULK = 2

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
export async function readInfo(device: LibusbDevice): Promise<UsbDeviceInfo> {
  const basic = basicInfo(device)
  try {
    device.open()
  } catch (error) {
    return { ...basic, access: errnoOf(error) === LIBUSB.errorAccess ? 'denied' : 'busy' }
  }
  try {
    device.timeout = CONTROL_TIMEOUT_MS
    const { iSerialNumber, iManufacturer, iProduct } = device.deviceDescriptor
    const serial = await readString(device, iSerialNumber)
    const manufacturer = await readString(device, iManufacturer)
    const product = await readString(device, iProduct)
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
function readString(device: LibusbDevice, index: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    device.getStringDescriptor(index, (error, value) =>
      resolve(error ? undefined : value?.replace(/\0+$/, '')),
    )
  })
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
