import type { EmulatedView, KindName } from '../calibration/kind.js'
import { boardShow } from '../calibration/lens/show.js'
import { EmulatedCamera } from '../davis346/emulator/camera.js'
import { createEmulatedPort } from '../davis346/emulator/port.js'
import type { Clock } from '../events/time.js'
import { createCameraSource } from '../sources/camera.js'
import { isDavis346 } from '../sources/camera-choice.js'
import {
  createWorld,
  driftingClock,
  patientClock,
  type WorldOptions,
} from '../sources/emulated-world.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene } from '../sources/scene/scene.js'
import { createLibusbPort } from '../usb/libusb.js'
import { type OpenedSource, openSource } from './open-source.js'
import { cameraRequest } from './plan-source.js'
import type { Config } from './schema.js'

/** What the emulated camera of a calibration sees, and what is wrong with it. */
export interface EmulatedCameraWorld extends WorldOptions {
  readonly driftPpm?: number
}

/** A camera out of the box, as emulated: everything there is to calibrate is off. */
const OUT_OF_THE_BOX = {
  hotPixels: 60,
  // Warm: the biases have to bring it down.
  noiseHz: 0.4,
  // Overexposed by the default preset.
  radiance: 240,
  gyroBias: [0.8, -1.3, 0.4],
  gyroNoise: 0.08,
  up: [0.12, 0.96, 0.25],
  accelNoise: 0.004,
  driftPpm: 23,
} as const satisfies EmulatedCameraWorld

/** The world that fits a kind: the emulated user covers the lens, holds still and turns the ring when asked to. */
export function worldFor(
  view: EmulatedView,
  of: { kind: KindName; seed: number; seconds: number; darkSeconds: number; scene: string },
): EmulatedCameraWorld {
  const base = { ...OUT_OF_THE_BOX, seed: of.seed }
  const moving = () => {
    const scene = sceneByName(of.scene, of.seed)
    // The world brings the noise, of which it knows the truth.
    return createScene({
      ...scene,
      pixel: { ...scene.pixel, leakHz: 0, shotNoiseHz: 0, hotPixels: 0 },
    })
  }
  switch (view) {
    case 'dark':
      return { ...base, uncoverUs: Number.POSITIVE_INFINITY }
    case 'uncovered':
      return { ...base, scene: moving(), uncoverUs: of.darkSeconds * 1e6 }
    case 'moving':
      return { ...base, scene: moving() }
    case 'boards':
      return { ...base, picture: boardShow({ seed: of.seed }) }
    default:
      return of.kind === 'focus' ? { ...base, focusSweepUs: of.seconds * 1e6 } : base
  }
}

/** The serial number of the camera that would be used, without opening it; undefined when there is none. */
export async function serialOfCamera(config: Config): Promise<string | undefined> {
  if (config.camera.serial !== undefined) return config.camera.serial
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
