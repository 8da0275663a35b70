import type { Test } from 'tap'
import type { UsbPortHarness } from './usb-port-bench.js'
import { deviceContract } from './usb-port-device.js'
import { streamContract } from './usb-port-stream.js'

/** Every sentence of the contract in src/usb/port.ts, as tests. */
export async function usbPortContract(t: Test, harness: UsbPortHarness): Promise<void> {
  await deviceContract(t, harness)
  await streamContract(t, harness)
}
