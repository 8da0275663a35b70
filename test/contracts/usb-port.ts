import type { Test } from 'tap'
import { REG } from '../../src/davis346/registers.js'
import { EvtrackError } from '../../src/events/errors.js'
import { nowUs } from '../../src/events/time.js'
import { type UsbDeviceInfo, UsbError, type UsbHandle, type UsbPort } from '../../src/usb/port.js'
import type { CameraRemote } from '../usb-shim/remote.js'
import { read, startCamera, stopCamera, WordWatcher, write, writeMany } from './camera-words.js'
import { StreamRecorder } from './stream-recorder.js'

/** Where the suite runs: a port under test and the one camera it can see. */
export interface UsbPortHarness {
  /** A new port; the suite closes it. */
  port(): UsbPort
  /** The camera streams bars of some 100 000 events a second in real time. */
  readonly camera: CameraRemote
  readonly serial: string
}

/** Every sentence of the contract in src/usb/port.ts, as tests. */
export async function usbPortContract(t: Test, harness: UsbPortHarness): Promise<void> {
  const { camera, serial } = harness

  /** Runs `body` with a port that is closed afterwards, and leaves the camera plugged and well. */
  const withPort = (name: string, body: (t: Test, port: UsbPort) => Promise<void>) =>
    t.test(name, async (t) => {
      const port = harness.port()
      t.teardown(async () => {
        await port.close()
        await heal(harness)
      })
      await body(t, port)
    })

  const withHandle = (
    name: string,
    body: (t: Test, given: { port: UsbPort; handle: UsbHandle }) => Promise<void>,
  ) =>
    withPort(name, async (t, port) => {
      await body(t, { port, handle: await port.open(await only(port)) })
    })

  await withPort('list: identity, strings and access', async (t, port) => {
    const devices = await port.list()
    t.equal(devices.length, 1)
    t.match(devices[0], {
      vendorId: 0x152a,
      productId: 0x841a,
      bcdDevice: 6,
      serial,
      product: 'DAVIS FX3',
      manufacturer: 'iniVation',
      speed: 'super',
      access: 'ok',
    })
  })

  await withPort('list: no permission', async (t, port) => {
    await camera.deny(true)
    const device = await only(port)
    t.equal(device.access, 'denied')
    t.equal(device.serial, undefined)
    await rejectsWith(t, port.open(device), { code: 'CAMERA_BUSY', reason: 'permission' })
  })

  await withPort('open: claimed elsewhere, then free again', async (t, port) => {
    await camera.claimElsewhere(true)
    const device = await only(port)
    await rejectsWith(t, port.open(device), { code: 'CAMERA_BUSY', reason: 'claimed' })
    await camera.claimElsewhere(false)
    const handle = await port.open(device)
    t.equal(handle.info.serial, serial)
    await rejectsWith(t, port.open(device), { code: 'CAMERA_BUSY', reason: 'claimed' })
    await handle.close()
    await (await port.open(device)).close()
  })

  await withPort('open: selects the configuration when none is active', async (t, port) => {
    await camera.unconfigured(true)
    const device = await replug(port, camera)
    t.equal(await camera.configuration(), 0)
    const handle = await port.open(device)
    t.equal(await camera.configuration(), 1)
    t.equal(await read(handle, REG.infoLogicVersion), 18)
  })

  await withPort('open: a device that has gone', async (t, port) => {
    const device = await only(port)
    const gone = detached(port)
    await camera.unplug()
    await gone
    t.same(await port.list(), [])
    await rejectsWith(t, port.open(device), { code: 'CAMERA_NOT_FOUND' })
  })

  await withHandle(
    'control: what was written is read, in both directions',
    async (t, { handle }) => {
      t.equal(await read(handle, REG.infoLogicVersion), 18)
      await write(handle, REG.apsExposure, 0x0102_0304)
      t.equal(await read(handle, REG.apsExposure), 0x0102_0304)
      t.equal(await camera.readRegister(2, 12), 0x0102_0304)
      await writeMany(handle, [
        [2, 8, 17],
        [2, 9, 18],
      ])
      t.equal(await read(handle, REG.apsStartColumn), 17)
      t.equal(await read(handle, REG.apsStartRow), 18)
      const data = await handle.controlIn({ request: 0xbf, value: 6, index: 99 }, 4)
      t.same([...data], [0, 0, 0, 0])
    },
  )

  await withHandle(
    'control: requests made at once are answered in order',
    async (t, { handle }) => {
      const writes = Array.from({ length: 20 }, (_, i) => write(handle, REG.apsExposure, i))
      const reads = [REG.infoLogicVersion, REG.apsExposure].map((register) =>
        read(handle, register),
      )
      await Promise.all(writes)
      t.same(await Promise.all(reads), [18, 19])
    },
  )

  await withHandle('control: short and stalled requests', async (t, { handle }) => {
    await camera.shortControl()
    await rejectsWith(t, read(handle, REG.infoLogicVersion), { code: 'USB_SHORT_TRANSFER' })
    t.equal(await read(handle, REG.infoLogicVersion), 18, 'the next one is whole')
    await camera.stallControl()
    await rejectsWith(t, read(handle, REG.infoLogicVersion), { kind: 'stall' })
    t.equal(await read(handle, REG.infoLogicVersion), 18, 'a stall of endpoint 0 ends by itself')
    const unknown = { request: 0x77, value: 0, index: 0 }
    await rejectsWith(t, handle.controlOut(unknown, new Uint8Array(4)), { kind: 'stall' })
    const three = { request: 0xbf, value: 2, index: 12 }
    await rejectsWith(t, handle.controlOut(three, new Uint8Array(3)), { kind: 'stall' })
  })

  await withHandle('bulk: in stream order, never empty, with host time', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    const watcher = new WordWatcher()
    recorder.onTransfer = (data) => watcher.take(data)
    const before = nowUs()
    await handle.clearHalt(0x82)
    const stream = handle.startBulkIn(recorder.options())
    await startCamera(handle)
    await recorder.until(() => watcher.events >= 10_000 && watcher.wraps >= 2)
    await stream.stop()
    t.equal(watcher.backwards, 0, 'time goes forward over all transfers')
    t.ok(recorder.lengths.every((length) => length > 0 && length <= 4096 && length % 2 === 0))
    t.ok(stream.backlog() >= 0)
    const sorted = [...recorder.hostUs].sort((a, b) => a - b)
    t.same(recorder.hostUs, sorted)
    t.ok(recorder.hostUs.every((hostUs) => hostUs >= before && hostUs <= nowUs()))
  })

  await withHandle('bulk: keeps all its transfers in flight', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    const stream = handle.startBulkIn(recorder.options({ transferCount: 6 }))
    while ((await camera.pendingReads()) < 6) await read(handle, REG.infoLogicVersion)
    t.equal(await camera.pendingReads(), 6)
    t.equal(recorder.lengths.length, 0, 'a camera that is off sends nothing')
    await stream.stop()
    while ((await camera.pendingReads()) > 0) await read(handle, REG.infoLogicVersion)
    t.equal(await camera.pendingReads(), 0)
  })

  await withHandle('bulk: stop ends it once, and it can start again', async (t, { handle }) => {
    await startCamera(handle)
    for (let round = 0; round < 3; round++) {
      const recorder = new StreamRecorder()
      await handle.clearHalt(0x82)
      const stream = handle.startBulkIn(recorder.options())
      await recorder.transfers(5)
      await Promise.all([stream.stop(), stream.stop()])
      t.same(
        recorder.ends.map(({ kind }) => kind),
        ['stopped'],
      )
      await stream.stop()
      await read(handle, REG.infoLogicVersion)
      t.equal(recorder.late, 0)
      t.equal(recorder.ends.length, 1)
    }
  })

  await withHandle('bulk: stop from within the callback', async (t, { handle }) => {
    await startCamera(handle)
    const recorder = new StreamRecorder()
    let stopped: Promise<void> | undefined
    recorder.onTransfer = () => {
      stopped ??= stream.stop()
    }
    const stream = handle.startBulkIn(recorder.options())
    await recorder.ended()
    await stopped
    t.equal(recorder.ends[0]?.kind, 'stopped')
    t.equal(recorder.late, 0)
  })

  await withHandle('bulk: one stream an endpoint', async (t, { handle }) => {
    const first = handle.startBulkIn(new StreamRecorder().options())
    t.throws(() => handle.startBulkIn(new StreamRecorder().options()))
    await first.stop()
    const second = handle.startBulkIn(new StreamRecorder().options())
    await second.stop()
  })

  await withHandle('bulk: a stall ends it; clearing the halt mends it', async (t, { handle }) => {
    await startCamera(handle)
    const recorder = new StreamRecorder()
    handle.startBulkIn(recorder.options())
    await recorder.transfers(3)
    await camera.stallBulk()
    await recorder.ended()
    t.same(
      recorder.ends.map(({ kind }) => kind),
      ['stall'],
    )
    const again = new StreamRecorder()
    handle.startBulkIn(again.options())
    await again.ended()
    t.equal(again.ends[0]?.kind, 'stall', 'until it is cleared')
    await handle.clearHalt(0x82)
    const mended = new StreamRecorder()
    const stream = handle.startBulkIn(mended.options())
    await mended.transfers(3)
    await stream.stop()
    t.equal(mended.ends[0]?.kind, 'stopped')
    t.equal(recorder.ends.length, 1)
    t.equal(recorder.late, 0)
  })

  await withHandle('bulk: another failure ends it as an error', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    handle.startBulkIn(recorder.options())
    while ((await camera.pendingReads()) < 4) await read(handle, REG.infoLogicVersion)
    await camera.failBulk()
    await recorder.ended()
    t.same(
      recorder.ends.map(({ kind }) => kind),
      ['error'],
    )
  })

  await withHandle('clearHalt throws away what the camera had queued', async (t, { handle }) => {
    await startCamera(handle)
    while ((await camera.sentEvents()) < 1000) await read(handle, REG.infoLogicVersion)
    await stopCamera(handle)
    await handle.clearHalt(0x82)
    // Only time remains: what comes now is wraps, and no event of before.
    for (const register of [REG.usbRun, REG.muxTimestampRun, REG.muxRun])
      await write(handle, register, 1)
    const recorder = new StreamRecorder()
    const watcher = new WordWatcher()
    recorder.onTransfer = (data) => watcher.take(data)
    const stream = handle.startBulkIn(recorder.options())
    await recorder.until(() => watcher.wraps > 0)
    await stream.stop()
    t.equal(watcher.events, 0)
  })

  for (const first of ['reads', 'bus'] as const) {
    await withHandle(`unplug in mid-stream, ${first} first`, async (t, { port, handle }) => {
      await startCamera(handle)
      const recorder = new StreamRecorder()
      const stream = handle.startBulkIn(recorder.options())
      await recorder.transfers(3)
      const gone = detached(port)
      await camera.unplug(first)
      await recorder.ended()
      t.match(await gone, { vendorId: 0x152a, serial })
      t.same(
        recorder.ends.map(({ kind }) => kind),
        ['gone'],
      )
      await rejectsWith(t, read(handle, REG.infoLogicVersion), { kind: 'gone' })
      await rejectsWith(t, handle.clearHalt(0x82), { kind: 'gone' })
      await stream.stop()
      await handle.close()
      await handle.close()
      t.equal(recorder.late, 0)
      t.equal(recorder.ends.length, 1)
      const device = await replug(port, camera)
      t.match(device, { serial, access: 'ok' })
      const back = await port.open(device)
      t.equal(await read(back, REG.muxRun), 0, 'powered up afresh')
      await rejectsWith(
        t,
        Promise.resolve().then(() => read(handle, REG.muxRun)),
        {},
      )
    })
  }

  await withHandle('unplug seen by a control request', async (t, { handle }) => {
    await camera.slowControl(50)
    const pending = read(handle, REG.infoLogicVersion)
    pending.catch(() => {})
    await camera.unplug()
    await rejectsWith(t, pending, { kind: 'gone' })
    await handle.close()
  })

  await withPort('hotplug: listeners hear of later devices until unsubscribed', async (t, port) => {
    const heard: string[] = []
    const offAttach = port.onAttach((device) => heard.push(`+${device.serial}`))
    const offDetach = port.onDetach((device) => heard.push(`-${device.serial}`))
    await port.list()
    t.same(heard, [], 'not those that are there')
    for (const action of ['unplug', 'plug'] as const) {
      const change = action === 'plug' ? attached(port) : detached(port)
      await camera[action]()
      await change
    }
    t.same(heard, [`-${serial}`, `+${serial}`])
    offAttach()
    offDetach()
    const gone = detached(port)
    await camera.unplug()
    await gone
    t.equal(heard.length, 2)
  })

  await withHandle('control: no answer within a second', async (t, { handle }) => {
    await camera.hangControl()
    const since = nowUs()
    await rejectsWith(t, read(handle, REG.infoLogicVersion), { kind: 'timeout' })
    t.ok(nowUs() - since >= 990_000)
    t.equal(await read(handle, REG.infoLogicVersion), 18, 'the next one is answered')
  })

  await withHandle(
    'close: stops the stream, releases, is idempotent',
    async (t, { port, handle }) => {
      await startCamera(handle)
      const recorder = new StreamRecorder()
      handle.startBulkIn(recorder.options())
      await recorder.transfers(2)
      await Promise.all([handle.close(), handle.close()])
      t.same(
        recorder.ends.map(({ kind }) => kind),
        ['stopped'],
      )
      const again = await port.open(await only(port))
      t.equal(await read(again, REG.infoLogicVersion), 18)
      const second = new StreamRecorder()
      again.startBulkIn(second.options())
      await second.transfers(1)
      await port.close()
      await port.close()
      t.same(
        second.ends.map(({ kind }) => kind),
        ['stopped'],
        'closing the port closes its handles',
      )
    },
  )
}

/** A power cycle that the port has heard of. */
async function replug(port: UsbPort, camera: CameraRemote): Promise<UsbDeviceInfo> {
  // Listening first: a detach of before may still be on its way.
  const gone = detached(port)
  if ((await port.list()).length > 0) {
    await camera.unplug()
    await gone
  }
  const arrived = attached(port)
  await camera.plug()
  return arrived
}

/** Leaves a camera that is plugged in and well, and no test with the registers of another. */
async function heal(harness: UsbPortHarness): Promise<void> {
  const { camera } = harness
  await camera.deny(false)
  await camera.claimElsewhere(false)
  await camera.unconfigured(false)
  await camera.slowControl(0)
  const port = harness.port()
  await replug(port, camera)
  await port.close()
}

async function only(port: UsbPort): Promise<UsbDeviceInfo> {
  const [device, ...others] = await port.list()
  if (!device || others.length > 0) throw new Error(`expected one camera, not ${others.length + 1}`)
  return device
}

function attached(port: UsbPort): Promise<UsbDeviceInfo> {
  return new Promise((resolve) => {
    const off = port.onAttach((device) => {
      off()
      resolve(device)
    })
  })
}

function detached(port: UsbPort): Promise<UsbDeviceInfo> {
  return new Promise((resolve) => {
    const off = port.onDetach((device) => {
      off()
      resolve(device)
    })
  })
}

async function rejectsWith(
  t: Test,
  promise: Promise<unknown>,
  expected: { code?: string; reason?: string; kind?: string },
): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (expected.code !== undefined) {
    t.type(error, EvtrackError)
    t.match(error, { code: expected.code })
    if (expected.reason !== undefined) t.match(error, { data: { reason: expected.reason } })
  } else {
    t.type(error, UsbError)
    if (expected.kind !== undefined) t.match(error, { kind: expected.kind })
  }
}
