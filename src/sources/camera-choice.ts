import type { DeviceInfo } from '../davis346/identify.js'
import { USB_ID } from '../davis346/registers.js'
import type { UsbDeviceInfo } from '../usb/port.js'
import type { SourceState } from './source.js'

/** True for devices that may be a DAVIS346: what a port should match. */
export function isDavis346(vendorId: number, productId: number): boolean {
  const { vendor, productFx3, productFx2 } = USB_ID
  return vendorId === vendor && (productId === productFx3 || productId === productFx2)
}

/** Names a plugged-in device until it is unplugged. */
export function place({ busNumber, deviceAddress }: UsbDeviceInfo): string {
  return `${busNumber}:${deviceAddress}`
}

/**
 * The camera to try: the one with the serial, or the first that may be opened. A device that may not be opened hides
 * its serial, so it may be the one that is wanted; opening it tells the user why it cannot be had.
 */
export function chooseCamera(
  present: readonly UsbDeviceInfo[],
  serial: string | undefined,
): UsbDeviceInfo | undefined {
  if (serial === undefined) return present.find(({ access }) => access === 'ok') ?? present[0]
  return (
    present.find((device) => device.serial === serial) ??
    present.find((device) => device.serial === undefined && device.access !== 'ok')
  )
}

/** What a state tells about the camera, as far as it is known. */
export function identity(info: Partial<DeviceInfo>): Partial<SourceState> {
  const { serial, firmware, logic } = info
  return {
    ...(serial !== undefined && { serial }),
    ...(firmware !== undefined && { firmware }),
    ...(logic !== undefined && { logic }),
  }
}
