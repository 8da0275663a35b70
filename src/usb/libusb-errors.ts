import { EvtrackError } from '../events/errors.js'
import { type UsbDeviceInfo, UsbError, type UsbErrorKind } from './port.js'

/**
 * libusb has two families of numbers, fixed by its binary interface: negative ones from calls, positive ones from
 * transfers that ended. An unplug shows up as either, whichever comes first.
 */
export const LIBUSB = {
  errorAccess: -3,
  errorNoDevice: -4,
  errorNotFound: -5,
  errorBusy: -6,
  errorTimeout: -7,
  errorPipe: -9,
  transferTimedOut: 2,
  transferStall: 4,
  transferNoDevice: 5,
} as const

/** What the binding throws and passes to callbacks. */
export interface LibusbException extends Error {
  readonly errno: number
}

export function libusbError(errno: number, message: string): LibusbException {
  return Object.assign(new Error(message), { errno })
}

export function errnoOf(error: unknown): number | undefined {
  return (error as LibusbException | undefined)?.errno
}

export function errorKind(errno: number | undefined): UsbErrorKind {
  switch (errno) {
    case LIBUSB.errorNoDevice:
    case LIBUSB.errorNotFound:
    case LIBUSB.transferNoDevice:
      return 'gone'
    case LIBUSB.errorPipe:
    case LIBUSB.transferStall:
      return 'stall'
    case LIBUSB.errorTimeout:
    case LIBUSB.transferTimedOut:
      return 'timeout'
    default:
      return 'error'
  }
}

/** Errors of this program pass unchanged; those of libusb become UsbError with their cause. */
export function toUsbError(error: unknown, what: string): UsbError | EvtrackError {
  if (error instanceof UsbError || error instanceof EvtrackError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new UsbError(errorKind(errnoOf(error)), `${what}: ${message}`, { cause: error })
}

function place({ busNumber, deviceAddress, serial }: UsbDeviceInfo): Record<string, unknown> {
  return { busNumber, deviceAddress, ...(serial && { serial }) }
}

export function cameraNotFound(info: UsbDeviceInfo, cause?: unknown): EvtrackError {
  return new EvtrackError('CAMERA_NOT_FOUND', 'The camera is no longer connected.', {
    next: 'Check the cable and the power of the camera.',
    data: place(info),
    cause,
  })
}

export function cameraBusy(
  info: UsbDeviceInfo,
  reason: 'permission' | 'claimed',
  cause?: unknown,
): EvtrackError {
  const data = { reason, ...place(info) }
  if (reason === 'claimed') {
    return new EvtrackError('CAMERA_BUSY', 'Another program is using the camera.', {
      next: 'Close the other program, then try again.',
      data,
      cause,
    })
  }
  return new EvtrackError('CAMERA_BUSY', 'This user may not open the camera.', {
    next: 'Install systemd/70-evtrackd.rules in /etc/udev/rules.d, add the user to the group evtrackd and replug the camera.',
    data,
    cause,
  })
}

export function shortTransfer(what: string, got: number, expected: number): EvtrackError {
  return new EvtrackError('USB_SHORT_TRANSFER', `${what} moved ${got} of ${expected} bytes.`, {
    next: 'Replug the camera; if it happens again, try another cable or port.',
    data: { got, expected },
  })
}
