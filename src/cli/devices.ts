import { openDavis346 } from '../davis346/device.js'
import { loadFirmwareGates } from '../davis346/presets.js'
import { EvtrackError } from '../events/errors.js'
import { systemClock } from '../events/time.js'
import { isDavis346 } from '../sources/camera-choice.js'
import { createLibusbPort } from '../usb/libusb.js'
import { type UsbDeviceInfo, UsbError, type UsbPort } from '../usb/port.js'
import { print, printJson, table } from './output.js'

interface Row {
  readonly bus: string
  readonly serial: string | null
  readonly speed: string
  readonly firmware: number
  readonly logic: string | null
  readonly verdict: string
  readonly next: string | null
}

/** Opens each camera as far as identifying needs; nothing is written to it. */
async function look(port: UsbPort, device: UsbDeviceInfo): Promise<Row> {
  const row = {
    bus: `${device.busNumber}:${device.deviceAddress}`,
    serial: device.serial ?? null,
    speed: device.speed,
    firmware: device.bcdDevice & 0xff,
  }
  try {
    const handle = await port.open(device)
    const camera = await openDavis346({
      handle,
      gates: await loadFirmwareGates(),
      clock: systemClock,
    })
    const { logic, logicPatch } = camera.info
    await camera.close()
    return { ...row, logic: `${logic}.${logicPatch}`, verdict: 'ok', next: null }
  } catch (error) {
    if (error instanceof UsbError) {
      const verdict = `CAMERA_LOST: ${error.message}`
      return {
        ...row,
        logic: null,
        verdict,
        next: 'Unplug the camera and plug it in again; try another port or cable.',
      }
    }
    if (!(error instanceof EvtrackError)) throw error
    return { ...row, logic: null, verdict: `${error.code}: ${error.message}`, next: error.next }
  }
}

export async function devices(options: { json?: boolean }): Promise<void> {
  const port = createLibusbPort({ match: isDavis346 })
  try {
    const rows: Row[] = []
    for (const device of await port.list()) rows.push(await look(port, device))
    if (options.json) printJson(rows)
    else if (rows.length === 0) {
      print(
        'No DAVIS346 found. Check the cable and `lsusb -d 152a:`; without a camera, try: evtrackd run --source emulator',
      )
    } else {
      print(
        table(
          ['bus', 'serial', 'speed', 'firmware', 'logic', 'verdict'],
          rows.map((r) => [
            r.bus,
            r.serial ?? '?',
            r.speed,
            String(r.firmware),
            r.logic ?? '?',
            r.verdict,
          ]),
        ),
      )
      for (const row of rows) if (row.next !== null) print(`${row.bus}: ${row.next}`)
    }
  } finally {
    await port.close()
  }
}
