import type { CalibrationKind, KindName } from './kind.js'

/** Every kind by name, loaded when it is asked for: a kind may bring a large library. */
const LOADERS: Partial<Record<KindName, () => Promise<CalibrationKind>>> = {
  'hot-pixels': async () => (await import('./hot-pixels.js')).hotPixelsKind,
  biases: async () => (await import('./biases/kind.js')).biasesKind,
  noise: async () => (await import('./noise.js')).noiseKind,
  focus: async () => (await import('./focus.js')).focusKind,
  exposure: async () => (await import('./exposure.js')).exposureKind,
  lens: async () => (await import('./lens/kind.js')).loadLensKind(),
  imu: async () => (await import('./imu.js')).imuKind,
  ground: async () => (await import('./ground/kind.js')).groundKind,
  zones: async () => (await import('./zones.js')).zonesKind,
  time: async () => (await import('./time.js')).timeKind,
}

export const AVAILABLE_KINDS = Object.keys(LOADERS) as KindName[]

export function isKind(name: string): name is KindName {
  return AVAILABLE_KINDS.some((kind) => kind === name)
}

export function loadKind(name: KindName): Promise<CalibrationKind> {
  const load = LOADERS[name]
  if (load === undefined) throw new RangeError(`no calibration "${name}"`)
  return load()
}
