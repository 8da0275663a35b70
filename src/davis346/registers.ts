/**
 * The register file of the DAVIS346: one table, used by the configuration plan, the driver and the emulator.
 *
 * Every access names a module and a parameter and carries 32 bits. A 64-bit counter has its upper half at its address
 * and its lower half at the next one.
 */

export const MODULE = {
  mux: 0,
  dvs: 1,
  aps: 2,
  imu: 3,
  external: 4,
  /** Parameters 0-127 are biases, 128-255 chip configuration. */
  bias: 5,
  info: 6,
  usb: 9,
} as const

/** Vendor requests, device recipient. */
export const REQUEST = {
  /** wValue = module, wIndex = parameter, 4 bytes big-endian, both directions. */
  config: 0xbf,
  /** OUT only: wValue = number of entries of {u8 module, u8 parameter, u32 big-endian}. */
  multipleConfig: 0xc2,
} as const

/** The EP0 buffer holds 4096 bytes. */
export const MULTIPLE_CONFIG_MAX_ENTRIES = 682

export const USB_ID = { vendor: 0x152a, productFx3: 0x841a, productFx2: 0x841b } as const
export const ENDPOINT = { debug: 0x81, data: 0x82 } as const
/** SYSINFO chip identifier of a DAVIS346B. */
export const CHIP_DAVIS346B = 5

export interface Register {
  readonly module: number
  readonly parameter: number
  /** Significant bits; 64 for a counter that spans two parameters. */
  readonly bits: number
  readonly readOnly: boolean
}

const rw = (module: number, parameter: number, bits: number): Register => ({
  module,
  parameter,
  bits,
  readOnly: false,
})
const ro = (module: number, parameter: number, bits: number): Register => ({
  module,
  parameter,
  bits,
  readOnly: true,
})

const { mux, dvs, aps, imu, external, bias, info, usb } = MODULE

export const REG = {
  muxRun: rw(mux, 0, 1),
  muxTimestampRun: rw(mux, 1, 1),
  /** A 0→1 change resets the timestamp counter of a master. */
  muxTimestampReset: rw(mux, 2, 1),
  /** Power of the bias generator. */
  muxRunChip: rw(mux, 3, 1),
  muxDropExternalOnStall: rw(mux, 4, 1),
  muxDropDvsOnStall: rw(mux, 5, 1),
  muxHasStatistics: ro(mux, 80, 1),
  muxStatisticsExternalDropped: ro(mux, 81, 64),
  muxStatisticsDvsDropped: ro(mux, 83, 64),

  dvsSizeColumns: ro(dvs, 0, 16),
  dvsSizeRows: ro(dvs, 1, 16),
  /** Bit 2: X and Y words are swapped with respect to the public picture. */
  dvsOrientation: ro(dvs, 2, 3),
  dvsRun: rw(dvs, 3, 1),
  dvsWaitOnStall: rw(dvs, 4, 1),
  dvsExternalAerControl: rw(dvs, 5, 1),
  dvsHasPixelFilter: ro(dvs, 10, 1),
  dvsHasBackgroundActivityFilter: ro(dvs, 30, 1),
  dvsBackgroundActivity: rw(dvs, 31, 1),
  /** Units of 250 us. */
  dvsBackgroundActivityTime: rw(dvs, 32, 12),
  dvsRefractory: rw(dvs, 33, 1),
  /** Units of 250 us. */
  dvsRefractoryTime: rw(dvs, 34, 12),
  dvsHasRoiFilter: ro(dvs, 40, 1),
  dvsRoiStartColumn: rw(dvs, 41, 10),
  dvsRoiStartRow: rw(dvs, 42, 10),
  dvsRoiEndColumn: rw(dvs, 43, 10),
  dvsRoiEndRow: rw(dvs, 44, 10),
  dvsHasSkipFilter: ro(dvs, 50, 1),
  dvsSkip: rw(dvs, 51, 1),
  dvsSkipEvery: rw(dvs, 52, 8),
  dvsHasPolarityFilter: ro(dvs, 60, 1),
  dvsPolarityFlatten: rw(dvs, 61, 1),
  dvsPolaritySuppress: rw(dvs, 62, 1),
  /** 0 drops OFF events, 1 drops ON events. */
  dvsPolaritySuppressType: rw(dvs, 63, 1),
  dvsHasStatistics: ro(dvs, 80, 1),
  dvsStatisticsRows: ro(dvs, 81, 64),
  dvsStatisticsColumns: ro(dvs, 83, 64),
  dvsStatisticsDropped: ro(dvs, 85, 64),
  dvsStatisticsFilteredPixels: ro(dvs, 87, 64),
  dvsStatisticsFilteredBackgroundActivity: ro(dvs, 89, 64),
  dvsStatisticsFilteredRefractory: ro(dvs, 91, 64),

  apsSizeColumns: ro(aps, 0, 16),
  apsSizeRows: ro(aps, 1, 16),
  /** Bit 2 swaps X and Y, bit 1 flips X, bit 0 flips Y. */
  apsOrientation: ro(aps, 2, 3),
  apsColorFilter: ro(aps, 3, 4),
  apsRun: rw(aps, 4, 1),
  apsWaitOnStall: rw(aps, 5, 1),
  apsHasGlobalShutter: ro(aps, 6, 1),
  apsGlobalShutter: rw(aps, 7, 1),
  /** The region of interest, inclusive, in public coordinates. */
  apsStartColumn: rw(aps, 8, 10),
  apsStartRow: rw(aps, 9, 10),
  apsEndColumn: rw(aps, 10, 10),
  apsEndRow: rw(aps, 11, 10),
  /** ADC clock cycles. */
  apsExposure: rw(aps, 12, 32),
  /** ADC clock cycles, start to start. */
  apsFrameInterval: rw(aps, 13, 32),

  /** 0 none, 1 MPU6050, 2 MPU9250, 3 BMI160. */
  imuType: ro(imu, 0, 2),
  /** Bits 2, 1, 0 flip X, Y, Z. */
  imuOrientation: ro(imu, 1, 3),
  imuRunAccelerometer: rw(imu, 2, 1),
  imuRunGyroscope: rw(imu, 3, 1),
  imuRunTemperature: rw(imu, 4, 1),
  imuSampleRateDivider: rw(imu, 5, 8),
  imuAccelDlpf: rw(imu, 6, 3),
  imuAccelFullScale: rw(imu, 7, 2),
  imuGyroDlpf: rw(imu, 9, 3),
  imuGyroFullScale: rw(imu, 10, 2),

  externalRunDetector: rw(external, 0, 1),
  externalDetectRising: rw(external, 1, 1),
  externalDetectFalling: rw(external, 2, 1),
  externalDetectPulses: rw(external, 3, 1),
  /** 1 = active high. */
  externalDetectPulsePolarity: rw(external, 4, 1),
  /** Logic clock cycles. */
  externalDetectPulseLength: rw(external, 5, 27),
  externalHasGenerator: ro(external, 10, 1),
  externalRunGenerator: rw(external, 11, 1),
  externalGeneratePulsePolarity: rw(external, 12, 1),
  externalGeneratePulseInterval: rw(external, 13, 27),
  externalGeneratePulseLength: rw(external, 14, 27),
  externalInjectOnRising: rw(external, 15, 1),
  externalInjectOnFalling: rw(external, 16, 1),

  chipDigitalMux0: rw(bias, 128, 4),
  chipDigitalMux1: rw(bias, 129, 4),
  chipDigitalMux2: rw(bias, 130, 4),
  chipDigitalMux3: rw(bias, 131, 4),
  chipAnalogMux0: rw(bias, 132, 4),
  chipAnalogMux1: rw(bias, 133, 4),
  chipAnalogMux2: rw(bias, 134, 4),
  chipBiasMux0: rw(bias, 135, 4),
  chipResetCalibNeuron: rw(bias, 136, 1),
  chipTypeNCalibNeuron: rw(bias, 137, 1),
  chipResetTestPixel: rw(bias, 138, 1),
  chipAerNaRow: rw(bias, 140, 1),
  chipUseAOut: rw(bias, 141, 1),
  /** Must match apsGlobalShutter. */
  chipGlobalShutter: rw(bias, 142, 1),
  chipSelectGrayCounter: rw(bias, 143, 1),
  chipTestAdc: rw(bias, 144, 1),

  infoLogicVersion: ro(info, 0, 16),
  infoChipIdentifier: ro(info, 1, 8),
  infoDeviceIsMaster: ro(info, 2, 1),
  /** MHz, nominal. */
  infoLogicClock: ro(info, 3, 16),
  infoAdcClock: ro(info, 4, 16),
  infoUsbClock: ro(info, 5, 16),
  /** Per-mille factor on the three clocks; 1000 = none. */
  infoClockDeviation: ro(info, 6, 16),
  infoLogicPatch: ro(info, 7, 8),

  usbRun: rw(usb, 0, 1),
  /** USB clock cycles. */
  usbEarlyPacketDelay: rw(usb, 1, 32),
} as const satisfies Record<string, Register>

export type RegisterName = keyof typeof REG

export const PIXEL_FILTER_SLOTS = 8

/** The two registers of hardware pixel-filter slot 0..7, in raw stream coordinates. */
export function pixelFilterRegisters(slot: number): { row: Register; column: Register } {
  return { row: rw(dvs, 11 + 2 * slot, 10), column: rw(dvs, 12 + 2 * slot, 10) }
}

/** Orientation word, DVS and APS. */
export const ORIENTATION = { invertXY: 4, flipX: 2, flipY: 1 } as const

export type BiasKind = 'vdac' | 'n' | 'p' | 'shifted'

/**
 * The biases of the DAVIS346 in the order they are written. N and P are coarse-fine current sources that feed
 * N-channel and P-channel transistors.
 */
export const BIASES = [
  { name: 'ApsOverflowLevel', parameter: 0, kind: 'vdac' },
  { name: 'ApsCas', parameter: 1, kind: 'vdac' },
  { name: 'AdcRefHigh', parameter: 2, kind: 'vdac' },
  { name: 'AdcRefLow', parameter: 3, kind: 'vdac' },
  { name: 'AdcTestVoltage', parameter: 4, kind: 'vdac' },
  { name: 'LocalBufBn', parameter: 8, kind: 'n' },
  { name: 'PadFollBn', parameter: 9, kind: 'n' },
  { name: 'DiffBn', parameter: 10, kind: 'n' },
  { name: 'OnBn', parameter: 11, kind: 'n' },
  { name: 'OffBn', parameter: 12, kind: 'n' },
  { name: 'PixInvBn', parameter: 13, kind: 'n' },
  { name: 'PrBp', parameter: 14, kind: 'p' },
  { name: 'PrSFBp', parameter: 15, kind: 'p' },
  { name: 'RefrBp', parameter: 16, kind: 'p' },
  { name: 'ReadoutBufBp', parameter: 17, kind: 'p' },
  { name: 'ApsROSFBn', parameter: 18, kind: 'n' },
  { name: 'AdcCompBp', parameter: 19, kind: 'p' },
  { name: 'ColSelLowBn', parameter: 20, kind: 'n' },
  { name: 'DACBufBp', parameter: 21, kind: 'p' },
  { name: 'LcolTimeoutBn', parameter: 22, kind: 'n' },
  { name: 'AEPdBn', parameter: 23, kind: 'n' },
  { name: 'AEPuXBp', parameter: 24, kind: 'p' },
  { name: 'AEPuYBp', parameter: 25, kind: 'p' },
  { name: 'IFRefrBn', parameter: 26, kind: 'n' },
  { name: 'IFThrBn', parameter: 27, kind: 'n' },
  { name: 'BiasBuffer', parameter: 34, kind: 'n' },
  { name: 'SSP', parameter: 35, kind: 'shifted' },
  { name: 'SSN', parameter: 36, kind: 'shifted' },
] as const satisfies readonly { name: string; parameter: number; kind: BiasKind }[]

export type BiasName = (typeof BIASES)[number]['name']
