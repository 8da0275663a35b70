import type { Rng } from './rng.js'

/**
 * Silhouettes as signed distances: negative inside, px. Soft edges and any resolution follow from the distance. The
 * origin is the part's pivot, y grows downward.
 */
export interface Silhouette {
  /** Bounds of the inside: left, top, right, bottom, px from the pivot. */
  readonly bounds: readonly [number, number, number, number]
  distance(x: number, y: number): number
}

interface Oval {
  readonly x: number
  readonly y: number
  readonly rx: number
  readonly ry: number
}

export function ellipse({ x, y, rx, ry }: Oval): Silhouette {
  return {
    bounds: [x - rx, y - ry, x + rx, y + ry],
    distance: (px, py) => {
      const u = (px - x) / rx
      const v = (py - y) / ry
      const k = Math.hypot(u, v)
      const slope = Math.hypot(u / rx, v / ry)
      // First-order distance; at the middle the slope vanishes and the short radius is right.
      return slope < 1e-9 ? -Math.min(rx, ry) : (k * (k - 1)) / slope
    },
  }
}

/** A segment with a radius: limbs. */
export function capsule(length: number, radius: number): Silhouette {
  return {
    bounds: [-radius, -radius, radius, length + radius],
    distance: (x, y) => Math.hypot(x, y - Math.min(Math.max(y, 0), length)) - radius,
  }
}

export function roundedBox(halfW: number, halfH: number, radius: number): Silhouette {
  return {
    bounds: [-halfW, -halfH, halfW, halfH],
    distance: (x, y) => {
      const dx = Math.abs(x) - halfW + radius
      const dy = Math.abs(y) - halfH + radius
      return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius
    },
  }
}

export type Corner = readonly [number, number]

/** Any simple polygon. */
export function polygon(corners: readonly Corner[]): Silhouette {
  const xs = corners.map(([x]) => x)
  const ys = corners.map(([, y]) => y)
  return {
    bounds: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
    distance: (x, y) => {
      let nearest = Infinity
      let inside = false
      let [ax, ay] = corners[corners.length - 1]!
      for (const [bx, by] of corners) {
        const ex = bx - ax
        const ey = by - ay
        const along = ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey || 1)
        const f = Math.min(Math.max(along, 0), 1)
        nearest = Math.min(nearest, Math.hypot(x - ax - ex * f, y - ay - ey * f))
        if (ay > y !== by > y && x < ax + ((y - ay) * ex) / ey) inside = !inside
        ax = bx
        ay = by
      }
      return inside ? -nearest : nearest
    },
  }
}

export function union(parts: readonly Silhouette[]): Silhouette {
  const side = (k: 0 | 1 | 2 | 3) => parts.map((part) => part.bounds[k])
  return {
    bounds: [
      Math.min(...side(0)),
      Math.min(...side(1)),
      Math.max(...side(2)),
      Math.max(...side(3)),
    ],
    distance: (x, y) => {
      let nearest = Infinity
      for (const part of parts) nearest = Math.min(nearest, part.distance(x, y))
      return nearest
    },
  }
}

/** A star-shaped polygon of 3 to 9 corners that fills width × height. */
export function randomPolygon(width: number, height: number, rng: Rng): Silhouette {
  const n = 3 + rng.int(7)
  const corners: Corner[] = []
  for (let i = 0; i < n; i++) {
    const angle = ((i + rng.range(0, 0.6)) / n) * 2 * Math.PI
    const r = rng.range(0.5, 1)
    corners.push([r * Math.cos(angle), r * Math.sin(angle)])
  }
  return polygon(fit(corners, width, height))
}

/** A few lobes grown together. */
export function randomBlob(width: number, height: number, rng: Rng): Silhouette {
  const n = 3 + rng.int(4)
  const lobes: Oval[] = []
  for (let i = 0; i < n; i++) {
    const angle = ((i + rng.next()) / n) * 2 * Math.PI
    const away = rng.range(0.2, 0.6)
    const r = rng.range(0.35, 0.6)
    lobes.push({ x: away * Math.cos(angle), y: away * Math.sin(angle), rx: r, ry: r })
  }
  const [x0, y0, x1, y1] = union(lobes.map(ellipse)).bounds
  const sx = width / (x1 - x0)
  const sy = height / (y1 - y0)
  return union(
    lobes.map((lobe) =>
      ellipse({
        x: (lobe.x - (x0 + x1) / 2) * sx,
        y: (lobe.y - (y0 + y1) / 2) * sy,
        rx: lobe.rx * sx,
        ry: lobe.ry * sy,
      }),
    ),
  )
}

/** Vertical bars with gaps: a fence, tree trunks. */
export function randomBars(width: number, height: number, rng: Rng): Silhouette {
  const n = 2 + rng.int(4)
  const pitch = width / (n - 0.5)
  const bars: Silhouette[] = []
  for (let i = 0; i < n; i++) {
    const half = (pitch / 2) * (i === 0 || i === n - 1 ? 0.5 : rng.range(0.4, 0.7))
    const left = i === 0 ? -width / 2 : i === n - 1 ? width / 2 - 2 * half : i * pitch - width / 2
    bars.push(
      polygon([
        [left, -height / 2],
        [left + 2 * half, -height / 2],
        [left + 2 * half, height / 2],
        [left, height / 2],
      ]),
    )
  }
  return union(bars)
}

function fit(corners: readonly Corner[], width: number, height: number): Corner[] {
  const xs = corners.map(([x]) => x)
  const ys = corners.map(([, y]) => y)
  const x0 = Math.min(...xs)
  const y0 = Math.min(...ys)
  const sx = width / (Math.max(...xs) - x0)
  const sy = height / (Math.max(...ys) - y0)
  return corners.map(([x, y]) => [(x - x0) * sx - width / 2, (y - y0) * sy - height / 2])
}
