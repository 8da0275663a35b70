import { type Device, usb } from 'usb'
import { EvtrackError } from '../events/errors.js'
import { basicInfo, readInfo } from './libusb-device.js'
import { cameraBusy, cameraNotFound } from './libusb-errors.js'
import { createLibusbHandle, openAndClaim } from './libusb-handle.js'
import type { UsbDeviceInfo, UsbHandle, UsbPort } from './port.js'
import { releasable, type TransferFactory } from './transfer.js'

export interface LibusbPortOptions {
  /**
   * Which devices the port looks at. Others are neither opened nor listed: a camera program has no business in
   * opening a keyboard to read its strings.
   */
  readonly match: (vendorId: number, productId: number) => boolean
}

/**
 * The UsbPort over libusb. Throws CAMERA_NOT_FOUND on a system where libusb cannot start. Completion callbacks run on
 * the event loop of the thread that made the port.
 */
export function createLibusbPort(options: LibusbPortOptions): UsbPort {
  if (usb.INIT_ERROR) {
    throw new EvtrackError('CAMERA_NOT_FOUND', 'libusb could not start on this system.', {
      next: 'Check that the system has USB and that /dev/bus/usb is visible to this process.',
      data: { errno: usb.INIT_ERROR },
    })
  }
  // Devices open in this process: listing must not close one under its user.
  const opened = new Map<Device, UsbDeviceInfo>()
  const handles = new Set<UsbHandle>()
  // An unplugged device cannot be asked any more, so what it was is kept.
  const infos = new WeakMap<Device, UsbDeviceInfo>()
  const reading = new Map<Device, Promise<UsbDeviceInfo>>()
  const unsubscribers = new Set<() => void>()

  const matches = ({ deviceDescriptor }: Device): boolean =>
    options.match(deviceDescriptor.idVendor, deviceDescriptor.idProduct)

  /** A list and an attach event may ask at the same time; the device is opened once. */
  function describe(device: Device): Promise<UsbDeviceInfo> {
    const known = opened.get(device)
    if (known !== undefined) return Promise.resolve(known)
    let info = reading.get(device)
    if (info === undefined) {
      info = readInfo(device, transfersOf(device)).finally(() => reading.delete(device))
      reading.set(device, info)
      info.then((value) => infos.set(device, value)).catch(() => {})
    }
    return info
  }

  function find(info: UsbDeviceInfo): Device | undefined {
    return usb
      .getDeviceList()
      .find(
        (device) =>
          device.busNumber === info.busNumber &&
          device.deviceAddress === info.deviceAddress &&
          matches(device),
      )
  }

  function subscribe(event: 'attach' | 'detach', listener: (device: Device) => void): () => void {
    const onEvent = (device: Device) => {
      if (matches(device)) listener(device)
    }
    usb.on(event, onEvent)
    // Watching for devices must not keep a process alive that has nothing else to do.
    usb.unrefHotplugEvents()
    const unsubscribe = () => {
      if (unsubscribers.delete(unsubscribe)) usb.off(event, onEvent)
    }
    unsubscribers.add(unsubscribe)
    return unsubscribe
  }

  return {
    async list() {
      const result: UsbDeviceInfo[] = []
      for (const device of usb.getDeviceList().filter(matches)) result.push(await describe(device))
      return result
    },

    async open(info) {
      const device = find(info)
      if (device === undefined) throw cameraNotFound(info)
      await reading.get(device)?.catch(() => {})
      if (opened.has(device)) throw cameraBusy(info, 'claimed')
      opened.set(device, info)
      try {
        await openAndClaim(device, info)
      } catch (error) {
        opened.delete(device)
        throw error
      }
      const handle = createLibusbHandle({
        device,
        info,
        transfers: transfersOf(device),
        onClosed: () => {
          opened.delete(device)
          handles.delete(handle)
        },
      })
      handles.add(handle)
      return handle
    },

    onAttach(listener) {
      let subscribed = true
      const unsubscribe = subscribe('attach', (device) => {
        describe(device).then(
          (info) => subscribed && listener(info),
          // Gone again before it could be read: there is nothing to report.
          () => {},
        )
      })
      return () => {
        subscribed = false
        unsubscribe()
      }
    },

    onDetach: (listener) =>
      subscribe('detach', (device) => listener(infos.get(device) ?? basicInfo(device))),

    async close() {
      for (const unsubscribe of [...unsubscribers]) unsubscribe()
      for (const handle of [...handles]) await handle.close()
    },
  }
}

function transfersOf(device: Device): TransferFactory {
  const { Transfer, LIBUSB_TRANSFER_TYPE_BULK, LIBUSB_TRANSFER_TYPE_CONTROL } = usb
  return {
    bulk: (endpoint, done) =>
      releasable(
        (tell) => new Transfer(device, endpoint, LIBUSB_TRANSFER_TYPE_BULK, 0, tell),
        done,
      ),
    control: (done) =>
      releasable((tell) => new Transfer(device, 0, LIBUSB_TRANSFER_TYPE_CONTROL, 0, tell), done),
  }
}
