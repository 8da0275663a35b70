import type { Test } from 'tap'
import { REG } from '../../src/davis346/registers.js'
import { nowUs } from '../../src/events/time.js'
import { read, startCamera, write, writeMany } from './camera-words.js'
import { StreamRecorder } from './stream-recorder.js'
import {
  attached,
  detached,
  only,
  portTests,
  rejectsWith,
  replug,
  type UsbPortHarness,
} from './usb-port-bench.js'

/** Listing, opening, control requests, hotplug, closing. */
export async function deviceContract(t: Test, harness: UsbPortHarness): Promise<void> {
  const { camera, serial } = harness
  const { withPort, withHandle } = portTests(t, harness)

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

  await withHandle('control: no answer within a second', async (t, { handle }) => {
    await camera.hangControl()
    const since = nowUs()
    await rejectsWith(t, read(handle, REG.infoLogicVersion), { kind: 'timeout' })
    t.ok(nowUs() - since >= 990_000)
    t.equal(await read(handle, REG.infoLogicVersion), 18, 'the next one is answered')
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
