import { errnoOf, errorKind } from './libusb-errors.js'
import type { BulkEnd, BulkInOptions, BulkStream } from './port.js'
import type { Transfer, TransferFactory } from './transfer.js'

/**
 * A pool of transfers that are resubmitted as they complete. Buffers and callbacks are made once; a transfer costs one
 * view of the part received, if it was not filled, and what the binding itself makes.
 *
 * While all completed transfers wait for JavaScript, the camera has nowhere to put its data: its FIFO fills, and then
 * it drops events and counts them itself. The size of the pool is how long JavaScript may stay away.
 */
export interface PoolStream extends BulkStream {
  readonly ended: boolean
}

export function createBulkIn(init: {
  options: BulkInOptions
  transfers: TransferFactory
  now: () => number
  /** Runs when the last transfer has ended, before onEnd. */
  onRetired: () => void
}): PoolStream {
  const { options, now, onRetired } = init
  const { endpoint, transferBytes, transferCount, onTransfer, onEnd } = options
  const pool: Transfer[] = []
  let active = 0
  let end: BulkEnd | undefined
  let retired = false
  let resolveStopped: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    resolveStopped = resolve
  })

  function retireIfLast(): void {
    if (active > 0 || retired) return
    retired = true
    for (const transfer of pool.splice(0)) transfer.release()
    onRetired()
    onEnd(end ?? { kind: 'stopped' })
    resolveStopped()
  }

  /** The first reason wins; the transfers still in flight are cancelled and their data dropped. */
  function finish(reason: BulkEnd): void {
    if (end !== undefined) return
    end = reason
    for (const transfer of pool) {
      try {
        transfer.cancel()
      } catch {
        // The device has gone: the transfer ends by itself.
      }
    }
  }

  function fail(error: unknown): void {
    const kind = errorKind(errnoOf(error))
    finish({ kind: kind === 'timeout' ? 'error' : kind, error })
  }

  function submit(transfer: Transfer, buffer: Buffer): void {
    try {
      transfer.submit(buffer)
      active++
    } catch (error) {
      fail(error)
    }
  }

  function add(): void {
    // Not from Buffer's shared slab: memory of its own starts at an even address, so it can be read as 16-bit words.
    const buffer = Buffer.allocUnsafeSlow(transferBytes)
    // hot
    const transfer = init.transfers.bulk(endpoint, (error, _buffer, length) => {
      active--
      if (end === undefined) {
        // What came with an error was received before it.
        if (length > 0) {
          onTransfer(length === transferBytes ? buffer : buffer.subarray(0, length), now())
        }
        if (error) fail(error)
        else if (end === undefined) submit(transfer, buffer)
      }
      if (active === 0) retireIfLast()
    })
    pool.push(transfer)
    submit(transfer, buffer)
  }

  for (let i = 0; i < transferCount && end === undefined; i++) add()
  // On a device that has gone no transfer was taken: end after this call has returned.
  if (active === 0) queueMicrotask(retireIfLast)

  return {
    get ended() {
      return retired
    },
    // The binding does not tell how many completions wait for the event loop.
    backlog: () => 0,
    stop() {
      finish({ kind: 'stopped' })
      return stopped
    },
  }
}
