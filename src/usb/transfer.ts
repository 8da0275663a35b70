import type { LibusbException } from './libusb-errors.js'

/** One transfer of the binding: submit() may throw, otherwise the callback given at its making runs once. */
export interface Transfer {
  submit(buffer: Buffer): unknown
  /** May throw on a device that has gone. */
  cancel(): boolean
}

export type TransferDone = (
  error: LibusbException | undefined,
  buffer: Buffer,
  length: number,
) => void

/** Makes transfers of one opened device, without a time limit. */
export interface TransferFactory {
  bulk(endpoint: number, done: TransferDone): Transfer
  control(done: TransferDone): Transfer
}
