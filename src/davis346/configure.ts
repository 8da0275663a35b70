import { encodeBias } from './biases.js'
import type { DeviceInfo } from './identify.js'
import {
  BIASES,
  MODULE,
  MULTIPLE_CONFIG_MAX_ENTRIES,
  PIXEL_FILTER_SLOTS,
  pixelFilterRegisters,
  REG,
  type Register,
} from './registers.js'
import type { Preset } from './schema.js'

/**
 * Pure plans: which registers to write, in which order. device.ts performs them.
 */
export interface RegisterWrite {
  readonly module: number
  readonly parameter: number
  readonly value: number
}

/** One request: a single register, or several that the camera applies in order without a gap. */
export type ConfigStep =
  | { readonly kind: 'write'; readonly write: RegisterWrite }
  | { readonly kind: 'multiple'; readonly writes: readonly RegisterWrite[] }

/**
 * One setting of the camera. Those of a group cannot be written alone: the APS region changes as a whole while the APS
 * is off, and the shutter mode lives in two registers that must agree.
 */
interface Setting extends RegisterWrite {
  readonly group?: 'apsRegion' | 'shutter'
}

type ConfigInfo = Pick<DeviceInfo, 'dvs' | 'clocks' | 'has'>

const bit = (on: boolean): number => (on ? 1 : 0)
const set = (register: Register, value: number, group?: Setting['group']): Setting => ({
  module: register.module,
  parameter: register.parameter,
  value,
  ...(group === undefined ? {} : { group }),
})

const plain = ({ module, parameter, value }: RegisterWrite): RegisterWrite => ({
  module,
  parameter,
  value,
})

function biasSettings(preset: Preset): Setting[] {
  return BIASES.map(({ name, parameter, kind }) => ({
    module: MODULE.bias,
    parameter,
    value: encodeBias(kind, preset.biases[name]),
  }))
}

function chipSettings({ chip }: Preset, globalShutter: boolean): Setting[] {
  return [
    set(REG.chipDigitalMux0, chip.digitalMux0),
    set(REG.chipDigitalMux1, chip.digitalMux1),
    set(REG.chipDigitalMux2, chip.digitalMux2),
    set(REG.chipDigitalMux3, chip.digitalMux3),
    set(REG.chipAnalogMux0, chip.analogMux0),
    set(REG.chipAnalogMux1, chip.analogMux1),
    set(REG.chipAnalogMux2, chip.analogMux2),
    set(REG.chipBiasMux0, chip.biasMux0),
    set(REG.chipResetCalibNeuron, bit(chip.resetCalibNeuron)),
    set(REG.chipTypeNCalibNeuron, bit(chip.typeNCalibNeuron)),
    set(REG.chipResetTestPixel, bit(chip.resetTestPixel)),
    set(REG.chipAerNaRow, bit(chip.aerNaRow)),
    set(REG.chipUseAOut, bit(chip.useAOut)),
    set(REG.chipGlobalShutter, bit(globalShutter), 'shutter'),
    set(REG.chipSelectGrayCounter, bit(chip.selectGrayCounter)),
    set(REG.chipTestAdc, bit(chip.testAdc)),
  ]
}

/** Slots hold raw stream addresses; one outside of the array never matches, which is how a slot is off. */
function pixelFilterSettings({ dvs }: Preset, info: ConfigInfo): Setting[] {
  const { columns, rows, invertXY } = info.dvs
  return Array.from({ length: PIXEL_FILTER_SLOTS }, (_, slot) => {
    const registers = pixelFilterRegisters(slot)
    const pixel = dvs.pixelFilter[slot]
    if (pixel === undefined) return [set(registers.row, rows), set(registers.column, columns)]
    return [
      set(registers.row, invertXY ? pixel.x : pixel.y),
      set(registers.column, invertXY ? pixel.y : pixel.x),
    ]
  }).flat()
}

function dvsSettings(preset: Preset, info: ConfigInfo): Setting[] {
  const { dvs } = preset
  const settings = [
    set(REG.dvsWaitOnStall, bit(dvs.waitOnStall)),
    set(REG.dvsExternalAerControl, bit(dvs.externalAerControl)),
  ]
  if (info.has.pixelFilter) settings.push(...pixelFilterSettings(preset, info))
  if (info.has.backgroundActivityFilter) {
    settings.push(
      set(REG.dvsBackgroundActivity, bit(dvs.backgroundActivity)),
      set(REG.dvsBackgroundActivityTime, dvs.backgroundActivityTimeUs / 250),
      set(REG.dvsRefractory, bit(dvs.refractory)),
      set(REG.dvsRefractoryTime, dvs.refractoryTimeUs / 250),
    )
  }
  if (info.has.roiFilter) {
    settings.push(
      set(REG.dvsRoiStartColumn, dvs.roiStartColumn),
      set(REG.dvsRoiStartRow, dvs.roiStartRow),
      set(REG.dvsRoiEndColumn, dvs.roiEndColumn),
      set(REG.dvsRoiEndRow, dvs.roiEndRow),
    )
  }
  if (info.has.skipFilter) {
    settings.push(set(REG.dvsSkip, bit(dvs.skip)), set(REG.dvsSkipEvery, dvs.skipEvery))
  }
  if (info.has.polarityFilter) {
    settings.push(
      set(REG.dvsPolarityFlatten, bit(dvs.polarityFlatten)),
      set(REG.dvsPolaritySuppress, bit(dvs.polaritySuppress)),
      set(REG.dvsPolaritySuppressType, bit(dvs.polaritySuppressType === 'on')),
    )
  }
  return settings
}

function apsSettings({ aps }: Preset, info: ConfigInfo): Setting[] {
  const { adcMHz } = info.clocks
  const globalShutter = bit(aps.globalShutter && info.has.globalShutter)
  return [
    set(REG.apsWaitOnStall, bit(aps.waitOnStall)),
    set(REG.chipGlobalShutter, globalShutter, 'shutter'),
    set(REG.apsGlobalShutter, globalShutter, 'shutter'),
    set(REG.apsStartColumn, aps.startColumn, 'apsRegion'),
    set(REG.apsStartRow, aps.startRow, 'apsRegion'),
    set(REG.apsEndColumn, aps.endColumn, 'apsRegion'),
    set(REG.apsEndRow, aps.endRow, 'apsRegion'),
    set(REG.apsExposure, Math.round(aps.exposureUs * adcMHz)),
    set(REG.apsFrameInterval, Math.round(aps.frameIntervalUs * adcMHz)),
  ]
}

function imuSettings({ imu }: Preset): Setting[] {
  return [
    set(REG.imuSampleRateDivider, imu.sampleRateDivider),
    set(REG.imuAccelDlpf, imu.accelDlpf),
    set(REG.imuAccelFullScale, Math.log2(imu.accelRangeG / 2)),
    set(REG.imuGyroDlpf, imu.gyroDlpf),
    set(REG.imuGyroFullScale, Math.log2(imu.gyroRangeDegPerSecond / 250)),
  ]
}

function externalSettings({ external }: Preset, info: ConfigInfo): Setting[] {
  const { logicMHz } = info.clocks
  const settings = [
    set(REG.externalDetectRising, bit(external.detectRising)),
    set(REG.externalDetectFalling, bit(external.detectFalling)),
    set(REG.externalDetectPulses, bit(external.detectPulses)),
    set(REG.externalDetectPulsePolarity, bit(external.detectPulsePolarity === 'high')),
    set(REG.externalDetectPulseLength, Math.round(external.detectPulseLengthUs * logicMHz)),
  ]
  if (info.has.generator) {
    settings.push(
      set(REG.externalRunGenerator, bit(external.runGenerator)),
      set(REG.externalGeneratePulsePolarity, bit(external.generatePulsePolarity === 'high')),
      set(
        REG.externalGeneratePulseInterval,
        Math.round(external.generatePulseIntervalUs * logicMHz),
      ),
      set(REG.externalGeneratePulseLength, Math.round(external.generatePulseLengthUs * logicMHz)),
      set(REG.externalInjectOnRising, bit(external.injectOnRising)),
      set(REG.externalInjectOnFalling, bit(external.injectOnFalling)),
    )
  }
  return settings
}

function settings(preset: Preset, info: ConfigInfo): Setting[] {
  return [
    ...biasSettings(preset),
    ...chipSettings(preset, preset.aps.globalShutter && info.has.globalShutter),
    set(REG.muxDropExternalOnStall, bit(preset.mux.dropExternalOnStall)),
    set(REG.muxDropDvsOnStall, bit(preset.mux.dropDvsOnStall)),
    ...dvsSettings(preset, info),
    ...apsSettings(preset, info),
    ...imuSettings(preset),
    ...externalSettings(preset, info),
    set(REG.usbEarlyPacketDelay, Math.round(preset.usb.earlyPacketDelayUs * info.clocks.usbMHz)),
  ]
}

/** The switches of the producers, in the order in which they go on. */
export function producerWrites(preset: Preset): RegisterWrite[] {
  return [
    set(REG.dvsRun, bit(preset.dvs.run)),
    set(REG.apsRun, bit(preset.aps.run)),
    set(REG.imuRunAccelerometer, bit(preset.imu.runAccelerometer)),
    set(REG.imuRunGyroscope, bit(preset.imu.runGyroscope)),
    set(REG.imuRunTemperature, bit(preset.imu.runTemperature)),
    set(REG.externalRunDetector, bit(preset.external.runDetector)),
  ]
}

/** Groups settings into requests: the APS region goes out as one, with the APS off while it changes. */
function steps(all: readonly Setting[], apsRuns: boolean): ConfigStep[] {
  const result: ConfigStep[] = []
  const region = all.filter(({ group }) => group === 'apsRegion').map(plain)
  let regionDone = false
  for (const setting of all) {
    if (setting.group !== 'apsRegion') {
      result.push({ kind: 'write', write: plain(setting) })
    } else if (!regionDone) {
      regionDone = true
      const writes = [plain(set(REG.apsRun, 0)), ...region]
      if (apsRuns) writes.push(plain(set(REG.apsRun, 1)))
      result.push({ kind: 'multiple', writes })
    }
  }
  return result
}

/** Everything, for a camera whose producers are off: biases, chip, then module by module. */
export function planConfiguration(preset: Preset, info: ConfigInfo): ConfigStep[] {
  return steps(settings(preset, info), false)
}

/**
 * Only what changed. On a running camera, producers that the new preset switches off stop first and those that it
 * switches on start last; on a stopped one they are left for the start.
 */
export function planChange(change: {
  previous: Preset
  next: Preset
  info: ConfigInfo
  running: boolean
}): ConfigStep[] {
  const { previous, next, info, running } = change
  const before = values(settings(previous, info))
  const differs = (s: RegisterWrite) => before.get(key(s)) !== s.value
  const all = settings(next, info)
  const touched = new Set(all.filter(differs).map(({ group }) => group))
  const changed = all.filter((s, i) => {
    if (s.group === 'apsRegion') return touched.has('apsRegion')
    if (s.group !== 'shutter') return differs(s)
    // The chip's half goes right before the APS's; its place among the chip settings is for a whole plan.
    const paired = all[i + 1]?.group === 'shutter' || all[i - 1]?.group === 'shutter'
    return paired && touched.has('shutter')
  })
  if (!running) return steps(changed, false)
  const ran = values(producerWrites(previous))
  const switched = producerWrites(next).filter((w) => ran.get(key(w)) !== w.value)
  const write = (w: RegisterWrite): ConfigStep => ({ kind: 'write', write: plain(w) })
  return [
    ...switched.filter(({ value }) => value === 0).map(write),
    ...steps(changed, previous.aps.run && next.aps.run),
    ...switched.filter(({ value }) => value === 1).map(write),
  ]
}

const key = ({ module, parameter }: RegisterWrite): number => (module << 8) | parameter

function values(writes: readonly RegisterWrite[]): Map<number, number> {
  return new Map(writes.map((w) => [key(w), w.value]))
}

/** The payload of a multiple request. Throws RangeError beyond what the camera's buffer holds. */
export function encodeMultiple(writes: readonly RegisterWrite[]): Uint8Array {
  if (writes.length > MULTIPLE_CONFIG_MAX_ENTRIES) {
    throw new RangeError(
      `${writes.length} entries, the camera takes ${MULTIPLE_CONFIG_MAX_ENTRIES}`,
    )
  }
  const bytes = new Uint8Array(writes.length * 6)
  const view = new DataView(bytes.buffer)
  writes.forEach(({ module, parameter, value }, i) => {
    bytes[6 * i] = module
    bytes[6 * i + 1] = parameter
    view.setUint32(6 * i + 2, value)
  })
  return bytes
}
