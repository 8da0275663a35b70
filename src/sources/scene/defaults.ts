/**
 * What a scene uses where its description says nothing. In plain values, so that scenes can be built in code without
 * loading the schema; schema.ts takes its defaults from here.
 */
export const SIZE_DEFAULTS = { width: 346, height: 260 }

export const STEP_DEFAULTS = { maxUs: 1000, minUs: 100, maxMovePx: 0.75 }

export const PIXEL_DEFAULTS = {
  onThreshold: 0.22,
  offThreshold: 0.22,
  mismatch: 0.04,
  refractoryUs: 100,
  leakHz: 0.1,
  shotNoiseHz: 0.5,
  hotPixels: 8,
  hotPixelHz: 150,
  readoutPerSecond: 12e6,
}

export const LIGHT_DEFAULTS = { illumination: 1, dark: 0.01, flickerHz: 0, flickerDepth: 0 }

export const CAMERA_DEFAULTS = {
  vx: 0,
  vy: 0,
  shakePx: 0,
  shakeHz: 3,
  roll: 0,
  zoom: 0,
  swayMs: 4000,
}

export const TEXTURE_DEFAULTS = { seed: 0, featurePx: 16, contrast: 0.5, brightness: 0.4 }

export const THING_DEFAULTS = { depth: 0, edgePx: 1, anchor: 'sensor' as const }

export const SPIN_DEFAULTS = { angle: 0, perSecond: 0, swing: 0, swingMs: 2000, phase: 0 }

export const SCALE_DEFAULTS = { amplitude: 0, periodMs: 5000, phase: 0 }
