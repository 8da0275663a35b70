// Runs under the shim in a child process: see test/integration/usb-driver.test.ts.
import t from 'tap'
import { USB_ID } from '../../src/davis346/registers.js'
import { createLibusbPort } from '../../src/usb/libusb.js'
import { connectRemote } from '../usb-shim/remote.js'
import { misbehavingCamera, scriptedCamera } from './camera-source.js'

const [remotePath, suite] = process.argv.slice(2)
if (remotePath === undefined) throw new Error('arguments: REMOTE [scripted | misbehaving]')

const harness = {
  camera: await connectRemote(remotePath),
  port: () =>
    createLibusbPort({
      match: (vendor, product) => vendor === USB_ID.vendor && product === USB_ID.productFx3,
    }),
}
// Hotplug listeners do not keep a process alive, and some tests wait for nothing else.
const alive = setInterval(() => {}, 1000)
await (suite === 'scripted' ? scriptedCamera(t, harness) : misbehavingCamera(t, harness))
clearInterval(alive)
