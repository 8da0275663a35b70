import { createEmulatedPort } from '../davis346/emulator/port.js'
import type { FirmwareGates, Preset } from '../davis346/schema.js'
import type { Clock } from '../events/time.js'
import { type CameraSource, createCameraSource } from '../sources/camera.js'
import { isDavis346 } from '../sources/camera-choice.js'
import { createRecordingSource } from '../sources/recording.js'
import { createScene } from '../sources/scene/scene.js'
import type { SceneConfig } from '../sources/scene/schema.js'
import { createSceneSource } from '../sources/scene-source.js'
import type { Source } from '../sources/source.js'
import { createLibusbPort } from '../usb/libusb.js'
import type { WorldRequest } from './calibration-world.js'
import { EmulatedStage } from './emulated-stage.js'
import { type EventRing, EventRingReader } from './event-ring.js'

/** What the capture thread needs to open a source: plain data, everything validated on the main thread. */
export interface CameraRequest {
  readonly preset: Preset
  readonly gates: FirmwareGates
  readonly serial?: string
  readonly transferBytes: number
  readonly transferCount: number
}

export type SourceRequest =
  | { readonly kind: 'camera'; readonly camera: CameraRequest }
  | { readonly kind: 'emulator'; readonly camera: CameraRequest; readonly ring: EventRing }
  | { readonly kind: 'scene'; readonly scene: SceneConfig; readonly pace: 'real' | 'fast' }
  | { readonly kind: 'recording'; readonly path: string; readonly pace: 'real' | 'fast' }

export interface OpenedSource {
  readonly source: Source
  /** Facts beside the counters that only some sources have. */
  readonly extra?: () => {
    clock?: { offsetUs: number; driftPpm: number }
    sceneOffsetUs?: number
  }
  /** Cameras only: uses another preset from now on. Rejects with UsbError if the camera did not take it. */
  readonly configure?: (preset: Preset) => Promise<void>
  /** Emulated cameras only: what a calibration asks its user to show it; undefined for the scene again. */
  readonly show?: (wanted: WorldRequest | undefined) => void
  close(): Promise<void>
}

/** Rejects with EvtrackError for what retrying cannot mend. */
export async function openSource(request: SourceRequest, clock: Clock): Promise<OpenedSource> {
  if (request.kind === 'recording') {
    return plain(await createRecordingSource({ path: request.path, pace: request.pace, clock }))
  }
  if (request.kind === 'scene') {
    return plain(
      createSceneSource({ scene: createScene(request.scene), pace: request.pace, clock }),
    )
  }
  return request.kind === 'camera'
    ? openCamera(request.camera, clock)
    : openEmulator(request.camera, { ring: request.ring, clock })
}

function plain(source: Source): OpenedSource {
  return { source, close: () => source.close() }
}

function openCamera(camera: CameraRequest, clock: Clock): OpenedSource {
  const port = createLibusbPort({ match: isDavis346 })
  const source = createCameraSource({ port, clock, ...camera })
  return {
    source,
    extra: () => pairing(source),
    configure: (preset) => source.configure(preset),
    close: async () => {
      await source.close()
      await port.close()
    },
  }
}

function openEmulator(
  camera: CameraRequest,
  { ring, clock }: { ring: EventRing; clock: Clock },
): OpenedSource {
  const reader = new EventRingReader(ring)
  const stage = new EmulatedStage({
    next: (untilUs) => reader.next(untilUs),
    bias: (response) => reader.bias(response),
    // The scene's picture has 16 bits, the sensor's converter 10.
    image: (_, into) => {
      for (let i = 0; i < into.length; i++) into[i] = reader.picture[i]! >> 6
    },
  })
  // The camera that was asked for is the one that is there.
  const identity = camera.serial === undefined ? {} : { serial: camera.serial }
  const port = createEmulatedPort({ cameras: [{ stimulus: stage.stimulus, identity }], clock })
  const source = createCameraSource({ port, clock, ...camera })
  return {
    source,
    extra: () => {
      const { counterUs, stimulusUs } = port.cameras[0]!.model
      return { ...pairing(source), sceneOffsetUs: counterUs - stimulusUs }
    },
    configure: (preset) => source.configure(preset),
    show: (wanted) => stage.show(wanted),
    close: async () => {
      reader.close()
      await source.close()
      await port.close()
    },
  }
}

function pairing(source: CameraSource) {
  const clock = source.pairing()
  return clock === undefined || Number.isNaN(clock.offsetUs) ? {} : { clock }
}
