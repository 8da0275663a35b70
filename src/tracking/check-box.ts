import { EvtrackError } from '../events/errors.js'
import { area, type Box, clampToSensor, type Size } from '../events/geometry.js'

/** Throws EvtrackError CONFIG_INVALID unless a target can be started from this box. */
export function checkBox(box: Box, limits: { size: Size; minBoxPx: number }): void {
  const { size, minBoxPx } = limits
  const text = `${box.x},${box.y},${box.w},${box.h}`
  const next = `Give x, y, width, height in pixels of the ${size.width} x ${size.height} sensor, at least ${minBoxPx} wide and high.`
  const refuse = (why: string): never => {
    throw new EvtrackError('CONFIG_INVALID', `The box ${text} ${why}.`, {
      next,
      data: { box, size, minBoxPx },
    })
  }
  if (![box.x, box.y, box.w, box.h].every(Number.isFinite)) refuse('is not made of numbers')
  if (box.w < minBoxPx || box.h < minBoxPx) refuse('is too small to be followed')
  const inside = clampToSensor(box, size)
  if (area(inside) < area(box) / 2) refuse('lies mostly outside of the sensor')
  if (inside.w < minBoxPx || inside.h < minBoxPx) refuse('has too little of it on the sensor')
}
