/**
 * The wire format of the DAVIS346: a stream of 16-bit little-endian words.
 *
 *     bit 15 = 1: timestamp, bits 14-0 are the low 15 bits of device time in microseconds
 *     bit 15 = 0: bits 14-12 are a code, bits 11-0 its data
 *
 * This file holds the numbers and their pure encoders, which the emulator and the tests use. The decoder inlines the
 * same masks where speed asks for it.
 */

/** Device time advances by this many microseconds at each wrap. */
export const WRAP_US = 0x8000

export const CODE = {
  special: 0,
  row: 1,
  columnOff: 2,
  columnOn: 3,
  sample: 4,
  misc8: 5,
  misc10: 6,
  wrap: 7,
} as const

/** Data of a word with code 0. On the wire 2 is the falling edge and 3 the rising one. */
export const SPECIAL = {
  timestampReset: 1,
  externalFalling: 2,
  externalRising: 3,
  externalPulse: 4,
  imuStart: 5,
  imuEnd: 7,
  globalFrameStart: 8,
  rollingFrameStart: 9,
  frameEnd: 10,
  resetColumnStart: 11,
  signalColumnStart: 12,
  columnEnd: 13,
  exposureStart: 14,
  exposureEnd: 15,
  generatorFalling: 16,
  generatorRising: 17,
} as const

/** Bits 11-8 of a MISC8 word; bits 7-0 carry one byte. */
export const MISC8 = { imuByte: 0, roiHigh: 1, roiLow: 2, imuConfig: 3 } as const

/** Bits 11-10 of a MISC10 word; bits 9-0 carry ten bits. */
export const MISC10 = { exposure: 0 } as const

/** Bits of the IMU configuration byte. */
export const IMU_CONFIG = {
  accelerometer: 0x80,
  gyroscope: 0x40,
  temperature: 0x20,
  accelScaleShift: 2,
  gyroScaleShift: 0,
} as const

export function timestampWord(tUs: number): number {
  return 0x8000 | (tUs % WRAP_US)
}

/** `count` wraps at once, 1..4095. */
export function wrapWord(count: number): number {
  return (CODE.wrap << 12) | (count & 0xfff)
}

export function specialWord(special: number): number {
  return special & 0xfff
}

/** The Y word: the raw row of the columns that follow. */
export function rowWord(row: number): number {
  return (CODE.row << 12) | (row & 0xfff)
}

/** The X word: one event at the raw column, in the latest row. */
export function columnWord(column: number, on: boolean | number): number {
  return ((on ? CODE.columnOn : CODE.columnOff) << 12) | (column & 0xfff)
}

/** One ADC sample, 10 bits. */
export function sampleWord(value: number): number {
  return (CODE.sample << 12) | (value & 0x3ff)
}

export function misc8Word(sub: number, byte: number): number {
  return (CODE.misc8 << 12) | ((sub & 0xf) << 8) | (byte & 0xff)
}

export function misc10Word(sub: number, value: number): number {
  return (CODE.misc10 << 12) | ((sub & 3) << 10) | (value & 0x3ff)
}

/** The ROI of an APS frame: start column, start row, end column, end row, inclusive, high byte before low byte. */
export function roiWords(roi: {
  startColumn: number
  startRow: number
  endColumn: number
  endRow: number
}): number[] {
  return [roi.startColumn, roi.startRow, roi.endColumn, roi.endRow].flatMap((value) => [
    misc8Word(MISC8.roiHigh, value >> 8),
    misc8Word(MISC8.roiLow, value),
  ])
}

/** Exposure in ADC clock cycles as ten-bit chunks, least significant first. Three chunks hold 30 bits. */
export function exposureWords(cycles: number, chunks = 3): number[] {
  return Array.from({ length: chunks }, (_, i) =>
    misc10Word(MISC10.exposure, Math.floor(cycles / 2 ** (10 * i))),
  )
}

/** Little-endian bytes of words, as they leave the camera. */
export function wordsToBytes(words: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(words.length * 2)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    bytes[2 * i] = word & 0xff
    bytes[2 * i + 1] = word >> 8
  }
  return bytes
}
