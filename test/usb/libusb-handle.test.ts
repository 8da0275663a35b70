import t from 'tap'
import { controlTransfer } from '../../src/usb/control.js'
import { type Done, type LibusbDevice, readInfo } from '../../src/usb/libusb-device.js'
import { LIBUSB, type LibusbException, toUsbError } from '../../src/usb/libusb-errors.js'
import { createLibusbHandle, openAndClaim } from '../../src/usb/libusb-handle.js'
import { type UsbDeviceInfo, UsbError } from '../../src/usb/port.js'
import type { TransferFactory } from '../../src/usb/transfer.js'

const libusb = (errno: number): LibusbException => Object.assign(new Error('libusb'), { errno })

const info: UsbDeviceInfo = {
  vendorId: 0x152a,
  productId: 0x841a,
  bcdDevice: 6,
  busNumber: 1,
  deviceAddress: 2,
  speed: 'super',
  access: 'ok',
}

/** The binding's device with answers to set; what really happens at libusb is under test elsewhere. */
function createDevice(configuration = 1) {
  const log: string[] = []
  const fail: Record<string, LibusbException> = {}
  const step = (name: string) => {
    log.push(name)
    if (fail[name]) throw fail[name]
  }
  const later = (name: string, done: Done) => {
    log.push(name)
    queueMicrotask(() => done(fail[name]))
  }
  const control: { answer: Buffer | number; hold?: (() => void)[] } = { answer: 0 }
  const device: LibusbDevice = {
    busNumber: 1,
    deviceAddress: 2,
    deviceDescriptor: {
      idVendor: 0x152a,
      idProduct: 0x841a,
      bcdDevice: 6,
      iManufacturer: 1,
      iProduct: 2,
      iSerialNumber: 3,
    },
    configDescriptor: {
      bConfigurationValue: configuration,
      interfaces: [[{ endpoints: [{ bmAttributes: 2, wMaxPacketSize: 1024 }] }]],
    },
    open: () => step('open'),
    close: () => step('close'),
    setConfiguration: (value, done) => later(`configuration ${value}`, done),
    interface: (n) => ({
      claim: () => step(`claim ${n}`),
      release: (done) => later(`release ${n}`, done),
    }),
    __clearHalt: (endpoint, done) => later(`clear ${endpoint.toString(16)}`, done),
  }
  const transfers: TransferFactory = {
    bulk: () => ({ submit: () => {}, cancel: () => true, release: () => {} }),
    control(done) {
      let submitted: Buffer | undefined
      return {
        submit(buffer) {
          submitted = buffer
          const [type, request] = buffer
          const value = buffer.readUInt16LE(2)
          const index = buffer.readUInt16LE(4)
          const payload = Number(type) & 0x80 ? buffer.readUInt16LE(6) : [...buffer.subarray(8)]
          const setup = [type, request, value, index].map((n) => n?.toString(16)).join(' ')
          const string = type === 0x80 ? `string ${value & 0xff}` : undefined
          log.push(string ?? `control ${setup} ${payload}`)
          const text = Buffer.from(`text${value & 0xff}\0`, 'utf16le')
          const answer = string
            ? Buffer.concat([Buffer.of(text.length + 2, 3), text])
            : control.answer
          const moved = typeof answer === 'number' ? answer : answer.length
          const reply = () => {
            if (typeof answer !== 'number') buffer.set(answer, 8)
            done(fail[string ?? 'control'], buffer, moved)
          }
          if (control.hold) control.hold.push(reply)
          else queueMicrotask(reply)
        },
        cancel() {
          log.push('cancel')
          if (submitted) done(libusb(3), submitted, 0)
          return submitted !== undefined
        },
        release: () => {},
      }
    },
  }
  return { device, transfers, log, fail, control }
}

function createHandle({ device, transfers }: ReturnType<typeof createDevice>, onClosed = () => {}) {
  return createLibusbHandle({ device, info, transfers, onClosed })
}

t.test('opening selects the configuration if needed and claims the interface', async (t) => {
  const ready = createDevice(1)
  await openAndClaim(ready.device, info)
  t.same(ready.log, ['open', 'claim 0'])
  const fresh = createDevice(0)
  await openAndClaim(fresh.device, info)
  t.same(fresh.log, ['open', 'configuration 1', 'claim 0'])
})

t.test('a camera that cannot be had says why and what to do, and is left closed', async (t) => {
  const cases: [string, number, Record<string, unknown>][] = [
    [
      'open',
      LIBUSB.errorAccess,
      {
        code: 'CAMERA_BUSY',
        data: { reason: 'permission' },
        next: /70-evtrackd\.rules.*group evtrackd/,
      },
    ],
    ['open', LIBUSB.errorNoDevice, { code: 'CAMERA_NOT_FOUND' }],
    ['open', -99, { name: 'UsbError' }],
    ['claim 0', LIBUSB.errorBusy, { code: 'CAMERA_BUSY', data: { reason: 'claimed' } }],
    ['claim 0', LIBUSB.errorNoDevice, { code: 'CAMERA_NOT_FOUND' }],
    ['claim 0', -99, { name: 'UsbError' }],
  ]
  for (const [step, errno, expected] of cases) {
    const { device, log, fail } = createDevice()
    fail[step] = libusb(errno)
    const error = await openAndClaim(device, info).catch((e) => e)
    t.match(error, expected, `${step} fails with ${errno}`)
    if (step !== 'open') t.equal(log.at(-1), 'close')
  }
})

t.test('strings are read while open; what cannot be read is left out', async (t) => {
  const { device, transfers, log, fail } = createDevice()
  fail['string 1'] = libusb(LIBUSB.errorPipe)
  t.same(await readInfo(device, transfers), { ...info, serial: 'text3', product: 'text2' })
  t.equal(log.at(-1), 'close')
  fail['open'] = libusb(LIBUSB.errorAccess)
  t.same(await readInfo(device, transfers), { ...info, access: 'denied' })
  fail['open'] = libusb(LIBUSB.errorBusy)
  t.same(await readInfo(device, transfers), { ...info, access: 'busy' })
})

t.test('control requests', async (t) => {
  const binding = createDevice()
  const { log, control } = binding
  const handle = createHandle(binding)
  control.answer = 4
  await handle.controlOut({ request: 0xbf, value: 5, index: 10 }, Uint8Array.of(0, 0, 1, 2))
  t.equal(log.at(-1), 'control 40 bf 5 a 0,0,1,2')
  control.answer = Buffer.from([0, 0, 0, 18])
  t.same([...(await handle.controlIn({ request: 0xbf, value: 6, index: 0 }, 4))], [0, 0, 0, 18])
  t.equal(log.at(-1), 'control c0 bf 6 0 4')
  control.answer = Buffer.from([1, 2])
  await t.rejects(handle.controlIn({ request: 0xbf, value: 6, index: 0 }, 4), {
    code: 'USB_SHORT_TRANSFER',
    message: /0xbf \(6, 0\) moved 2 of 4 bytes/,
  })
  control.answer = 2
  await t.rejects(handle.controlOut({ request: 0xbf, value: 6, index: 0 }, new Uint8Array(4)), {
    code: 'USB_SHORT_TRANSFER',
  })
})

t.test('an answer that does not come is waited for no longer than the limit', async (t) => {
  const { transfers, log, control } = createDevice()
  control.hold = []
  const setup = { type: 0xc0, request: 0xbf, value: 6, index: 0 }
  const late = await controlTransfer(transfers, setup, { data: 4, timeoutMs: 1 }).catch((e) => e)
  t.match(toUsbError(late, 'Request'), { kind: 'timeout', message: /Request: .* within 1 ms/ })
  t.equal(log.at(-1), 'cancel')
})

t.test('failures keep their kind', async (t) => {
  for (const [errno, kind] of [
    [LIBUSB.transferStall, 'stall'],
    [LIBUSB.errorPipe, 'stall'],
    [LIBUSB.transferTimedOut, 'timeout'],
    [LIBUSB.errorTimeout, 'timeout'],
    [LIBUSB.transferNoDevice, 'gone'],
    [LIBUSB.errorNoDevice, 'gone'],
    [LIBUSB.errorNotFound, 'gone'],
    [-1, 'error'],
  ] as const) {
    const binding = createDevice()
    binding.fail['control'] = libusb(errno)
    binding.fail['clear 82'] = libusb(errno)
    const handle = createHandle(binding)
    const failed = await handle.controlIn({ request: 0xbf, value: 0, index: 0 }, 4).catch((e) => e)
    t.match(failed, { name: 'UsbError', kind }, `${errno}`)
    const halted = await handle.clearHalt(0x82).catch((e) => e)
    t.match(halted, { name: 'UsbError', kind })
  }
  const own = new UsbError('gone', 'x')
  t.equal(toUsbError(own, 'y'), own)
})

t.test('close waits for requests, releases, and happens once', async (t) => {
  const binding = createDevice()
  const { log, control } = binding
  let closed = 0
  const handle = createHandle(binding, () => closed++)
  const hold: (() => void)[] = []
  control.hold = hold
  control.answer = Buffer.alloc(4)
  const answer = handle.controlIn({ request: 0xbf, value: 6, index: 0 }, 4)
  const closing = handle.close()
  t.notOk(log.includes('close'))
  for (const release of hold) release()
  t.equal((await answer).length, 4)
  await closing
  t.same(log.slice(-2), ['release 0', 'close'])
  await handle.close()
  t.equal(closed, 1)
  await t.rejects(handle.controlIn({ request: 0xbf, value: 6, index: 0 }, 4), /was closed/)
  t.throws(
    () =>
      handle.startBulkIn({
        endpoint: 0x82,
        transferBytes: 8,
        transferCount: 1,
        onTransfer() {},
        onEnd() {},
      }),
    /was closed/,
  )
})

t.test('closing a device that has gone is quiet', async (t) => {
  const binding = createDevice()
  binding.fail['release 0'] = libusb(LIBUSB.errorNoDevice)
  binding.fail['close'] = libusb(LIBUSB.errorNoDevice)
  await createHandle(binding).close()
  t.pass('no error')
})

t.test('one stream an endpoint', async (t) => {
  const handle = createHandle(createDevice())
  const options = { transferBytes: 8, transferCount: 1, onTransfer() {}, onEnd() {} }
  handle.startBulkIn({ ...options, endpoint: 0x82 })
  t.throws(() => handle.startBulkIn({ ...options, endpoint: 0x82 }), /0x82 is streaming already/)
})
