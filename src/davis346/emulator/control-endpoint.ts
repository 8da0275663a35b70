import { REQUEST } from '../registers.js'
import { descriptor } from './descriptors.js'
import type { CameraIdentity } from './identity.js'
import type { Davis346Model } from './model.js'

export interface Setup {
  /** bmRequestType */
  readonly type: number
  readonly request: number
  readonly value: number
  readonly index: number
  readonly length: number
}

const TYPE_IN = 0x80
const VENDOR_OUT = 0x40
const VENDOR_IN = 0xc0
const STANDARD_IN = 0x80
const GET_STATUS = 0
const GET_DESCRIPTOR = 6
const GET_CONFIGURATION = 8
const ENTRY_BYTES = 6

const bigEndian = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at)

/**
 * Endpoint 0: what the camera answers to a control request, or undefined for a STALL. Strict about lengths: a register
 * is four bytes, a multiple write exactly six bytes an entry.
 */
export function answerControl(
  camera: { readonly identity: CameraIdentity; readonly model: Davis346Model },
  setup: Setup,
  data: Uint8Array,
): Uint8Array | undefined {
  const { identity, model } = camera
  const { type, request, value, index, length } = setup
  if (type === VENDOR_IN && request === REQUEST.config && length === 4) {
    const answer = new Uint8Array(4)
    new DataView(answer.buffer).setUint32(0, model.registers.read(value, index))
    return answer
  }
  if (type === VENDOR_OUT && request === REQUEST.config && data.length === 4) {
    model.write(value, index, bigEndian(data, 0))
    return data
  }
  if (type === VENDOR_OUT && request === REQUEST.multipleConfig) {
    if (index !== 0 || value === 0 || data.length !== value * ENTRY_BYTES || data.length > 4096)
      return undefined
    for (let at = 0; at < data.length; at += ENTRY_BYTES)
      model.write(data[at]!, data[at + 1]!, bigEndian(data, at + 2))
    return data
  }
  if (type === STANDARD_IN && request === GET_DESCRIPTOR)
    return descriptor(identity, value)?.subarray(0, length)
  if (type === STANDARD_IN && request === GET_CONFIGURATION) return Uint8Array.of(1)
  if ((type & 0xe0) === TYPE_IN && request === GET_STATUS) return Uint8Array.of(0, 0)
  return undefined
}
