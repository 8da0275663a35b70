import type { Size } from '../../events/geometry.js'
import type { Actor, Part } from './actor.js'
import { type CameraPose, cameraAt, modulo, type Point, pathAt, scaleAt, spinAt } from './motion.js'
import type { CameraMotion } from './schema.js'

/**
 * Where every part is at one time: six numbers a part, [a, b, c, d, e, f], with
 * x = a·u + c·v + e and y = b·u + d·v + f from canvas texels to sensor pixels. Pixel (0, 0) covers 0..1.
 */
export interface Stage {
  readonly size: Size
  readonly camera: CameraMotion
  readonly actors: readonly Actor[]
  /** All parts of all actors in turn. */
  readonly parts: readonly Part[]
  /** Index of each actor's first part, and one past the last. */
  readonly firstPart: readonly number[]
}

export const POSE = 6

export function createStage(size: Size, camera: CameraMotion, actors: readonly Actor[]): Stage {
  const parts: Part[] = []
  const firstPart = [0]
  for (const actor of actors) {
    parts.push(...actor.parts)
    firstPart.push(parts.length)
  }
  return { size, camera, actors, parts, firstPart }
}

const center: Point = { x: 0, y: 0 }
const view: CameraPose = { panX: 0, panY: 0, roll: 0, zoom: 1 }

/** Fills `out` (POSE numbers a part) with the poses at `tUs`. */
export function posesAt(stage: Stage, tUs: number, out: Float64Array): void {
  cameraAt(stage.camera, tUs, view)
  for (let k = 0; k < stage.actors.length; k++) poseActor(stage, { k, tUs }, out)
}

function poseActor(stage: Stage, { k, tUs }: { k: number; tUs: number }, out: Float64Array): void {
  const { config } = stage.actors[k]!
  const { size, camera } = stage
  const scale = scaleAt(config.scale, tUs)
  const insetX = (config.width / 2) * scale
  const insetY = (config.height / 2) * scale
  pathAt(config.path, tUs, { size, insetX, insetY }, center)
  const gone = center.x
  const world = config.anchor === 'world'
  if (world) {
    center.x -= view.panX
    center.y -= view.panY
  }
  if (world || (config.path.kind === 'line' && config.path.edge === 'reenter')) {
    // Wrapped around the sensor with room for the whole thing, so that it disappears and returns unseen.
    const slack = world && (camera.roll !== 0 || camera.zoom !== 0) ? 0.3 : 0
    const reach = 0.6 * Math.hypot(config.width, config.height) * Math.exp(config.scale.amplitude)
    const marginX = reach + slack * size.width
    const marginY = reach + slack * size.height
    center.x = modulo(center.x + marginX, size.width + 2 * marginX) - marginX
    center.y = modulo(center.y + marginY, size.height + 2 * marginY) - marginY
  }
  let angle = spinAt(config.spin, tUs)
  let zoom = scale
  if (world) {
    const cos = view.zoom * Math.cos(view.roll)
    const sin = view.zoom * Math.sin(view.roll)
    const dx = center.x - size.width / 2
    const dy = center.y - size.height / 2
    center.x = size.width / 2 + cos * dx - sin * dy
    center.y = size.height / 2 + sin * dx + cos * dy
    angle += view.roll
    zoom *= view.zoom
  }
  const first = stage.firstPart[k]!
  for (let p = first; p < stage.firstPart[k + 1]!; p++) {
    const part = stage.parts[p]!
    const turn = (2 * Math.PI * tUs * 1e-3) / part.swingMs
    let joint = part.bend
    if (part.swing !== 0) joint += part.swing * Math.sin(turn + part.phase)
    if (part.wheelPx !== 0) joint += gone / part.wheelPx
    placePart(stage, { index: p, first, angle, zoom, joint }, out)
  }
}

interface Placing {
  readonly index: number
  readonly first: number
  readonly angle: number
  readonly zoom: number
  readonly joint: number
}

function placePart(stage: Stage, placing: Placing, out: Float64Array): void {
  const { index, first, zoom, joint } = placing
  const part = stage.parts[index]!
  // The parent's frame: rotation and scale, and the sensor position of its pivot.
  let a = zoom * Math.cos(placing.angle)
  let b = zoom * Math.sin(placing.angle)
  let x = center.x
  let y = center.y
  if (part.parent >= 0) {
    const parent = stage.parts[first + part.parent]!
    const base = (first + part.parent) * POSE
    a = out[base]!
    b = out[base + 1]!
    x = a * parent.sprite.pivotU - b * parent.sprite.pivotV + out[base + 4]!
    y = b * parent.sprite.pivotU + a * parent.sprite.pivotV + out[base + 5]!
  }
  x += a * part.jointX - b * part.jointY
  y += b * part.jointX + a * part.jointY
  const cos = Math.cos(joint)
  const sin = Math.sin(joint)
  const at = index * POSE
  const ca = a * cos - b * sin
  const cb = b * cos + a * sin
  out[at] = ca
  out[at + 1] = cb
  out[at + 2] = -cb
  out[at + 3] = ca
  out[at + 4] = x - ca * part.sprite.pivotU + cb * part.sprite.pivotV
  out[at + 5] = y - cb * part.sprite.pivotU - ca * part.sprite.pivotV
}
