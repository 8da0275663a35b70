import type { DeviceFeatures } from '../../src/davis346/identify.js'
import { REG, type Register } from '../../src/davis346/registers.js'
import type { Clock } from '../../src/events/time.js'
import {
  type BulkEnd,
  type BulkInOptions,
  type UsbDeviceInfo,
  UsbError,
  type UsbHandle,
} from '../../src/usb/port.js'

export const ALL_FEATURES: DeviceFeatures = {
  pixelFilter: true,
  backgroundActivityFilter: true,
  roiFilter: true,
  skipFilter: true,
  polarityFilter: true,
  dvsStatistics: true,
  muxStatistics: true,
  globalShutter: true,
  generator: true,
}

export const DEVICE: UsbDeviceInfo = {
  vendorId: 0x152a,
  productId: 0x841a,
  bcdDevice: 0x0006,
  busNumber: 2,
  deviceAddress: 5,
  speed: 'super',
  serial: '00000489',
  access: 'ok',
}

const key = (module: number, parameter: number) => `${module}/${parameter}`
export const nameOf = ({ module, parameter }: Register) => key(module, parameter)

/** What a healthy camera answers; unknown registers read 0. */
function identityRegisters(): Map<string, number> {
  const values: [Register, number][] = [
    [REG.infoLogicVersion, 18],
    [REG.infoLogicPatch, 1],
    [REG.infoChipIdentifier, 5],
    [REG.infoDeviceIsMaster, 1],
    [REG.infoLogicClock, 90],
    [REG.infoAdcClock, 30],
    [REG.infoUsbClock, 80],
    [REG.infoClockDeviation, 1008],
    [REG.dvsSizeColumns, 260],
    [REG.dvsSizeRows, 346],
    [REG.dvsOrientation, 4],
    [REG.apsSizeColumns, 260],
    [REG.apsSizeRows, 346],
    [REG.apsOrientation, 6],
    [REG.imuType, 2],
    [REG.imuOrientation, 5],
    [REG.dvsHasPixelFilter, 1],
    [REG.dvsHasBackgroundActivityFilter, 1],
    [REG.dvsHasRoiFilter, 1],
    [REG.dvsHasSkipFilter, 1],
    [REG.dvsHasPolarityFilter, 1],
    [REG.dvsHasStatistics, 1],
    [REG.apsHasGlobalShutter, 1],
    [REG.externalHasGenerator, 1],
    [REG.muxHasStatistics, 1],
  ]
  return new Map(values.map(([register, value]) => [nameOf(register), value]))
}

/**
 * Writes down what a driver asks, in one log with the waits of the clock; answers reads from a table. It is no camera:
 * the emulator is. It serves to see orders and to fail at any step.
 */
export function createRecordingHandle(info: UsbDeviceInfo = DEVICE) {
  const log: string[] = []
  const registers = identityRegisters()
  let options: BulkInOptions | undefined
  let closed = false
  let gone = false

  function end(bulkEnd: BulkEnd): void {
    const ended = options
    options = undefined
    ended?.onEnd(bulkEnd)
  }

  const check = () => {
    if (gone) throw new UsbError('gone', 'unplugged')
  }

  const recorder = {
    log,
    registers,
    get closed() {
      return closed
    },
    get streaming() {
      return options !== undefined
    },
    /** Called with each step before it is answered; may throw. */
    before: (_step: string): void => {},
    /** Called for each register that a request sets. */
    onSet: (_module: number, _parameter: number, _value: number): void => {},
    data(bytes: Uint8Array, hostUs = 0) {
      options?.onTransfer(bytes, hostUs)
    },
    end,
    unplug() {
      gone = true
      end({ kind: 'gone' })
    },
  }

  function set(module: number, parameter: number, value: number): void {
    registers.set(key(module, parameter), value)
    recorder.onSet(module, parameter, value)
  }

  const step = (text: string) => {
    log.push(text)
    recorder.before(text)
    check()
  }

  const handle: UsbHandle = {
    info,
    async controlIn({ value, index }) {
      recorder.before(`read ${key(value, index)}`)
      check()
      const data = new Uint8Array(4)
      new DataView(data.buffer).setUint32(0, registers.get(key(value, index)) ?? 0)
      return data
    },
    async controlOut({ request, value, index }, data) {
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
      if (request === 0xbf) {
        step(`${key(value, index)}=${view.getUint32(0)}`)
        set(value, index, view.getUint32(0))
        return
      }
      const entries = Array.from({ length: value }, (_, i) => [
        view.getUint8(6 * i),
        view.getUint8(6 * i + 1),
        view.getUint32(6 * i + 2),
      ]) as [number, number, number][]
      step(`[${entries.map(([m, p, v]) => `${key(m, p)}=${v}`).join(' ')}]`)
      for (const entry of entries) set(...entry)
    },
    async clearHalt(endpoint) {
      step(`clear ${endpoint.toString(16)}`)
    },
    startBulkIn(bulk) {
      step(`stream ${bulk.endpoint.toString(16)}`)
      options = bulk
      return {
        backlog: () => 0,
        async stop() {
          log.push('stop stream')
          end({ kind: 'stopped' })
        },
      }
    },
    async close() {
      closed = true
      log.push('close')
      end({ kind: 'stopped' })
    },
  }
  return Object.assign(recorder, { handle })
}

/** Time that passes as fast as it is waited for. */
export function createInstantClock(onSleep: (ms: number) => void = () => {}): Clock {
  let us = 0
  return {
    nowUs: () => us,
    wallUs: () => us,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      us += ms * 1000
      onSleep(ms)
      await new Promise(setImmediate)
      signal?.throwIfAborted()
    },
  }
}
