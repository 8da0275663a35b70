import { createCounters } from '../events/counters.js'
import type { Box, Size } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'
import type { ActivityGrid } from './activity.js'
import { type Components, createComponentFinder } from './components.js'
import type { ProposalsConfig } from './schema.js'
import { cellBox, tightBox } from './tight-box.js'

/** A group of events followed from window to window that no target explains. */
export interface Cluster {
  cx: number
  cy: number
  /** Pixels per second. */
  vx: number
  vy: number
  /** Box of its cells, sensor pixels: coarse. */
  box: Box
  mass: number
  windows: number
  misses: number
  /** Where the stretch that is judged began: at most `horizonMs` ago, so that a restless youth is forgotten. */
  startX: number
  startY: number
  /** Length of the path in strides of some pixels, so that jitter does not count as way. */
  pathPx: number
  strideX: number
  strideY: number
  /** Middle of the stretch, where the next one will have begun: place, time since, and path since. */
  midX: number
  midY: number
  midUs: number
  midPathPx: number
  /** Windows in a row whose size or mass jumped. */
  unstable: number
  /** Density of events inside over that around it. */
  contrast: number
  /** Component of this window, -1 when it was not seen. */
  component: number
  /** How often a lost target looked for itself here in vain. */
  probes: number
}

export interface Proposer {
  /** Clusters that no target explains, oldest first. */
  readonly clusters: readonly Cluster[]
  /** Follows the clusters into a window whose grid was counted and explained. */
  update(grid: ActivityGrid, dtUs: number): void
  /** A box around the pixels of a cluster that moves coherently and stands out, or nothing. */
  propose(cluster: Cluster, frame: Frame): Box | undefined
  remove(cluster: Cluster): void
  /** Forgets everything: time was torn, or clusters no longer join up. */
  reset(): void
  counters(): Record<ProposerCounter, number>
}

const COUNTERS = ['clustersDropped', 'busyWindows'] as const
export type ProposerCounter = (typeof COUNTERS)[number]

/** Bound on clusters; a new one beyond it is dropped and counted (noise makes many, targets few). */
const MAX_CLUSTERS = 32
const MAX_MISSES = 3
/** Pixels a cluster may jump beyond its prediction, and the speed one without history may have. */
const GATE_PX = 16
const GATE_PX_PER_SECOND = 1500
const VELOCITY_GAIN = 0.2
const STRIDE_PX = 4

export function createProposer(options: { size: Size; config: ProposalsConfig }): Proposer {
  const { size, config } = options
  const cellPx = config.cellPx
  const columns = Math.ceil(size.width / cellPx)
  const totalCells = columns * Math.ceil(size.height / cellPx)
  const find = createComponentFinder(totalCells)
  const counters = createCounters(COUNTERS)
  const { values, index } = counters
  const claimed = new Uint8Array(totalCells)
  let clusters: Cluster[] = []
  let components: Components | undefined

  return {
    get clusters() {
      return clusters
    },
    update(grid, dtUs) {
      const expected = grid.noisePerPixel * cellPx * cellPx
      const threshold = Math.max(config.cellPixels, Math.ceil(expected + 3 * Math.sqrt(expected)))
      components = find(grid, threshold)
      values[index.clustersDropped]! += components.dropped
      if (isBusy(grid)) {
        values[index.busyWindows]! += 1
        clusters = []
        return
      }
      claimed.fill(0)
      for (const cluster of clusters) follow(cluster, { components, grid, dtUs })
      clusters = clusters.filter((cluster) => cluster.misses <= MAX_MISSES)
      for (let i = 0; i < components.count; i++) {
        if (claimed[i] !== 0 || tooLarge(components, i)) continue
        if (clusters.length < MAX_CLUSTERS) clusters.push(newCluster(components, i))
        else values[index.clustersDropped]! += 1
      }
      for (const cluster of clusters) {
        if (cluster.component >= 0) cluster.contrast = contrast(grid, components, cluster.component)
      }
    },
    propose(cluster, frame) {
      if (components === undefined || cluster.component < 0) return undefined
      const { cx, cy, startX, startY, strideX, strideY } = cluster
      const moved = distance(cx, cy, startX, startY)
      const path = cluster.pathPx + distance(cx, cy, strideX, strideY)
      const coherent =
        cluster.windows >= config.windows &&
        cluster.unstable === 0 &&
        moved >= config.movePx &&
        moved >= config.straightness * path &&
        cluster.contrast >= config.contrast
      if (!coherent) return undefined
      const box = tightBox(frame, { components, component: cluster.component, cellPx })
      return Math.min(box.w, box.h) >= config.minPx ? box : undefined
    },
    remove(cluster) {
      clusters = clusters.filter((other) => other !== cluster)
    },
    reset() {
      clusters = []
    },
    counters: () => counters.snapshot(),
  }

  /** Counted without regard to the noise, since a moving camera looks like noise everywhere. */
  function isBusy(grid: ActivityGrid): boolean {
    let busy = 0
    for (const active of grid.active) if (active >= config.cellPixels) busy++
    return busy > config.busyShare * totalCells
  }

  function tooLarge(from: Components, i: number): boolean {
    const box = cellBox(from, i, { size, cellPx })
    return box.w * box.h > config.maxShare * size.width * size.height
  }

  function newCluster(from: Components, i: number): Cluster {
    const cx = from.cx[i]!
    const cy = from.cy[i]!
    const box = cellBox(from, i, { size, cellPx })
    const still = { vx: 0, vy: 0, pathPx: 0, misses: 0, unstable: 0, contrast: 0, probes: 0 }
    const start = { startX: cx, startY: cy, strideX: cx, strideY: cy }
    const mid = { midX: cx, midY: cy, midUs: 0, midPathPx: 0 }
    const where = { cx, cy, ...start, ...mid, box, component: i }
    return { ...where, ...still, mass: from.mass[i]!, windows: 1 }
  }

  /** Joins a cluster to the nearest unclaimed component of like mass; clusters choose in order of age. */
  function follow(
    cluster: Cluster,
    now: { components: Components; grid: ActivityGrid; dtUs: number },
  ): void {
    const dt = now.dtUs / 1e6
    const from = now.components
    const px = cluster.cx + cluster.vx * dt
    const py = cluster.cy + cluster.vy * dt
    const young = cluster.windows < 3 ? GATE_PX_PER_SECOND * dt : 0
    let best = -1
    let bestDistance = GATE_PX + young
    for (let i = 0; i < from.count; i++) {
      if (claimed[i] !== 0 || tooLarge(from, i)) continue
      const ratio = from.mass[i]! / cluster.mass
      const far = distance(from.cx[i]!, from.cy[i]!, px, py)
      if (ratio < 0.3 || ratio > 3 || far >= bestDistance) continue
      best = i
      bestDistance = far
    }
    cluster.component = best
    if (best < 0) {
      cluster.misses++
      cluster.cx = px
      cluster.cy = py
      return
    }
    claimed[best] = 1
    const x = from.cx[best]!
    const y = from.cy[best]!
    const box = cellBox(from, best, { size, cellPx })
    const jump =
      Math.abs(box.w - cluster.box.w) > cellPx + 0.3 * cluster.box.w ||
      Math.abs(box.h - cluster.box.h) > cellPx + 0.3 * cluster.box.h
    const gain = dt > 0 ? (cluster.windows < 3 ? 0.5 : VELOCITY_GAIN) / dt : 0
    cluster.vx += gain * (x - px)
    cluster.vy += gain * (y - py)
    cluster.cx = x
    cluster.cy = y
    walk(cluster, now.dtUs)
    cluster.box = box
    cluster.mass += 0.3 * (from.mass[best]! - cluster.mass)
    cluster.windows++
    cluster.misses = 0
    cluster.unstable = jump ? 3 : Math.max(0, cluster.unstable - 1)
  }

  /** Keeps the books of the stretch: its path in strides, and the middle that becomes its start in time. */
  function walk(cluster: Cluster, dtUs: number): void {
    const { cx, cy } = cluster
    const stride = distance(cx, cy, cluster.strideX, cluster.strideY)
    if (stride >= STRIDE_PX) {
      cluster.pathPx += stride
      cluster.midPathPx += stride
      cluster.strideX = cx
      cluster.strideY = cy
    }
    cluster.midUs += dtUs
    if (cluster.midUs < config.horizonMs * 500) return
    cluster.startX = cluster.midX
    cluster.startY = cluster.midY
    cluster.pathPx = cluster.midPathPx
    cluster.midX = cx
    cluster.midY = cy
    cluster.midUs = 0
    cluster.midPathPx = 0
  }

  /** Events per cell inside over those in the cells up to two around; with nothing around, the inside itself. */
  function contrast(grid: ActivityGrid, from: Components, i: number): number {
    const left = Math.max(0, from.left[i]! - 2)
    const right = Math.min(grid.columns - 1, from.right[i]! + 2)
    const top = Math.max(0, from.top[i]! - 2)
    const bottom = Math.min(grid.rows - 1, from.bottom[i]! + 2)
    let around = 0
    let cells = 0
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const cell = row * grid.columns + column
        if (from.label[cell] === i || grid.explained[cell] !== 0) continue
        around += grid.active[cell]!
        cells++
      }
    }
    const inside = from.mass[i]! / from.cells[i]!
    return inside / Math.max(1, cells === 0 ? 1 : around / cells)
  }
}

function distance(x0: number, y0: number, x1: number, y1: number): number {
  return Math.sqrt((x0 - x1) ** 2 + (y0 - y1) ** 2)
}
