import { nowUs } from '../events/time.js'
import { createBulkIn, type PoolStream } from './bulk-in.js'
import { controlTransfer } from './control.js'
import { call, type LibusbDevice } from './libusb-device.js'
import {
  cameraBusy,
  cameraNotFound,
  errnoOf,
  errorKind,
  LIBUSB,
  shortTransfer,
  toUsbError,
} from './libusb-errors.js'
import { type ControlRequest, type UsbDeviceInfo, UsbError, type UsbHandle } from './port.js'
import type { TransferFactory } from './transfer.js'

const VENDOR_OUT = 0x40
const VENDOR_IN = 0xc0
const CONFIGURATION = 1
const INTERFACE = 0

/** Opens, configures and claims; leaves the device closed when any of it fails. */
export async function openAndClaim(device: LibusbDevice, info: UsbDeviceInfo): Promise<void> {
  try {
    device.open()
  } catch (error) {
    if (errnoOf(error) === LIBUSB.errorAccess) throw cameraBusy(info, 'permission', error)
    if (errorKind(errnoOf(error)) === 'gone') throw cameraNotFound(info, error)
    throw toUsbError(error, 'The camera could not be opened')
  }
  try {
    if (device.configDescriptor?.bConfigurationValue !== CONFIGURATION) {
      await call((done) => device.setConfiguration(CONFIGURATION, done))
    }
    device.interface(INTERFACE).claim()
  } catch (error) {
    device.close()
    if (errnoOf(error) === LIBUSB.errorBusy) throw cameraBusy(info, 'claimed', error)
    if (errorKind(errnoOf(error)) === 'gone') throw cameraNotFound(info, error)
    throw toUsbError(error, 'The camera could not be claimed')
  }
}

/** The handle of a device that openAndClaim() has opened. */
export function createLibusbHandle(init: {
  device: LibusbDevice
  info: UsbDeviceInfo
  transfers: TransferFactory
  onClosed: () => void
}): UsbHandle {
  const { device, info, transfers, onClosed } = init
  const streams = new Map<number, PoolStream>()
  let pending = 0
  let onIdle: (() => void) | undefined
  let closing: Promise<void> | undefined

  const requireOpen = (what: string) => {
    if (closing !== undefined) throw new UsbError('error', `${what}: the camera was closed`)
  }

  /** Counts requests in flight, since libusb does not close under them. */
  async function request<T>(what: string, action: () => Promise<T>): Promise<T> {
    requireOpen(what)
    pending++
    try {
      return await action()
    } catch (error) {
      throw toUsbError(error, what)
    } finally {
      pending--
      if (pending === 0) onIdle?.()
    }
  }

  async function shutDown(): Promise<void> {
    await Promise.all([...streams.values()].map((stream) => stream.stop()))
    if (pending > 0) {
      await new Promise<void>((resolve) => {
        onIdle = resolve
      })
    }
    try {
      // A device that has gone has nothing left to release.
      await call((done) => device.interface(INTERFACE).release(done)).catch(() => {})
      device.close()
    } catch (error) {
      if (errorKind(errnoOf(error)) !== 'gone') throw toUsbError(error, 'Closing the camera')
    } finally {
      onClosed()
    }
  }

  return {
    info,

    controlOut: (req, data) => {
      const what = describe(req)
      return request(what, async () => {
        const sent = await controlTransfer(transfers, { ...req, type: VENDOR_OUT }, { data })
        if (sent.length < data.length) throw shortTransfer(what, sent.length, data.length)
      })
    },

    controlIn: (req, length) => {
      const what = describe(req)
      return request(what, async () => {
        const setup = { ...req, type: VENDOR_IN }
        const bytes = await controlTransfer(transfers, setup, { data: length })
        if (bytes.length < length) throw shortTransfer(what, bytes.length, length)
        return bytes
      })
    },

    clearHalt: (endpoint) =>
      request(`Clearing endpoint ${hex(endpoint)}`, () =>
        call((done) => device.__clearHalt(endpoint, done)),
      ),

    startBulkIn(options) {
      requireOpen('Streaming')
      if (streams.has(options.endpoint)) {
        throw new UsbError('error', `Endpoint ${hex(options.endpoint)} is streaming already`)
      }
      const stream = createBulkIn({
        options,
        transfers,
        now: nowUs,
        onRetired: () => streams.delete(options.endpoint),
      })
      streams.set(options.endpoint, stream)
      return stream
    },

    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

const hex = (number: number): string => `0x${number.toString(16)}`

function describe({ request, value, index }: ControlRequest): string {
  return `Request ${hex(request)} (${value}, ${index})`
}
