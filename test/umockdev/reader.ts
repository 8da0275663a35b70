// The child of test/umockdev/umockdev.test.ts: reads a camera with the plain `usb` package and prints what it found.
import { type Device, usb } from 'usb'

const vendor = Number(process.argv[2])
const device = usb
  .getDeviceList()
  .find(({ deviceDescriptor }) => deviceDescriptor.idVendor === vendor)
if (!device) throw new Error('libusb does not list the camera')

device.open()
device.interface(0).claim()
const serial = await new Promise((resolve, reject) => {
  device.getStringDescriptor(device.deviceDescriptor.iSerialNumber, (error, value) =>
    error ? reject(error) : resolve(value),
  )
})
const logic = await controlIn(device, { request: 0xbf, value: 6, index: 0 })
const refused = await controlIn(device, { request: 0x77, value: 0, index: 0 }).catch(
  (error: { errno: number }) => error.errno,
)
const found = {
  bcdDevice: device.deviceDescriptor.bcdDevice,
  endpoints: device.interfaces?.[0]?.endpoints.map(({ address }) => address),
  serial,
  logic,
  refused,
}
await new Promise((resolve) => device.interface(0).release(resolve))
device.close()
process.stdout.write(`${JSON.stringify(found)}\n`)

function controlIn(
  from: Device,
  setup: { request: number; value: number; index: number },
): Promise<number[]> {
  return new Promise((resolve, reject) => {
    from.controlTransfer(0xc0, setup.request, setup.value, setup.index, 4, (error, data) =>
      error ? reject(error) : resolve([...(data as Buffer)]),
    )
  })
}
