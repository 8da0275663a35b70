import type { Box, Size } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'
import type { Components } from './components.js'

/** Share of the pixels cut off at each side of a tight box: stray noise must not stretch it. */
const TRIM = 0.02

/** The box of a component's cells, in sensor pixels. */
export function cellBox(
  from: Components,
  component: number,
  { size, cellPx }: { size: Size; cellPx: number },
): Box {
  const x = from.left[component]! * cellPx
  const y = from.top[component]! * cellPx
  return {
    x,
    y,
    w: Math.min(size.width, (from.right[component]! + 1) * cellPx) - x,
    h: Math.min(size.height, (from.bottom[component]! + 1) * cellPx) - y,
  }
}

/** The bounds of a component's pixels in the frame it was found in, a few of them trimmed at each side. */
export function tightBox(
  frame: Frame,
  of: { components: Components; component: number; cellPx: number },
): Box {
  const { components, component, cellPx } = of
  const { planes, width, height } = frame
  const { label } = components
  const columns = Math.ceil(width / cellPx)
  const cells = cellBox(components, component, { size: frame, cellPx })
  const perColumn = new Int32Array(cells.w)
  const perRow = new Int32Array(cells.h)
  const pixels = width * height
  let mass = 0
  for (let y = 0; y < cells.h; y++) {
    for (let x = 0; x < cells.w; x++) {
      const at = pixels + (cells.y + y) * width + cells.x + x
      if ((planes[at]! | planes[at + pixels]!) === 0) continue
      const row = Math.floor((cells.y + y) / cellPx)
      if (label[row * columns + Math.floor((cells.x + x) / cellPx)] !== component) continue
      perColumn[x] = perColumn[x]! + 1
      perRow[y] = perRow[y]! + 1
      mass++
    }
  }
  const [left, right] = trim(perColumn, mass * TRIM)
  const [top, bottom] = trim(perRow, mass * TRIM)
  return { x: cells.x + left, y: cells.y + top, w: right - left, h: bottom - top }
}

/** First and past-the-last index that remain when at most `cut` is taken off at each end. */
function trim(profile: Int32Array, cut: number): readonly [number, number] {
  let low = 0
  let high = profile.length
  for (let sum = profile[low]!; sum <= cut && low < high - 1; sum += profile[low]!) low++
  for (let sum = profile[high - 1]!; sum <= cut && high > low + 1; sum += profile[high - 1]!) high--
  return [low, high]
}
