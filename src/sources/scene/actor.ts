import { findPicture, type Pictures } from './picture.js'
import { createRng, type Rng } from './rng.js'
import type { ThingConfig } from './schema.js'
import {
  capsule,
  ellipse,
  polygon,
  randomBars,
  randomBlob,
  randomPolygon,
  roundedBox,
  type Silhouette,
} from './silhouette.js'
import { makeSprite, type Sprite, targetFromCutout } from './sprite.js'
import { makeTexture, type Texture } from './texture.js'

/** A rigid part of a thing and how it hangs on its parent (the body when -1). */
export interface Part {
  readonly sprite: Sprite
  readonly parent: number
  /** Where the pivot sits in the parent's frame, px. */
  readonly jointX: number
  readonly jointY: number
  /** Joint angle = bend + swing · sin(2π t / swingMs + phase), radians. */
  readonly bend: number
  readonly swing: number
  readonly swingMs: number
  readonly phase: number
  /** A wheel turns with the distance its thing goes: radius in px, 0 for no wheel. */
  readonly wheelPx: number
}

export interface Actor {
  readonly config: ThingConfig
  /** In drawing order; parents come before children. */
  readonly parts: readonly Part[]
}

interface Joint {
  parent?: number
  x?: number
  y?: number
  bend?: number
  swing?: number
  phase?: number
  wheelPx?: number
}

interface Builder {
  readonly config: ThingConfig
  readonly texture: Texture
  readonly rng: Rng
  readonly parts: Part[]
}

export function makeActor(config: ThingConfig, pictures: Pictures): Actor {
  const parts: Part[] = []
  const { shape, width, height } = config
  if (shape.kind === 'cutout') {
    const sprite = targetFromCutout(
      findPicture(pictures, shape.picture),
      { width, height },
      config.texture,
    )
    return { config, parts: [rigid(sprite)] }
  }
  const texture = makeTexture(config.texture, textureSide(config), pictures)
  const builder: Builder = { config, texture, rng: createRng(shape.seed), parts }
  if (shape.kind === 'person') addPerson(builder)
  else if (shape.kind === 'car') addCar(builder)
  else addPart(builder, simpleShape(builder), {})
  return { config, parts }
}

function textureSide({ width, height }: ThingConfig): number {
  return Math.min(512, Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(width, height)))))
}

function rigid(sprite: Sprite): Part {
  const hinge = { jointX: 0, jointY: 0, bend: 0, swing: 0, swingMs: 1000, phase: 0 }
  return { sprite, parent: -1, ...hinge, wheelPx: 0 }
}

function simpleShape({ config, rng }: Builder): Silhouette {
  const { width, height } = config
  switch (config.shape.kind) {
    case 'box':
      return roundedBox(width / 2, height / 2, Math.min(width, height) * rng.range(0, 0.25))
    case 'polygon':
      return randomPolygon(width, height, rng)
    case 'blob':
      return randomBlob(width, height, rng)
    case 'bars':
      return randomBars(width, height, rng)
    default:
      return ellipse({ x: 0, y: 0, rx: width / 2, ry: height / 2 })
  }
}

function addPart(builder: Builder, shape: Silhouette, joint: Joint): number {
  const { config, texture, rng, parts } = builder
  const first = parts.length === 0
  const sprite = makeSprite(shape, {
    texture,
    offset: rng.int(texture.side),
    tone: first ? 0 : rng.range(-0.5, 0.5),
    edgePx: config.edgePx,
  })
  parts.push({
    sprite,
    parent: joint.parent ?? -1,
    jointX: joint.x ?? 0,
    jointY: joint.y ?? 0,
    bend: joint.bend ?? 0,
    swing: joint.swing ?? 0,
    swingMs: config.shape.gaitMs,
    phase: joint.phase ?? 0,
    wheelPx: joint.wheelPx ?? 0,
  })
  return parts.length - 1
}

/** Seen from the side, walking: proportions of an adult, limbs that swing from hip, knee and shoulder. */
function addPerson(builder: Builder): void {
  const { config, rng } = builder
  const h = config.height
  const stout = config.width / (0.4 * h)
  const stride = rng.range(0.35, 0.6)
  const limb = (radius: number) => Math.max(0.8, radius * h * stout)
  const leg = (phase: number) => {
    const thigh = addPart(builder, capsule(0.21 * h, limb(0.045)), {
      y: 0.05 * h,
      swing: stride,
      phase,
    })
    addPart(builder, capsule(0.2 * h, limb(0.035)), {
      parent: thigh,
      y: 0.21 * h,
      bend: stride * 0.7,
      swing: stride * 0.7,
      phase: phase - Math.PI / 2,
    })
  }
  const arm = (phase: number) =>
    addPart(builder, capsule(0.3 * h, limb(0.03)), { y: -0.27 * h, swing: stride, phase })
  leg(Math.PI)
  arm(0)
  addPart(builder, ellipse({ x: 0, y: -0.13 * h, rx: limb(0.11), ry: 0.2 * h }), {})
  addPart(builder, ellipse({ x: 0, y: -0.41 * h, rx: 0.07 * h, ry: 0.085 * h }), {})
  leg(0)
  arm(Math.PI)
}

function addCar(builder: Builder): void {
  const { config, rng } = builder
  const w = config.width / 2
  const h = config.height / 2
  const nose = rng.range(0.25, 0.6)
  const tail = rng.range(0.35, 0.9)
  const radius = Math.min(0.36 * h, 0.3 * w)
  const belt = rng.range(-0.2, 0.05) * h
  const body = polygon([
    [-w, belt],
    [-tail * w, belt],
    [(-tail + 0.15) * w, -h],
    [nose * 0.5 * w, -h],
    [nose * w, belt],
    [w, belt + 0.15 * h],
    [w, h - radius],
    [-w, h - radius],
  ])
  const cabin = roundedBox(0.15 * w, 0.2 * h, 1)
  addPart(builder, body, {})
  addPart(builder, cabin, { x: -0.05 * w, y: belt - 0.35 * (h + belt) })
  for (const side of [-0.62, 0.6]) {
    addPart(builder, ellipse({ x: 0, y: 0, rx: radius, ry: radius }), {
      x: side * w,
      y: h - radius,
      wheelPx: radius,
    })
  }
}
