import { fileURLToPath } from 'node:url'
import t from 'tap'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { openShimHost } from '../usb-shim/host.js'

const host = await openShimHost({ stimulus: barsStimulus({ eventsPerSecond: 100_000 }) })
if ('unavailable' in host) {
  t.pass('not run', { skip: host.unavailable })
} else {
  t.teardown(() => host.close())
  const child = fileURLToPath(new URL('../contracts/usb-port.libusb.js', import.meta.url))
  await t.spawn(
    process.execPath,
    [child, host.remotePath, host.camera.identity.serial],
    { env: { ...process.env, ...host.env } },
    'the unmodified libusb binding, on an emulated camera behind the shim',
  )
}
