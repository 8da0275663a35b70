import { DAVIS346_SIZE } from '../../events/geometry.js'
import { CHIP_DAVIS346B, ORIENTATION, type RegisterName } from '../registers.js'

/** What a camera is: everything a host can read but not change. */
export interface CameraIdentity {
  /** At most 8 ASCII characters. */
  readonly serial: string
  /** Low byte of bcdDevice. */
  readonly firmware: number
  readonly logic: number
  readonly logicPatch: number
  /** False: a sync cable makes this camera a slave, which ignores timestamp resets sent by the host. */
  readonly master: boolean
  /**
   * How the sensor is mounted. 'A': the raw array is the public picture, 346 x 260. 'B': rotated by 90 degrees as in
   * production cameras, raw 260 x 346 with the swap bit set.
   */
  readonly variant: 'A' | 'B'
  /** APS readout direction, in raw coordinates. */
  readonly apsFlip: { readonly x: boolean; readonly y: boolean }
  readonly clocks: {
    readonly logicMHz: number
    readonly adcMHz: number
    readonly usbMHz: number
    readonly deviationPermille: number
  }
  /** 0 none, 1 MPU6050, 2 MPU9250. */
  readonly imuType: 0 | 1 | 2
  /** Bits 2, 1, 0 flip X, Y, Z. */
  readonly imuFlip: number
  /** A filter that is absent reads 0 in its HAS flag and its registers do nothing. */
  readonly has: {
    readonly pixelFilter: boolean
    readonly backgroundActivityFilter: boolean
    readonly roiFilter: boolean
    readonly skipFilter: boolean
    readonly polarityFilter: boolean
    readonly generator: boolean
    readonly globalShutter: boolean
    readonly statistics: boolean
  }
  readonly speed: 'super' | 'high'
}

export const DEFAULT_IDENTITY: CameraIdentity = {
  serial: '00000489',
  firmware: 6,
  logic: 18,
  logicPatch: 1,
  master: true,
  variant: 'A',
  apsFlip: { x: false, y: false },
  clocks: { logicMHz: 90, adcMHz: 30, usbMHz: 80, deviationPermille: 1008 },
  imuType: 2,
  imuFlip: 0,
  has: {
    pixelFilter: true,
    backgroundActivityFilter: true,
    roiFilter: true,
    skipFilter: true,
    polarityFilter: true,
    generator: true,
    globalShutter: true,
    statistics: true,
  },
  speed: 'super',
}

/** Range of the X and Y words: the array as the logic counts it. */
export function rawSize(identity: CameraIdentity): { columns: number; rows: number } {
  const { width, height } = DAVIS346_SIZE
  return identity.variant === 'A'
    ? { columns: width, rows: height }
    : { columns: height, rows: width }
}

/** The values of all read-only registers but the counters. */
export function readOnlyValues(
  identity: CameraIdentity,
): Partial<Record<RegisterName, number | boolean>> {
  const { columns, rows } = rawSize(identity)
  const { has, clocks } = identity
  const swap = identity.variant === 'B' ? ORIENTATION.invertXY : 0
  const flip =
    (identity.apsFlip.x ? ORIENTATION.flipX : 0) | (identity.apsFlip.y ? ORIENTATION.flipY : 0)
  return {
    muxHasStatistics: has.statistics,
    dvsSizeColumns: columns,
    dvsSizeRows: rows,
    dvsOrientation: swap,
    dvsHasPixelFilter: has.pixelFilter,
    dvsHasBackgroundActivityFilter: has.backgroundActivityFilter,
    dvsHasRoiFilter: has.roiFilter,
    dvsHasSkipFilter: has.skipFilter,
    dvsHasPolarityFilter: has.polarityFilter,
    dvsHasStatistics: has.statistics,
    apsSizeColumns: columns,
    apsSizeRows: rows,
    apsOrientation: swap | flip,
    apsColorFilter: 0,
    apsHasGlobalShutter: has.globalShutter,
    imuType: identity.imuType,
    imuOrientation: identity.imuFlip,
    externalHasGenerator: has.generator,
    infoLogicVersion: identity.logic,
    infoChipIdentifier: CHIP_DAVIS346B,
    infoDeviceIsMaster: identity.master,
    infoLogicClock: clocks.logicMHz,
    infoAdcClock: clocks.adcMHz,
    infoUsbClock: clocks.usbMHz,
    infoClockDeviation: clocks.deviationPermille,
    infoLogicPatch: identity.logicPatch,
  }
}

/**
 * Values of writable registers after power-up. All run bits and biases are 0; the filters let everything pass, as
 * their reset values span the array. Early packets go out after 1 ms.
 */
export function powerUpValues(identity: CameraIdentity): Partial<Record<RegisterName, number>> {
  const { width, height } = DAVIS346_SIZE
  return {
    dvsRoiEndColumn: width - 1,
    dvsRoiEndRow: height - 1,
    apsEndColumn: width - 1,
    apsEndRow: height - 1,
    usbEarlyPacketDelay: Math.round(1000 * cyclesPerUs(identity, 'usb')),
  }
}

/** Actual clock in cycles per microsecond. */
export function cyclesPerUs(identity: CameraIdentity, clock: 'logic' | 'adc' | 'usb'): number {
  return (identity.clocks[`${clock}MHz`] * identity.clocks.deviationPermille) / 1000
}
