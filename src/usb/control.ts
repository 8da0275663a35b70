import { LIBUSB, libusbError } from './libusb-errors.js'
import type { TransferFactory } from './transfer.js'

export interface ControlSetup {
  /** bmRequestType: direction, type and recipient. */
  readonly type: number
  readonly request: number
  readonly value: number
  readonly index: number
}

export const CONTROL_TIMEOUT_MS = 1000
const SETUP_BYTES = 8
const DIRECTION_IN = 0x80

/**
 * One control transfer. `data` is what to send, or for an IN request how much to ask for. Resolves with the bytes
 * received, or for an OUT request with those sent; rejects with the binding's error,
 * LIBUSB_ERROR_TIMEOUT after the limit.
 *
 * The time limit is kept here: libusb's own is looked at only when its event thread wakes, which on an idle bus may be
 * a minute later where it was built without timers of its own.
 */
export function controlTransfer(
  transfers: TransferFactory,
  setup: ControlSetup,
  options: { readonly data: Uint8Array | number; readonly timeoutMs?: number },
): Promise<Uint8Array> {
  const { data, timeoutMs = CONTROL_TIMEOUT_MS } = options
  const length = typeof data === 'number' ? data : data.length
  const buffer = Buffer.alloc(SETUP_BYTES + length)
  buffer.writeUInt8(setup.type, 0)
  buffer.writeUInt8(setup.request, 1)
  buffer.writeUInt16LE(setup.value, 2)
  buffer.writeUInt16LE(setup.index, 4)
  buffer.writeUInt16LE(length, 6)
  if (typeof data !== 'number') buffer.set(data, SETUP_BYTES)
  else if ((setup.type & DIRECTION_IN) === 0) throw new TypeError('An OUT request needs data')

  return new Promise((resolve, reject) => {
    let late = false
    const transfer = transfers.control((error, _buffer, moved) => {
      clearTimeout(timer)
      transfer.release()
      if (late) reject(libusbError(LIBUSB.errorTimeout, `no answer within ${timeoutMs} ms`))
      else if (error) reject(error)
      else resolve(buffer.subarray(SETUP_BYTES, SETUP_BYTES + moved))
    })
    const timer = setTimeout(() => {
      late = true
      try {
        transfer.cancel()
      } catch {
        // The device has gone: the transfer ends by itself.
      }
    }, timeoutMs)
    try {
      transfer.submit(buffer)
    } catch (error) {
      clearTimeout(timer)
      transfer.release()
      reject(error)
    }
  })
}
