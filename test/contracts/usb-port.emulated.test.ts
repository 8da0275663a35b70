import t from 'tap'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { systemClock } from '../../src/events/time.js'
import { localRemote } from '../usb-shim/remote.js'
import { usbPortContract } from './usb-port.js'

const camera = new EmulatedCamera({
  clock: systemClock,
  stimulus: barsStimulus({ eventsPerSecond: 100_000 }),
})

await usbPortContract(t, {
  camera: localRemote(camera),
  serial: camera.identity.serial,
  port: () => createEmulatedPort({ cameras: [camera], clock: systemClock }),
})
