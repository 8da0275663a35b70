import { area, type Box } from '../events/geometry.js'
import { createRectangles, type Rectangles } from './cluster-moments.js'
import type { Motion } from './motion.js'
import type { TrackingConfig } from './schema.js'
import type { Target } from './target-record.js'

/** With this share of its box under one that moves otherwise, a cluster only coasts. */
const CROSSED = 0.3
/** A gate is at least this much larger than the box, on each side. */
const GATE_PX = 3

/** Half the side of the gate of a box. */
export function halfGate(side: number, gateFactor: number): number {
  return Math.max((side / 2) * gateFactor, side / 2 + GATE_PX)
}

/** Who else claims the events of a cluster. */
export interface Rivalry {
  /** Gates of the others that are in sight: events nearer to them are theirs. */
  readonly rivals: Rectangles
  /** How far the cluster's events may be another's, 0..1. */
  readonly contested: number
  /** Looks at the others on behalf of one target. */
  gather(target: Target, targets: readonly Target[]): void
  clear(): void
}

/** `knowsWay` says whether the velocity of a target is its own, learnt from its events. */
export function createRivalry(
  config: TrackingConfig,
  knowsWay: (target: Target) => boolean,
): Rivalry {
  const rivals = createRectangles(config.maxTargets)
  let contested = 0
  return {
    rivals,
    get contested() {
      return contested
    },
    gather(target, targets) {
      rivals.count = 0
      contested = 0
      for (const other of targets) {
        const { phase } = other.life
        if (other === target || phase === 'lost' || phase === 'ended') continue
        const { box } = other.motion
        const covered = coveredShare(target.motion.box, box)
        const apart = areApart(target, other)
        // Two boxes that go together on the same events are about to be merged: neither may push the other away.
        if (!apart && covered >= config.mergeOverlap) continue
        // Things that cross would bounce off each other if they followed their share of the events; they coast.
        contested = Math.max(contested, Math.min(1, apart ? covered / CROSSED : covered))
        const at = rivals.count++
        rivals.cx[at] = box.x + box.w / 2
        rivals.cy[at] = box.y + box.h / 2
        rivals.halfW[at] = halfGate(box.w, config.cluster.gateFactor)
        rivals.halfH[at] = halfGate(box.h, config.cluster.gateFactor)
      }
    },
    clear() {
      rivals.count = 0
      contested = 0
    },
  }

  function areApart(target: Target, other: Target): boolean {
    if (!knowsWay(target) || !knowsWay(other)) return false
    return speedApart(target.motion, other.motion) > config.mergeSpeed
  }
}

function speedApart(a: Motion, b: Motion): number {
  return Math.sqrt((a.vx - b.vx) ** 2 + (a.vy - b.vy) ** 2)
}

/** Share of a box that lies under another. */
function coveredShare(box: Box, over: Box): number {
  const w = Math.min(box.x + box.w, over.x + over.w) - Math.max(box.x, over.x)
  const h = Math.min(box.y + box.h, over.y + over.h) - Math.max(box.y, over.y)
  return w > 0 && h > 0 ? (w * h) / area(box) : 0
}
