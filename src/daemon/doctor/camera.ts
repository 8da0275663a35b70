import { openDavis346 } from '../../davis346/device.js'
import { loadFirmwareGates } from '../../davis346/presets.js'
import { EvtrackError } from '../../events/errors.js'
import { systemClock } from '../../events/time.js'
import { chooseCamera } from '../../sources/camera-choice.js'
import { UsbError, type UsbPort } from '../../usb/port.js'
import { effectivePreset } from '../plan-source.js'
import type { Config } from '../schema.js'
import type { StatusReport } from '../status-report.js'
import { type Check, fail, failed, ok, warn } from './check.js'

const REPLUG = 'Unplug the camera and plug it in again; try another port or cable.'

/**
 * The camera the configuration names: present, permitted, fast enough, of a known firmware. Nothing is written to it.
 * One that the running daemon has is not touched: the daemon is asked instead.
 */
export async function checkCamera(
  config: Config,
  parts: { readonly port: UsbPort; readonly running: StatusReport | undefined },
): Promise<Check[]> {
  const { kind } = config.source
  if (kind !== 'camera') return [ok('camera', `None is needed: the source is ${kind}.`)]
  const checks: Check[] = []
  try {
    await effectivePreset(config.camera)
    checks.push(ok('preset', `${config.camera.preset} is valid.`))
  } catch (error) {
    checks.push(failed('preset', error))
  }
  const { serial } = config.camera
  const inUse = parts.running?.cameras.find(
    (each) => each.camera_state === 'streaming' && (serial === undefined || each.serial === serial),
  )
  if (inUse !== undefined) {
    const which = inUse.serial === null ? '' : ` ${inUse.serial}`
    return [...checks, ok('camera', `The running daemon streams from it${which}.`)]
  }
  return [...checks, ...(await lookAt(parts.port, serial))]
}

async function lookAt(port: UsbPort, serial: string | undefined): Promise<Check[]> {
  const which = serial === undefined ? 'A DAVIS346' : `The DAVIS346 ${serial}`
  const device = chooseCamera(await port.list(), serial)
  if (device === undefined) {
    return [
      fail(
        'camera',
        `${which} was not found.`,
        'Connect it to a USB 3 port; `lsusb -d 152a:` and `evtrackd devices` list what is there. Without one: source.kind = "emulator".',
      ),
    ]
  }
  const at = `bus ${device.busNumber}, device ${device.deviceAddress}`
  const checks = [ok('camera', `${device.serial ?? 'One'} is there (${at}).`)]
  if (device.speed === 'high' || device.speed === 'full' || device.speed === 'low') {
    checks.push(
      warn(
        'usb speed',
        `It runs at ${device.speed} speed, so a busy scene loses events.`,
        'Use a USB 3 port and a short USB 3 cable.',
      ),
    )
  } else checks.push(ok('usb speed', `It runs at ${device.speed} speed.`))
  try {
    const gates = await loadFirmwareGates()
    const camera = await openDavis346({
      handle: await port.open(device),
      gates,
      clock: systemClock,
    })
    const { firmware, logic, logicPatch } = camera.info
    await camera.close()
    checks.push(
      ok('permission', 'It may be opened.'),
      ok('firmware', `Firmware ${firmware} and logic ${logic}.${logicPatch} are known.`),
    )
  } catch (error) {
    if (error instanceof UsbError) {
      checks.push(fail('permission', `CAMERA_LOST: ${error.message}`, REPLUG))
    } else {
      const firmware = error instanceof EvtrackError && error.code === 'FIRMWARE_UNSUPPORTED'
      checks.push(failed(firmware ? 'firmware' : 'permission', error))
    }
  }
  return checks
}
