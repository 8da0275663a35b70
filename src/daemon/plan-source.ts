import { basename, dirname, resolve } from 'node:path'
import { loadFirmwareGates, loadPreset, resolvePreset } from '../davis346/presets.js'
import type { Preset } from '../davis346/schema.js'
import { DAVIS346_SIZE, type Size } from '../events/geometry.js'
import { systemClock } from '../events/time.js'
import { createRecordingSource } from '../sources/recording.js'
import { sceneByName } from '../sources/scene/named.js'
import { createEventRing } from './event-ring.js'
import type { CameraRequest, SourceRequest } from './open-source.js'
import type { SceneWorkerData } from './scene-worker.js'
import type { Config } from './schema.js'

export interface SourcePlan {
  readonly request: SourceRequest
  readonly size: Size
  /** What the scene thread of an emulated camera needs. */
  readonly scene?: SceneWorkerData
}

/** The preset with the biases of the configuration in it. Rejects with CONFIG_INVALID. */
export async function effectivePreset(camera: Config['camera']): Promise<Preset> {
  const preset = await presetOf(camera.preset)
  const changed = Object.entries(camera.biases).filter(([, value]) => value !== undefined)
  if (changed.length === 0) return preset
  const biases = { ...preset.biases, ...Object.fromEntries(changed) }
  return resolvePreset({ ...preset, biases }, camera.preset)
}

export async function cameraRequest(config: Config): Promise<CameraRequest> {
  const { serial, transferBytes, transferCount } = config.camera
  return {
    preset: await effectivePreset(config.camera),
    gates: await loadFirmwareGates(),
    transferBytes,
    transferCount,
    ...(serial === undefined ? {} : { serial }),
  }
}

export function isCamera({ source }: Pick<Config, 'source'>): boolean {
  return source.kind === 'camera' || source.kind === 'emulator'
}

export function withPreset(request: SourceRequest, preset: Preset): SourceRequest {
  return 'camera' in request ? { ...request, camera: { ...request.camera, preset } } : request
}

/** A name means a bundled preset, a path a file of one's own. */
function presetOf(nameOrPath: string): Promise<Preset> {
  if (!/[/.]/.test(nameOrPath)) return loadPreset(nameOrPath)
  return loadPreset(basename(nameOrPath, '.json'), dirname(resolve(nameOrPath)))
}

/** Everything about the source that can be wrong is found here, before a thread starts. */
export async function planSource(config: Config): Promise<SourcePlan> {
  const { kind, file, pace, scene, seed } = config.source
  if (kind === 'camera') {
    return { request: { kind, camera: await cameraRequest(config) }, size: DAVIS346_SIZE }
  }
  if (kind === 'recording') {
    const probe = await createRecordingSource({ path: file!, pace, clock: systemClock })
    await probe.close()
    return { request: { kind, path: file!, pace }, size: probe.info.size }
  }
  const sceneConfig = sceneByName(scene, seed)
  if (kind === 'scene') {
    return { request: { kind, scene: sceneConfig, pace }, size: sceneConfig.size }
  }
  const ring = createEventRing(DAVIS346_SIZE)
  const camera = await cameraRequest(config)
  return {
    request: { kind, camera, ring },
    size: DAVIS346_SIZE,
    scene: { ring, scene: sceneConfig },
  }
}
