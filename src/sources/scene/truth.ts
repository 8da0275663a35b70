import { type Box, clampToSensor } from '../../events/geometry.js'
import type { TruthBox } from '../../events/signals.js'
import { POSE, posesAt, type Stage } from './pose.js'
import { coverAt } from './sprite.js'

/**
 * Where the targets are at `tUs`, computed from their motion, not from pixels. The box is the extent of the silhouette
 * clipped to the sensor, whether or not something is in front; `hidden` is the share of the silhouette outside the
 * sensor or behind nearer things. A target wholly outside the sensor is left out.
 */
export function truthAt(
  stage: Stage,
  tUs: number,
  of: { poses: Float64Array; roles: 'targets' | 'movers' },
): TruthBox[] {
  const { poses } = of
  posesAt(stage, tUs, poses)
  const boxes: TruthBox[] = []
  for (let k = 0; k < stage.actors.length; k++) {
    const { id, role } = stage.actors[k]!.config
    if (role === 'occluder' || (role === 'distractor' && of.roles === 'targets')) continue
    const box = clampToSensor(extent(stage, k, poses), stage.size)
    if (box.w <= 0 || box.h <= 0) continue
    boxes.push({ tUs, id, box, hidden: hiddenShare(stage, k, poses) })
  }
  return boxes
}

function extent(stage: Stage, actor: number, poses: Float64Array): Box {
  let x0 = Infinity
  let y0 = Infinity
  let x1 = -Infinity
  let y1 = -Infinity
  for (let p = stage.firstPart[actor]!; p < stage.firstPart[actor + 1]!; p++) {
    const { hull } = stage.parts[p]!.sprite
    const k = p * POSE
    for (let i = 0; i < hull.length; i += 2) {
      const x = poses[k]! * hull[i]! + poses[k + 2]! * hull[i + 1]! + poses[k + 4]!
      const y = poses[k + 1]! * hull[i]! + poses[k + 3]! * hull[i + 1]! + poses[k + 5]!
      x0 = Math.min(x0, x)
      y0 = Math.min(y0, y)
      x1 = Math.max(x1, x)
      y1 = Math.max(y1, y)
    }
  }
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 }
}

/** Points of every part, weighted by the part's own area; a part hidden by its own body does not count as hidden. */
function hiddenShare(stage: Stage, actor: number, poses: Float64Array): number {
  const { width, height } = stage.size
  const nearer = stage.firstPart[actor + 1]!
  let total = 0
  let hidden = 0
  for (let p = stage.firstPart[actor]!; p < nearer; p++) {
    const { points, width: w, height: h } = stage.parts[p]!.sprite
    const k = p * POSE
    const weight = points.length > 0 ? (w * h) / points.length : 0
    for (let i = 0; i < points.length; i += 2) {
      const x = poses[k]! * points[i]! + poses[k + 2]! * points[i + 1]! + poses[k + 4]!
      const y = poses[k + 1]! * points[i]! + poses[k + 3]! * points[i + 1]! + poses[k + 5]!
      total += weight
      const outside = x < 0 || y < 0 || x >= width || y >= height
      if (outside || covered(stage, { from: nearer, poses }, { x, y })) hidden += weight
    }
  }
  return total === 0 ? 1 : hidden / total
}

/** True when a part from index `from` on covers the point by at least one half. */
function covered(
  stage: Stage,
  by: { from: number; poses: Float64Array },
  at: { x: number; y: number },
): boolean {
  const { poses } = by
  for (let p = by.from; p < stage.parts.length; p++) {
    const { sprite } = stage.parts[p]!
    const k = p * POSE
    const a = poses[k]!
    const b = poses[k + 1]!
    const scale = 1 / (a * a + b * b)
    // A pose is a rotation and a scale, so its inverse is its transpose over the squared scale.
    const dx = at.x - poses[k + 4]!
    const dy = at.y - poses[k + 5]!
    const u = (a * dx + b * dy) * scale
    const v = (a * dy - b * dx) * scale
    if (coverAt(sprite, u, v) >= 0.5) return true
  }
  return false
}
