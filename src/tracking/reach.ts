import { center } from '../events/geometry.js'
import type { Cluster } from './proposals.js'
import type { Target } from './target-record.js'

/** After this many searches in vain a cluster is nobody's and may become a new target. */
const MAX_PROBES = 3

interface ReachConfig {
  /** Side of the search region over the target's size. */
  readonly searchFactor: number
  readonly lostMs: number
}

/** A target that is not where it was: lost, or still for a short time (an occluder makes silence as well). */
function isSought({ life, seenSpeed }: Target, lostMs: number): boolean {
  if (life.phase === 'lost') return true
  return life.phase === 'still' && seenSpeed > 0 && life.phaseUs <= lostMs * 1000
}

/** A target that may be so in a moment: it is fading or was not recognised just now. */
function isInDoubt({ life, trust }: Target): boolean {
  return life.phase === 'tracking' && (trust < 1 || life.quiet > 0 || life.misses > 0)
}

/** Like in size, and no farther than one and a half times what the target's last speed allows. */
function canReach(target: Target, cluster: Cluster, searchFactor: number): boolean {
  const { life, motion } = target
  const side = Math.sqrt(motion.box.w * motion.box.h)
  const ratio = Math.sqrt(cluster.box.w * cluster.box.h) / side
  if (ratio < 0.4 || ratio > 2.5) return false
  const unseenUs = life.phase === 'still' ? life.phaseUs : life.unseenUs
  return (
    distance(target, cluster) <=
    (searchFactor * side) / 2 + (1.5 * target.seenSpeed * unseenUs) / 1e6
  )
}

/**
 * Whether an unexplained cluster may be one of these targets come out elsewhere. Such a cluster is left to the target,
 * until the target has looked there or is sure of itself again.
 */
export function isAwaited(
  cluster: Cluster,
  targets: readonly Target[],
  { searchFactor, lostMs }: ReachConfig,
): boolean {
  if (cluster.probes >= MAX_PROBES) return false
  return targets.some(
    (target) =>
      target.template !== undefined &&
      (isSought(target, lostMs) || isInDoubt(target)) &&
      canReach(target, cluster, searchFactor),
  )
}

/** The nearest cluster within reach that is in sight and has not been searched in vain too often. */
export function candidateFor(
  target: Target,
  clusters: readonly Cluster[],
  { searchFactor, lostMs }: ReachConfig,
): Cluster | undefined {
  if (!isSought(target, lostMs)) return undefined
  let best: Cluster | undefined
  for (const cluster of clusters) {
    if (cluster.component < 0 || cluster.windows < 3 || cluster.probes >= MAX_PROBES) continue
    if (!canReach(target, cluster, searchFactor)) continue
    if (best === undefined || distance(target, cluster) < distance(target, best)) best = cluster
  }
  return best
}

function distance(target: Target, cluster: Cluster): number {
  const { x, y } = center(target.motion.box)
  return Math.sqrt((cluster.cx - x) ** 2 + (cluster.cy - y) ** 2)
}
