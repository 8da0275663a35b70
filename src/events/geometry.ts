/** An axis-aligned box in sensor pixels: left, top, width, height. The origin is the upper-left corner of the sensor. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** Size of a sensor or plane in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** The public size of a DAVIS346. Its raw array may be transposed; see davis346/. */
export const DAVIS346_SIZE: Size = { width: 346, height: 260 }

export function area(box: Box): number {
  return Math.max(0, box.w) * Math.max(0, box.h)
}

/** Intersection over union, 0 for boxes that do not overlap or have no area. */
export function iou(a: Box, b: Box): number {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x)
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y)
  if (w <= 0 || h <= 0) return 0
  const inter = w * h
  return inter / (area(a) + area(b) - inter)
}

export function center(box: Box): { x: number; y: number } {
  return { x: box.x + box.w / 2, y: box.y + box.h / 2 }
}

/** The part of `box` inside the sensor; never negative, possibly empty (w or h 0). */
export function clampToSensor(box: Box, size: Size): Box {
  const x = Math.min(Math.max(box.x, 0), size.width)
  const y = Math.min(Math.max(box.y, 0), size.height)
  const right = Math.min(Math.max(box.x + box.w, 0), size.width)
  const bottom = Math.min(Math.max(box.y + box.h, 0), size.height)
  return { x, y, w: Math.max(0, right - x), h: Math.max(0, bottom - y) }
}
