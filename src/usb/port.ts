/**
 * The narrow interface to USB. One binding over libusb (libusb.ts) and one emulated camera (davis346/emulator)
 * implement it; test/contracts/usb-port.ts is the suite both must pass.
 *
 * The contract, in words:
 *
 * - `list()` opens devices only as far as reading their strings needs; a device that may not be opened is listed
 *   without a serial and with `access: 'denied'` or `'busy'`.
 * - `open()` selects configuration 1 if none is active and claims interface 0. It rejects with EvtrackError
 *   CAMERA_NOT_FOUND, CAMERA_BUSY (claimed elsewhere, or no permission: `data.reason` says which).
 * - A control request resolves with exactly what the device returned. An IN request that returns fewer bytes than
 *   `length` rejects with USB_SHORT_TRANSFER; a STALL or time-out rejects with a UsbError of kind 'stall' or 'timeout';
 *   a device that has gone rejects with kind 'gone'.
 * - `startBulkIn()` keeps `transferCount` transfers of `transferBytes` in flight and resubmits each as soon as
 *   `onTransfer` returns. Completion order is stream order. `onTransfer` gets a view that is valid only until it
 *   returns; the callback must not keep it, must not throw, and should return quickly, since a slow callback delays
 *   resubmission. Views are never empty. No allocation happens per transfer beyond what libusb's binding itself does.
 * - A bulk stream ends exactly once, through `onEnd`: kind 'stopped' after stop() (all transfers retired, no callback
 *   follows), 'gone' on unplug, 'stall' on a halted endpoint, 'error' otherwise. Transfers in flight when it ends are
 *   dropped. A stall is recovered by clearHalt() and a new startBulkIn().
 * - Unplug may be seen first by a control request, by the bulk stream or by `onDetach`: every order is legal.
 * - `close()` is idempotent, stops a running stream, releases the interface and never throws on a device that has gone.
 */
export interface UsbPort {
  list(): Promise<UsbDeviceInfo[]>
  open(device: UsbDeviceInfo): Promise<UsbHandle>
  /** Called for each device plugged in after this call. Returns a function that unsubscribes. */
  onAttach(listener: (device: UsbDeviceInfo) => void): () => void
  onDetach(listener: (device: UsbDeviceInfo) => void): () => void
  close(): Promise<void>
}

export interface UsbDeviceInfo {
  readonly vendorId: number
  readonly productId: number
  readonly bcdDevice: number
  readonly busNumber: number
  readonly deviceAddress: number
  /** Bits per second class as negotiated, or 'unknown'. */
  readonly speed: 'low' | 'full' | 'high' | 'super' | 'unknown'
  readonly serial?: string
  readonly manufacturer?: string
  readonly product?: string
  readonly access: 'ok' | 'denied' | 'busy'
}

export interface ControlRequest {
  readonly request: number
  readonly value: number
  readonly index: number
}

export interface BulkInOptions {
  readonly endpoint: number
  readonly transferBytes: number
  readonly transferCount: number
  /** `hostUs` is the monotonic time of the completion callback (events/time.ts). */
  readonly onTransfer: (data: Uint8Array, hostUs: number) => void
  readonly onEnd: (end: BulkEnd) => void
}

export interface BulkEnd {
  readonly kind: 'stopped' | 'gone' | 'stall' | 'error'
  readonly error?: unknown
}

export interface BulkStream {
  /** Cancels all transfers; resolves once the last one retired and onEnd was called. Idempotent. */
  stop(): Promise<void>
  /** Completed transfers whose callback has not run yet, as far as known; 0 when unknown. */
  backlog(): number
}

/** One opened device. Vendor requests go to the device recipient (bmRequestType 0x40 and 0xC0). */
export interface UsbHandle {
  readonly info: UsbDeviceInfo
  controlOut(request: ControlRequest, data: Uint8Array): Promise<void>
  controlIn(request: ControlRequest, length: number): Promise<Uint8Array>
  /** CLEAR_FEATURE(ENDPOINT_HALT): also flushes the device's queue of that endpoint. */
  clearHalt(endpoint: number): Promise<void>
  /** At most one stream per endpoint at a time. */
  startBulkIn(options: BulkInOptions): BulkStream
  close(): Promise<void>
}

export type UsbErrorKind = 'stall' | 'timeout' | 'gone' | 'error'

/** A failed transfer. Becomes an EvtrackError where a user can act. */
export class UsbError extends Error {
  override readonly name = 'UsbError'
  readonly kind: UsbErrorKind

  constructor(kind: UsbErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}
