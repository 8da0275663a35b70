import type { LibusbException } from './libusb-errors.js'

/** One transfer of the binding: submit() may throw, otherwise the callback given at its making runs once. */
export interface Transfer {
  submit(buffer: Buffer): unknown
  /** May throw on a device that has gone. */
  cancel(): boolean
  /**
   * Nothing more is submitted, and nothing is in flight: lets the memory go. The binding holds a transfer's callback for as
   * long as the transfer, so a callback that knows its transfer, by whatever way, would keep both for ever.
   */
  release(): void
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

/** A transfer of the binding, whose callback can be taken from it. */
export function releasable(
  make: (done: TransferDone) => Omit<Transfer, 'release'>,
  done: TransferDone,
): Transfer {
  const line: { done: TransferDone | undefined } = { done }
  const native = make(tell(line))
  return {
    submit: (buffer) => native.submit(buffer),
    cancel: () => native.cancel(),
    release() {
      line.done = undefined
    },
  }
}

/** In a function of its own: a closure beside the transfer would know it. */
function tell(line: { readonly done: TransferDone | undefined }): TransferDone {
  // hot
  return (error, buffer, length) => line.done?.(error, buffer, length)
}
