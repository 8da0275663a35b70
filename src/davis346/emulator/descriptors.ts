import { ENDPOINT, USB_ID } from '../registers.js'
import type { CameraIdentity } from './identity.js'

/** Current strings of production cameras are not known; these are the firmware's (§1.1). */
export const STRINGS = { manufacturer: 'iniVation', product: 'DAVIS FX3' } as const

const u16 = (value: number): [number, number] => [value & 0xff, value >> 8]

export function deviceDescriptor(identity: CameraIdentity): Uint8Array {
  const superSpeed = identity.speed === 'super'
  return Uint8Array.from([
    ...[18, 1],
    ...u16(superSpeed ? 0x0300 : 0x0210),
    ...[0, 0, 0],
    superSpeed ? 9 : 64,
    ...u16(USB_ID.vendor),
    ...u16(USB_ID.productFx3),
    ...u16(identity.firmware),
    ...[1, 2, 3, 1],
  ])
}

export function configurationDescriptor(identity: CameraIdentity): Uint8Array {
  const superSpeed = identity.speed === 'super'
  const companion = (burst: number, bytesPerInterval: number) =>
    superSpeed ? [6, 0x30, burst, 0, ...u16(bytesPerInterval)] : []
  const interfaces = [
    ...[9, 4, 0, 0, 2, 0xff, 0, 0, 0],
    ...[7, 5, ENDPOINT.debug, 3, ...u16(64), 4],
    ...companion(0, 64),
    ...[7, 5, ENDPOINT.data, 2, ...u16(superSpeed ? 1024 : 512), 0],
    ...companion(7, 0),
  ]
  const maxPower = superSpeed ? 80 : 250
  return Uint8Array.from([
    ...[9, 2],
    ...u16(9 + interfaces.length),
    ...[1, 1, 0, 0x80, maxPower],
    ...interfaces,
  ])
}

/** USB 2.0 extension (LPM) and SuperSpeed capability. */
function bosDescriptor(): Uint8Array {
  return Uint8Array.from([
    ...[5, 0x0f, ...u16(22), 2],
    ...[7, 0x10, 2, 2, 0, 0, 0],
    ...[10, 0x10, 3, 0, ...u16(0x0e), 3, 0, ...u16(0)],
  ])
}

function stringDescriptor(text: string): Uint8Array {
  const units = [...text].flatMap((character) => u16(character.charCodeAt(0)))
  return Uint8Array.from([2 + units.length, 3, ...units])
}

/** The answer to GET_DESCRIPTOR, or undefined for a STALL. */
export function descriptor(identity: CameraIdentity, value: number): Uint8Array | undefined {
  const index = value & 0xff
  switch (value >> 8) {
    case 1:
      return deviceDescriptor(identity)
    case 2:
      return index === 0 ? configurationDescriptor(identity) : undefined
    case 3:
      if (index === 0) return Uint8Array.from([4, 3, ...u16(0x0409)])
      if (index === 1) return stringDescriptor(STRINGS.manufacturer)
      if (index === 2) return stringDescriptor(STRINGS.product)
      return index === 3 ? stringDescriptor(identity.serial) : undefined
    case 15:
      return bosDescriptor()
    default:
      return undefined
  }
}
