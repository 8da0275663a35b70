import { type CameraPose, cameraAt, cameraMoves } from './motion.js'
import { POSE, posesAt, type Stage } from './pose.js'
import {
  copyRect,
  drawParts,
  type Plane,
  paintBackground,
  partBounds,
  type Rect,
} from './render.js'
import type { SceneConfig } from './schema.js'
import type { Texture } from './texture.js'

/**
 * The moving picture: keeps the log-intensity plane current and knows which rectangles the last step changed, so that
 * nothing is drawn or compared where nothing moved.
 */
export interface Show {
  readonly plane: Plane
  readonly whole: Rect
  /** The first `changedCount` are disjoint and cover all that the last step changed. */
  readonly changed: readonly Rect[]
  readonly changedCount: number
  readonly timeUs: number
  /** Length of an array of poses of this stage. */
  readonly poseNumbers: number
  /** Goes on by one step, as long as nothing moves further than `maxMovePx`. */
  step(): void
}

export function createShow(stage: Stage, background: Texture, limits: SceneConfig['step']): Show {
  const { width, height } = stage.size
  const plane: Plane = { width, height, log: new Float32Array(width * height) }
  const whole: Rect = { x0: 0, y0: 0, x1: width, y1: height }
  const poseNumbers = stage.parts.length * POSE
  const view: CameraPose = { panX: 0, panY: 0, roll: 0, zoom: 1 }
  const egoMotion = cameraMoves(stage.camera)
  const changed = stage.actors.map(() => ({ x0: 0, y0: 0, x1: 0, y1: 0 }))
  changed.push({ ...whole })
  const maxUs = Math.max(limits.maxUs, limits.minUs)
  let poses = new Float64Array(poseNumbers)
  let nextPoses = new Float64Array(poseNumbers)
  let changedCount = 0
  let timeUs = 0
  let guessUs = maxUs

  cameraAt(stage.camera, 0, view)
  paintBackground(plane, background, view)
  const still = Float32Array.from(plane.log)
  posesAt(stage, 0, poses)
  drawParts(plane, stage, { poses, rect: whole })

  /** Tries a step and shortens it when something would move too far. Leaves the poses of its end in nextPoses. */
  const choose = (): number => {
    let stepUs = guessUs
    for (;;) {
      posesAt(stage, timeUs + stepUs, nextPoses)
      const moved = Math.max(
        furthest(stage, poses, nextPoses),
        egoMotion ? cameraTravel(stage, timeUs, stepUs) : 0,
      )
      const fair = moved > 0 ? Math.floor((stepUs * limits.maxMovePx) / moved) : maxUs
      guessUs = Math.min(maxUs, Math.max(limits.minUs, fair))
      if (stepUs <= guessUs * 1.1 || stepUs <= limits.minUs) return stepUs
      stepUs = guessUs
    }
  }

  const step = () => {
    timeUs += choose()
    if (egoMotion) {
      cameraAt(stage.camera, timeUs, view)
      paintBackground(plane, background, view)
      Object.assign(changed[0]!, whole)
      changedCount = 1
    } else {
      changedCount = collectChanges(stage, { before: poses, after: nextPoses }, changed)
      for (let i = 0; i < changedCount; i++) copyRect(still, plane, changed[i]!)
    }
    const drawn = poses
    poses = nextPoses
    nextPoses = drawn
    for (let i = 0; i < changedCount; i++) drawParts(plane, stage, { poses, rect: changed[i]! })
  }

  return {
    plane,
    whole,
    changed,
    get changedCount() {
      return changedCount
    },
    get timeUs() {
      return timeUs
    },
    poseNumbers,
    step,
  }
}

const box: Rect = { x0: 0, y0: 0, x1: 0, y1: 0 }

/** True when the part touches the sensor. */
function visible(stage: Stage, index: number, poses: Float64Array): boolean {
  partBounds(stage, { index, poses }, box)
  const { width, height } = stage.size
  return box.x1 > 0 && box.y1 > 0 && box.x0 < width && box.y0 < height
}

/** The longest way of any corner of a visible part, px. A thing that re-enters jumps unseen: that does not count. */
function furthest(stage: Stage, before: Float64Array, after: Float64Array): number {
  let most = 0
  for (let index = 0; index < stage.parts.length; index++) {
    const k = index * POSE
    const { width, height } = stage.parts[index]!.sprite
    if (!visible(stage, index, before) || !visible(stage, index, after)) continue
    const ex = after[k + 4]! - before[k + 4]!
    const ey = after[k + 5]! - before[k + 5]!
    const ux = (after[k]! - before[k]!) * width
    const uy = (after[k + 1]! - before[k + 1]!) * width
    const vx = (after[k + 2]! - before[k + 2]!) * height
    const vy = (after[k + 3]! - before[k + 3]!) * height
    const corners = Math.max(
      ex * ex + ey * ey,
      (ex + ux) ** 2 + (ey + uy) ** 2,
      (ex + vx) ** 2 + (ey + vy) ** 2,
      (ex + ux + vx) ** 2 + (ey + uy + vy) ** 2,
    )
    most = Math.max(most, corners)
  }
  return Math.sqrt(most)
}

const viewBefore: CameraPose = { panX: 0, panY: 0, roll: 0, zoom: 1 }
const viewAfter: CameraPose = { panX: 0, panY: 0, roll: 0, zoom: 1 }

/** How far the background moves at the corner where it moves most, px (an upper bound). */
function cameraTravel(stage: Stage, tUs: number, stepUs: number): number {
  cameraAt(stage.camera, tUs, viewBefore)
  cameraAt(stage.camera, tUs + stepUs, viewAfter)
  const { width, height } = stage.size
  const arm = Math.hypot(width, height) / 2
  const pan = Math.hypot(viewAfter.panX - viewBefore.panX, viewAfter.panY - viewBefore.panY)
  const turn = Math.abs(viewAfter.roll - viewBefore.roll) * arm
  const zoom = Math.abs(viewAfter.zoom / viewBefore.zoom - 1) * arm
  return pan * Math.max(viewBefore.zoom, viewAfter.zoom) + turn + zoom
}

/** Fills `out` with disjoint rectangles that hold every moved thing where it was and where it is; returns how many. */
function collectChanges(
  stage: Stage,
  poses: { before: Float64Array; after: Float64Array },
  out: Rect[],
): number {
  const { width, height } = stage.size
  let count = 0
  for (let actor = 0; actor < stage.actors.length; actor++) {
    const rect = out[count]!
    rect.x0 = width
    rect.y0 = height
    rect.x1 = 0
    rect.y1 = 0
    for (let index = stage.firstPart[actor]!; index < stage.firstPart[actor + 1]!; index++) {
      if (!moved(poses, index)) continue
      partBounds(stage, { index, poses: poses.before }, box)
      include(rect, box)
      partBounds(stage, { index, poses: poses.after }, box)
      include(rect, box)
    }
    rect.x0 = Math.max(0, rect.x0)
    rect.y0 = Math.max(0, rect.y0)
    rect.x1 = Math.min(width, rect.x1)
    rect.y1 = Math.min(height, rect.y1)
    if (rect.x0 < rect.x1 && rect.y0 < rect.y1) count++
  }
  return mergeOverlaps(out, count)
}

function moved(poses: { before: Float64Array; after: Float64Array }, index: number): boolean {
  for (let k = index * POSE; k < (index + 1) * POSE; k++) {
    if (poses.before[k] !== poses.after[k]) return true
  }
  return false
}

function include(rect: Rect, other: Rect): void {
  rect.x0 = Math.min(rect.x0, other.x0)
  rect.y0 = Math.min(rect.y0, other.y0)
  rect.x1 = Math.max(rect.x1, other.x1)
  rect.y1 = Math.max(rect.y1, other.y1)
}

/** Overlapping rectangles become their common bounds until none overlap: a pixel must be compared once a step. */
function mergeOverlaps(rects: Rect[], count: number): number {
  let left = count
  for (let i = 0; i < left; i++) {
    for (let j = i + 1; j < left; j++) {
      const a = rects[i]!
      const b = rects[j]!
      if (a.x0 >= b.x1 || b.x0 >= a.x1 || a.y0 >= b.y1 || b.y0 >= a.y1) continue
      include(a, b)
      left--
      rects[j] = rects[left]!
      rects[left] = b
      // The grown rectangle may now touch earlier ones: start over (there are few).
      i = -1
      break
    }
  }
  return left
}
