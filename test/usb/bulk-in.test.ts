import t from 'tap'
import { createBulkIn } from '../../src/usb/bulk-in.js'
import { LIBUSB, type LibusbException } from '../../src/usb/libusb-errors.js'
import type { BulkEnd } from '../../src/usb/port.js'
import type { TransferFactory } from '../../src/usb/transfer.js'

/** The binding's transfers, completed by hand. */
function createTransfers() {
  const made: {
    buffer: Buffer | undefined
    submits: number
    cancelled: boolean
    released: boolean
    complete(error?: LibusbException, length?: number): void
  }[] = []
  let submitError: Error | undefined
  let cancelError: Error | undefined
  const bulk: TransferFactory['bulk'] = (_endpoint, done) => {
    const transfer = {
      buffer: undefined as Buffer | undefined,
      submits: 0,
      cancelled: false,
      released: false,
      complete(error?: LibusbException, length = 0) {
        const buffer = transfer.buffer
        transfer.buffer = undefined
        if (buffer) done(error, buffer, length)
      },
    }
    made.push(transfer)
    return {
      submit(buffer) {
        if (submitError) throw submitError
        transfer.buffer = buffer
        transfer.submits++
      },
      cancel() {
        if (cancelError) throw cancelError
        transfer.cancelled = transfer.buffer !== undefined
        return transfer.cancelled
      },
      release() {
        transfer.released = true
      },
    }
  }
  return {
    factory: { bulk, control: () => bulk(0, () => {}) },
    made,
    failSubmit: (error: Error | undefined) => {
      submitError = error
    },
    failCancel: (error: Error | undefined) => {
      cancelError = error
    },
  }
}

const libusb = (errno: number): LibusbException => Object.assign(new Error('libusb'), { errno })

function setUp(onTransfer: (data: Uint8Array) => void = () => {}) {
  const transfers = createTransfers()
  const ends: BulkEnd[] = []
  const received: number[][] = []
  const start = () =>
    createBulkIn({
      options: {
        endpoint: 0x82,
        transferBytes: 8,
        transferCount: 3,
        onTransfer: (data) => {
          received.push([...data])
          onTransfer(data)
        },
        onEnd: (end) => ends.push(end),
      },
      transfers: transfers.factory,
      now: () => 42,
      onRetired: () => {},
    })
  return { ...transfers, start, ends, received }
}

t.test('keeps all transfers in flight, each with its own buffer', async (t) => {
  const { start, made, received } = setUp()
  start()
  t.same(
    made.map(({ submits }) => submits),
    [1, 1, 1],
  )
  const buffers = made.map(({ buffer }) => buffer)
  buffers[1]?.set([1, 2, 3])
  made[1]?.complete(undefined, 3)
  t.same(received, [[1, 2, 3]], 'only what was received')
  t.equal(made[1]?.submits, 2)
  t.equal(made[1]?.buffer, buffers[1], 'with the same memory')
  t.equal(new Set(buffers.map((b) => b?.buffer)).size, 3)
  made[0]?.complete(undefined, 0)
  t.equal(received.length, 1, 'an empty transfer is no transfer')
  t.equal(made[0]?.submits, 2)
})

t.test('stop cancels all, ends once, and after the last has retired', async (t) => {
  const { start, made, ends, received } = setUp()
  const stream = start()
  const stopped = stream.stop()
  t.equal(stream.stop(), stopped)
  t.ok(made.every(({ cancelled }) => cancelled))
  made[0]?.complete(libusb(3))
  made[1]?.complete(undefined, 8)
  t.same(ends, [])
  t.ok(made.every(({ released }) => !released))
  made[2]?.complete(libusb(3))
  await stopped
  t.ok(
    made.every(({ released }) => released),
    'their memory may go',
  )
  t.same(ends, [{ kind: 'stopped' }])
  t.same(received, [], 'what arrives after stop is dropped')
  await stream.stop()
  t.equal(ends.length, 1)
})

t.test('stop from inside the callback does not resubmit', async (t) => {
  const { start, made } = setUp(() => stream.stop())
  const stream = start()
  made[0]?.complete(undefined, 8)
  t.equal(made[0]?.submits, 1)
  made[1]?.complete(libusb(3))
  made[2]?.complete(libusb(3))
  await stream.stop()
  t.ok(stream.ended)
})

t.test('an unplug ends the stream, however it shows', async (t) => {
  t.test('a transfer ends with no device', async (t) => {
    const { start, made, ends } = setUp()
    start()
    for (const transfer of made) transfer.complete(libusb(LIBUSB.transferNoDevice))
    t.match(ends, [{ kind: 'gone' }])
  })
  t.test('a resubmission throws', async (t) => {
    const { start, made, ends, failSubmit, failCancel } = setUp()
    start()
    failSubmit(libusb(LIBUSB.errorNoDevice))
    failCancel(libusb(LIBUSB.errorNoDevice))
    made[0]?.complete(undefined, 8)
    made[1]?.complete(libusb(LIBUSB.transferNoDevice))
    t.same(ends, [])
    made[2]?.complete(libusb(LIBUSB.transferNoDevice))
    t.match(ends, [{ kind: 'gone' }])
  })
  t.test('the first submission throws: onEnd comes after the call', async (t) => {
    const { start, ends, failSubmit } = setUp()
    failSubmit(libusb(LIBUSB.errorNoDevice))
    const stream = start()
    t.same(ends, [])
    await stream.stop()
    t.match(ends, [{ kind: 'gone' }])
  })
})

t.test(
  'a stall and other errors keep their kind; data received before them is delivered',
  async (t) => {
    for (const [errno, kind] of [
      [LIBUSB.transferStall, 'stall'],
      [LIBUSB.transferTimedOut, 'error'],
      [1, 'error'],
      [6, 'error'],
    ] as const) {
      const { start, made, ends, received } = setUp()
      start()
      made[0]?.complete(libusb(errno), 2)
      t.ok(made[1]?.cancelled, 'the others are cancelled')
      made[1]?.complete(libusb(3))
      made[2]?.complete(libusb(3))
      t.equal(ends[0]?.kind, kind)
      t.equal(received.length, 1)
    }
  },
)
