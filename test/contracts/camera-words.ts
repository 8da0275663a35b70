import { MODULE, REG, REQUEST, type Register } from '../../src/davis346/registers.js'
import type { UsbHandle } from '../../src/usb/port.js'

/** The least that makes a camera stream, written by hand: the contract of a port must not depend on the driver. */

type Write = readonly [module: number, parameter: number, value: number]

export async function write(handle: UsbHandle, register: Register, value: number): Promise<void> {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setUint32(0, value)
  const { module, parameter } = register
  await handle.controlOut({ request: REQUEST.config, value: module, index: parameter }, data)
}

export async function read(handle: UsbHandle, register: Register): Promise<number> {
  const { module, parameter } = register
  const request = { request: REQUEST.config, value: module, index: parameter }
  const data = await handle.controlIn(request, 4)
  return new DataView(data.buffer, data.byteOffset, 4).getUint32(0)
}

export async function writeMany(handle: UsbHandle, writes: readonly Write[]): Promise<void> {
  const data = new Uint8Array(6 * writes.length)
  const view = new DataView(data.buffer)
  for (const [i, [module, parameter, value]] of writes.entries()) {
    data.set([module, parameter], 6 * i)
    view.setUint32(6 * i + 2, value)
  }
  const request = { request: REQUEST.multipleConfig, value: writes.length, index: 0 }
  await handle.controlOut(request, data)
}

const DVS_BIASES = [10, 11, 12, 13, 14, 15, 16, 23, 24, 25, 34]
const RUN = [REG.muxRunChip, REG.usbRun, REG.muxTimestampRun, REG.muxRun, REG.dvsRun]

export async function startCamera(handle: UsbHandle): Promise<void> {
  const biases = DVS_BIASES.map((parameter) => [MODULE.bias, parameter, 0x5fff] as const)
  await writeMany(handle, biases)
  for (const register of RUN) await write(handle, register, 1)
}

export async function stopCamera(handle: UsbHandle): Promise<void> {
  for (const register of [...RUN].reverse()) await write(handle, register, 0)
}

/** Follows a stream's words: what is in them and whether time ever stands still or goes back. */
export class WordWatcher {
  events = 0
  wraps = 0
  backwards = 0
  #last = -1

  take(bytes: Uint8Array): void {
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      const word = bytes[i]! | (bytes[i + 1]! << 8)
      if (word >= 0x8000) {
        const tUs = this.wraps * 0x8000 + (word & 0x7fff)
        if (tUs <= this.#last) this.backwards++
        this.#last = tUs
      } else if (word >> 12 === 7) this.wraps += word & 0xfff
      else if (word >> 13 === 1) this.events++
    }
  }
}
