import { biasCurrent, decodeCoarseFine } from '../biases.js'
import {
  PIXEL_BIASES,
  type PixelCurrents,
  type PixelResponse,
  pixelResponse,
} from '../pixel-response.js'
import { BIASES, MODULE } from '../registers.js'
import type { RegisterFile } from './register-file.js'

const PARAMETERS = PIXEL_BIASES.map(
  (name) => [name, BIASES.find((bias) => bias.name === name)!.parameter] as const,
)

const ENABLED = 1
/** Biases without which the pixels or their address encoder have no current. */
const DVS_BIASES = [10, 11, 12, 13, 14, 15, 16, 23, 24, 25, 34]
/** Biases without which the ADC reads 0. */
const APS_BIASES = [17, 18, 19, 34]

export function dvsBiased(registers: RegisterFile): boolean {
  return DVS_BIASES.every((p) => (registers.read(MODULE.bias, p) & ENABLED) !== 0)
}

export function apsBiased(registers: RegisterFile): boolean {
  return APS_BIASES.every((p) => (registers.read(MODULE.bias, p) & ENABLED) !== 0)
}

/** The pixel that the bias registers make, as they stand now. */
export function responseOf(registers: RegisterFile): PixelResponse {
  const currents = PARAMETERS.map(([name, parameter]) => {
    const value = decodeCoarseFine(registers.read(MODULE.bias, parameter))
    return [name, value.enabled ? biasCurrent(value) : 0]
  })
  return pixelResponse(Object.fromEntries(currents) as unknown as PixelCurrents)
}
