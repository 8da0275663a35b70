import type { UsbHandle } from '../usb/port.js'
import { type ConfigStep, encodeMultiple } from './configure.js'
import { REQUEST, type Register } from './registers.js'

/** The two vendor requests that matter. All of them reject as the port does. */

async function readParameter(
  handle: UsbHandle,
  module: number,
  parameter: number,
): Promise<number> {
  const data = await handle.controlIn(
    { request: REQUEST.config, value: module, index: parameter },
    4,
  )
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0)
}

export async function readRegister(handle: UsbHandle, register: Register): Promise<number> {
  if (register.bits === 64) return readCounter(handle, register)
  return readParameter(handle, register.module, register.parameter)
}

/**
 * A 64-bit counter as a Number (exact to 2^53). The halves are read one after the other; when the upper half moved
 * meanwhile, the lower one belongs to neither and is read again.
 */
async function readCounter(handle: UsbHandle, register: Register): Promise<number> {
  const { module, parameter } = register
  let upper = await readParameter(handle, module, parameter)
  // The upper half moves once in 2^32 counts: a second round settles it on any working camera.
  for (let round = 0; ; round++) {
    const lower = await readParameter(handle, module, parameter + 1)
    const again = await readParameter(handle, module, parameter)
    if (again === upper || round === 3) return again * 2 ** 32 + lower
    upper = again
  }
}

export async function writeRegister(
  handle: UsbHandle,
  register: Pick<Register, 'module' | 'parameter'>,
  value: number,
): Promise<void> {
  const data = new Uint8Array(4)
  new DataView(data.buffer).setUint32(0, value)
  await handle.controlOut(
    { request: REQUEST.config, value: register.module, index: register.parameter },
    data,
  )
}

export async function perform(handle: UsbHandle, step: ConfigStep): Promise<void> {
  if (step.kind === 'write') return writeRegister(handle, step.write, step.write.value)
  await handle.controlOut(
    { request: REQUEST.multipleConfig, value: step.writes.length, index: 0 },
    encodeMultiple(step.writes),
  )
}
