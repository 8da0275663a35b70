import { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE } from '../events/geometry.js'
import type { UsbHandle } from '../usb/port.js'
import { readRegister } from './access.js'
import { publicSize, type StreamLayout } from './layout.js'
import { ORIENTATION, REG, type Register } from './registers.js'
import type { FirmwareGates } from './schema.js'

/** What a camera says about itself. */
export interface DeviceInfo extends StreamLayout {
  readonly serial: string
  readonly firmware: number
  readonly logic: number
  readonly logicPatch: number
  readonly chip: number
  /** False while a sync cable drives its timestamps. */
  readonly master: boolean
  readonly colorFilter: number
  readonly has: DeviceFeatures
}

export interface DeviceFeatures {
  readonly pixelFilter: boolean
  /** Also covers the refractory filter. */
  readonly backgroundActivityFilter: boolean
  readonly roiFilter: boolean
  readonly skipFilter: boolean
  readonly polarityFilter: boolean
  readonly dvsStatistics: boolean
  readonly muxStatistics: boolean
  readonly globalShutter: boolean
  readonly generator: boolean
}

interface Versions {
  readonly serial: string
  readonly firmware: number
  readonly logic: number
  readonly logicPatch: number
}

type Gate = FirmwareGates['boards'][number]['firmware']

const passes = (version: number, gate: Gate): boolean =>
  'min' in gate ? version >= gate.min : version === gate.exactly

const wanted = (gate: Gate): string => ('min' in gate ? `${gate.min} or newer` : `${gate.exactly}`)

/**
 * Reads identity and layout. Rejects with FIRMWARE_UNSUPPORTED, naming what was found and what is needed, before
 * anything that depends on the version is read. Nothing is written: this program never flashes a camera.
 */
export async function identify(handle: UsbHandle, gates: FirmwareGates): Promise<DeviceInfo> {
  const versions: Versions = {
    serial: handle.info.serial ?? temporarySerial(handle.info),
    firmware: handle.info.bcdDevice & 0xff,
    logic: await readRegister(handle, REG.infoLogicVersion),
    logicPatch: await readRegister(handle, REG.infoLogicPatch),
  }
  requireSupported(versions, handle.info.productId, gates)
  const chip = await readRegister(handle, REG.infoChipIdentifier)
  const master = await readFlag(handle, REG.infoDeviceIsMaster)
  const has = await readFeatures(handle)
  const colorFilter = await readRegister(handle, REG.apsColorFilter)
  const layout = await readLayout(handle)
  requireDavis346(versions, chip, layout)
  return { ...versions, chip, master, colorFilter, has, ...layout }
}

/** A camera without a serial is named by its place on the bus. */
function temporarySerial(info: { busNumber: number; deviceAddress: number }): string {
  return `TMP${String((info.busNumber << 8) | info.deviceAddress).padStart(5, '0')}`
}

const NEXT = "Update the camera with its maker's tool; evtrackd never changes a camera's firmware."

function requireSupported(found: Versions, productId: number, gates: FirmwareGates): void {
  const board = gates.boards.find((row) => Number(row.productId) === productId)
  if (
    board !== undefined &&
    passes(found.firmware, board.firmware) &&
    passes(found.logic, board.logic) &&
    passes(found.logicPatch, board.logicPatch)
  ) {
    return
  }
  const needed = board
    ? `firmware ${wanted(board.firmware)}, logic ${wanted(board.logic)}, patch ${wanted(board.logicPatch)}`
    : `a board of product id ${gates.boards.map((row) => row.productId).join(' or ')}`
  throw new EvtrackError(
    'FIRMWARE_UNSUPPORTED',
    `Camera ${found.serial} has firmware ${found.firmware}, logic ${found.logic}, patch ${found.logicPatch}; needed: ${needed}.`,
    { next: NEXT, data: { ...found, productId, needed } },
  )
}

/** Sizes and clocks feed buffers and divisions, so what no DAVIS346 reports is refused here. */
function requireDavis346(found: Versions, chip: number, layout: StreamLayout): void {
  const dvs = publicSize(layout)
  const aps = publicSize({ ...layout, dvs: layout.aps })
  const { width, height } = DAVIS346_SIZE
  const sized = [dvs, aps].every((size) => size.width === width && size.height === height)
  const clocked = Object.values(layout.clocks).every((mhz) => mhz > 0)
  if (sized && clocked) return
  throw new EvtrackError(
    'FIRMWARE_UNSUPPORTED',
    sized
      ? `Camera ${found.serial} reports a clock of 0 MHz.`
      : `Camera ${found.serial} (chip ${chip}) has ${dvs.width} x ${dvs.height} pixels; a DAVIS346 has ${width} x ${height}.`,
    { next: 'Connect a DAVIS346.', data: { ...found, chip, dvs, aps, clocks: layout.clocks } },
  )
}

async function readFlag(handle: UsbHandle, register: Register): Promise<boolean> {
  return (await readRegister(handle, register)) !== 0
}

async function readFeatures(handle: UsbHandle): Promise<DeviceFeatures> {
  return {
    pixelFilter: await readFlag(handle, REG.dvsHasPixelFilter),
    backgroundActivityFilter: await readFlag(handle, REG.dvsHasBackgroundActivityFilter),
    roiFilter: await readFlag(handle, REG.dvsHasRoiFilter),
    skipFilter: await readFlag(handle, REG.dvsHasSkipFilter),
    polarityFilter: await readFlag(handle, REG.dvsHasPolarityFilter),
    dvsStatistics: await readFlag(handle, REG.dvsHasStatistics),
    globalShutter: await readFlag(handle, REG.apsHasGlobalShutter),
    generator: await readFlag(handle, REG.externalHasGenerator),
    muxStatistics: await readFlag(handle, REG.muxHasStatistics),
  }
}

async function readLayout(handle: UsbHandle): Promise<StreamLayout> {
  const read = (register: Register) => readRegister(handle, register)
  const dvsOrientation = await read(REG.dvsOrientation)
  const apsOrientation = await read(REG.apsOrientation)
  const imuOrientation = await read(REG.imuOrientation)
  // A per-mille factor on all clocks; 0 cannot be meant and reads as "none".
  const deviation = ((await read(REG.infoClockDeviation)) || 1000) / 1000
  return {
    dvs: {
      columns: await read(REG.dvsSizeColumns),
      rows: await read(REG.dvsSizeRows),
      invertXY: (dvsOrientation & ORIENTATION.invertXY) !== 0,
    },
    aps: {
      columns: await read(REG.apsSizeColumns),
      rows: await read(REG.apsSizeRows),
      invertXY: (apsOrientation & ORIENTATION.invertXY) !== 0,
      flipX: (apsOrientation & ORIENTATION.flipX) !== 0,
      flipY: (apsOrientation & ORIENTATION.flipY) !== 0,
    },
    imu: {
      type: await read(REG.imuType),
      flipX: (imuOrientation & 4) !== 0,
      flipY: (imuOrientation & 2) !== 0,
      flipZ: (imuOrientation & 1) !== 0,
    },
    clocks: {
      logicMHz: (await read(REG.infoLogicClock)) * deviation,
      adcMHz: (await read(REG.infoAdcClock)) * deviation,
      usbMHz: (await read(REG.infoUsbClock)) * deviation,
    },
  }
}
