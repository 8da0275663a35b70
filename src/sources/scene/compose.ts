import {
  CAMERA_DEFAULTS,
  LIGHT_DEFAULTS,
  PIXEL_DEFAULTS,
  SCALE_DEFAULTS,
  SIZE_DEFAULTS,
  SPIN_DEFAULTS,
  STEP_DEFAULTS,
  TEXTURE_DEFAULTS,
  THING_DEFAULTS,
} from './defaults.js'
import type { SceneConfig, ShapeConfig, TextureConfig, ThingConfig } from './schema.js'

/** Builds complete scene descriptions in code: what is not said is what the schema's defaults say. */
export type TextureSketch = Partial<TextureConfig> & Pick<TextureConfig, 'kind'>

export type ThingSketch = Pick<ThingConfig, 'id' | 'path' | 'width' | 'height'> &
  Partial<Pick<ThingConfig, 'role' | 'depth' | 'edgePx' | 'anchor'>> & {
    shape: Partial<ShapeConfig> & Pick<ShapeConfig, 'kind'>
    texture: TextureSketch
    spin?: Partial<ThingConfig['spin']>
    scale?: Partial<ThingConfig['scale']>
  }

export interface SceneSketch {
  name: string
  seed: number
  background: TextureSketch
  things: readonly ThingSketch[]
  size?: Partial<SceneConfig['size']>
  step?: Partial<SceneConfig['step']>
  pixel?: Partial<SceneConfig['pixel']>
  light?: Partial<SceneConfig['light']>
  camera?: Partial<SceneConfig['camera']>
}

export function composeScene(sketch: SceneSketch): SceneConfig {
  return {
    name: sketch.name,
    seed: sketch.seed,
    size: { ...SIZE_DEFAULTS, ...sketch.size },
    step: { ...STEP_DEFAULTS, ...sketch.step },
    pixel: { ...PIXEL_DEFAULTS, ...sketch.pixel },
    light: { ...LIGHT_DEFAULTS, ...sketch.light },
    background: { ...TEXTURE_DEFAULTS, ...sketch.background },
    camera: { ...CAMERA_DEFAULTS, ...sketch.camera },
    things: sketch.things.map(composeThing),
  }
}

function composeThing(sketch: ThingSketch): ThingConfig {
  return {
    role: 'target',
    ...THING_DEFAULTS,
    ...sketch,
    shape: { seed: 0, gaitMs: 900, ...sketch.shape },
    texture: { ...TEXTURE_DEFAULTS, ...sketch.texture },
    spin: { ...SPIN_DEFAULTS, ...sketch.spin },
    scale: { ...SCALE_DEFAULTS, ...sketch.scale },
  }
}
