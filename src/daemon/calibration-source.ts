import { EmulatedCamera } from '../davis346/emulator/camera.js'
import { DEFAULT_IDENTITY } from '../davis346/emulator/identity.js'
import { createEmulatedPort } from '../davis346/emulator/port.js'
import type { Clock } from '../events/time.js'
import { createCameraSource } from '../sources/camera.js'
import { isDavis346 } from '../sources/camera-choice.js'
import { createWorld, driftingClock, patientClock } from '../sources/emulated-world.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene, type Scene } from '../sources/scene/scene.js'
import { createLibusbPort } from '../usb/libusb.js'
import type { EmulatedCameraWorld } from './calibration-world.js'
import { type OpenedSource, openSource } from './open-source.js'
import { cameraRequest } from './plan-source.js'
import type { Config } from './schema.js'

/** A scene without noise of its own: the world brings that, of which it knows the truth. */
export function noiselessScene(name: string, seed: number): Scene {
  const scene = sceneByName(name, seed)
  return createScene({
    ...scene,
    pixel: { ...scene.pixel, leakHz: 0, shotNoiseHz: 0, hotPixels: 0 },
  })
}

/** The serial number of the camera that would be used, without opening it; undefined when there is none. */
export async function serialOfCamera(config: Config): Promise<string | undefined> {
  if (config.camera.serial !== undefined) return config.camera.serial
  if (config.source.kind === 'emulator') return DEFAULT_IDENTITY.serial
  if (config.source.kind !== 'camera') return undefined
  const port = createLibusbPort({ match: isDavis346 })
  try {
    return (await port.list()).find(({ serial }) => serial !== undefined)?.serial
  } finally {
    await port.close()
  }
}

/** One turn of an emulated camera that is slow to compute. */
const PATIENT_US = 10_000

/** A scene may be too much for the computer; a camera without one keeps its time, which can then be measured. */
function cameraClock(clock: Clock, world: EmulatedCameraWorld): Clock {
  const own = driftingClock(clock, -(world.driftPpm ?? 0))
  return world.scene === undefined ? own : patientClock(own, PATIENT_US)
}

/** Opens what a calibration measures on: the camera itself, an emulated one in its world, or a recording. */
export async function openForCalibration(
  config: Config,
  clock: Clock,
  world: EmulatedCameraWorld,
): Promise<OpenedSource> {
  if (config.source.kind === 'recording') {
    return openSource({ kind: 'recording', path: config.source.file!, pace: 'fast' }, clock)
  }
  const camera = await cameraRequest(config)
  if (config.source.kind === 'camera') return openSource({ kind: 'camera', camera }, clock)
  const { stimulus } = createWorld(world)
  const own = new EmulatedCamera({
    clock: cameraClock(clock, world),
    stimulus,
    ...(config.camera.serial !== undefined && { identity: { serial: config.camera.serial } }),
  })
  const port = createEmulatedPort({ cameras: [own], clock })
  const source = createCameraSource({ port, clock, ...camera })
  return {
    source,
    configure: (preset) => source.configure(preset),
    close: async () => {
      await source.close()
      await port.close()
    },
  }
}
