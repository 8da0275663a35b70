import type { BiasKind } from './registers.js'

/**
 * Plain integer words of the on-chip bias generator; the logic turns them into the chip's own bit order.
 *
 * A coarse-fine bias is a current: the coarse code picks a full scale in steps of eight, the fine code 0..255 the part
 * of it. `sex` (N or P, the kind of transistor it feeds) is a property of the bias and no setting.
 */
export interface CoarseFine {
  /** Full scale: 0 = 11 pA, then 94 pA, 756 pA, 6.05 nA, 48.4 nA, 388 nA, 3.1 uA, 7 = 24.8 uA. */
  readonly coarse: number
  readonly fine: number
  readonly enabled: boolean
  readonly type: 'normal' | 'cascode'
  readonly level: 'normal' | 'low'
}

export interface Vdac {
  /** Voltage code 0..63 of 3.3 V / 64. */
  readonly voltage: number
  /** Drive current code 0..7. */
  readonly current: number
}

export interface ShiftedSource {
  readonly reference: number
  readonly regulator: number
  readonly mode: 'shifted-source' | 'high-z' | 'tied-to-rail'
  readonly level: 'split-gate' | 'single-diode' | 'double-diode'
}

export type BiasValue = CoarseFine | Vdac | ShiftedSource

/** Full-scale currents of the coarse codes in picoampere. */
export const COARSE_PICOAMPERE = [
  11, 94, 756, 6054, 48_437, 387_500, 3_100_000, 24_800_000,
] as const

const MODES = ['shifted-source', 'high-z', 'tied-to-rail'] as const
const LEVELS = ['split-gate', 'single-diode', 'double-diode'] as const

function within(value: number, max: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`${what} is ${value}, expected an integer from 0 to ${max}`)
  }
  return value
}

export function encodeCoarseFine(value: CoarseFine, kind: 'n' | 'p'): number {
  return (
    (value.enabled ? 1 : 0) |
    (kind === 'n' ? 2 : 0) |
    (value.type === 'normal' ? 4 : 0) |
    (value.level === 'normal' ? 8 : 0) |
    (within(value.fine, 255, 'fine') << 4) |
    (within(value.coarse, 7, 'coarse') << 12)
  )
}

export function decodeCoarseFine(word: number): CoarseFine & { kind: 'n' | 'p' } {
  return {
    coarse: (word >> 12) & 7,
    fine: (word >> 4) & 0xff,
    enabled: (word & 1) !== 0,
    type: word & 4 ? 'normal' : 'cascode',
    level: word & 8 ? 'normal' : 'low',
    kind: word & 2 ? 'n' : 'p',
  }
}

export function encodeVdac(value: Vdac): number {
  return within(value.voltage, 63, 'voltage') | (within(value.current, 7, 'current') << 6)
}

export function decodeVdac(word: number): Vdac {
  return { voltage: word & 63, current: (word >> 6) & 7 }
}

export function encodeShiftedSource(value: ShiftedSource): number {
  return (
    within(MODES.indexOf(value.mode), 2, 'mode') |
    (within(LEVELS.indexOf(value.level), 2, 'level') << 2) |
    (within(value.reference, 63, 'reference') << 4) |
    (within(value.regulator, 63, 'regulator') << 10)
  )
}

/** Codes that name no mode or level read as the first one. */
export function decodeShiftedSource(word: number): ShiftedSource {
  return {
    mode: MODES[word & 3] ?? MODES[0],
    level: LEVELS[(word >> 2) & 3] ?? LEVELS[0],
    reference: (word >> 4) & 63,
    regulator: (word >> 10) & 63,
  }
}

/** Throws RangeError when a field is out of range. */
export function encodeBias(kind: BiasKind, value: BiasValue): number {
  if (kind === 'vdac') return encodeVdac(value as Vdac)
  if (kind === 'shifted') return encodeShiftedSource(value as ShiftedSource)
  return encodeCoarseFine(value as CoarseFine, kind)
}

/** Current of a coarse-fine bias in picoampere. */
export function biasCurrent(value: { coarse: number; fine: number }): number {
  return (COARSE_PICOAMPERE[within(value.coarse, 7, 'coarse')]! * value.fine) / 255
}

/** The coarse-fine codes nearest to a current: the smallest full scale that covers it. */
export function biasFromCurrent(picoampere: number): { coarse: number; fine: number } {
  const found = COARSE_PICOAMPERE.findIndex((scale) => picoampere <= scale)
  const coarse = found < 0 ? COARSE_PICOAMPERE.length - 1 : found
  const fine = Math.round((255 * picoampere) / COARSE_PICOAMPERE[coarse]!)
  return { coarse, fine: Math.min(255, Math.max(0, fine)) }
}
