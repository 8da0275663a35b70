// Runs under the shim in a child process: see test/integration/usb-contract.test.ts.
import t from 'tap'
import { USB_ID } from '../../src/davis346/registers.js'
import { createLibusbPort } from '../../src/usb/libusb.js'
import { connectRemote } from '../usb-shim/remote.js'
import { usbPortContract } from './usb-port.js'

const [remotePath, serial] = process.argv.slice(2)
if (remotePath === undefined || serial === undefined) throw new Error('arguments: REMOTE SERIAL')

// Hotplug listeners do not keep a process alive, and some tests wait for nothing else.
const alive = setInterval(() => {}, 1000)

await usbPortContract(t, {
  camera: await connectRemote(remotePath),
  serial,
  port: () =>
    createLibusbPort({
      match: (vendor, product) => vendor === USB_ID.vendor && product === USB_ID.productFx3,
    }),
})

clearInterval(alive)
