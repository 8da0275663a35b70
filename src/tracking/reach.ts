import { center } from '../events/geometry.js'
import type { Cluster } from './proposals.js'
import type { Target } from './target-record.js'

/** After this many searches in vain a cluster is nobody's and may become a new target. */
export const MAX_PROBES = 3

interface ReachConfig {
  /** Side of the search region over the target's size. */
  readonly searchFactor: number
  readonly lostMs: number
}

/**
 * Whether an unexplained cluster may be this target, come out again somewhere else: the target is lost, or was taken
 * for still a short time ago (an occluder makes silence as well), and the cluster is of like size and no farther than
 * one and a half times what the target's last speed allows.
 */
export function canReach(target: Target, cluster: Cluster, config: ReachConfig): boolean {
  const { life, motion, template } = target
  if (template === undefined || cluster.windows < 3) return false
  const unseenUs = life.phase === 'lost' ? life.unseenUs : life.phaseUs
  const waiting = life.phase === 'lost' || (life.phase === 'still' && target.seenSpeed > 0)
  if (!waiting || unseenUs > config.lostMs * 1000) return false
  const side = Math.sqrt(motion.box.w * motion.box.h)
  const ratio = Math.sqrt(cluster.box.w * cluster.box.h) / side
  if (ratio < 0.4 || ratio > 2.5) return false
  const from = center(motion.box)
  const distance = Math.sqrt((cluster.cx - from.x) ** 2 + (cluster.cy - from.y) ** 2)
  return distance <= (config.searchFactor * side) / 2 + (1.5 * target.seenSpeed * unseenUs) / 1e6
}

/** The nearest cluster within reach that is in sight and has not been searched in vain too often. */
export function candidateFor(
  target: Target,
  clusters: readonly Cluster[],
  config: ReachConfig,
): Cluster | undefined {
  const from = center(target.motion.box)
  let best: Cluster | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const cluster of clusters) {
    if (cluster.component < 0 || cluster.probes >= MAX_PROBES) continue
    if (!canReach(target, cluster, config)) continue
    const distance = (cluster.cx - from.x) ** 2 + (cluster.cy - from.y) ** 2
    if (distance >= bestDistance) continue
    best = cluster
    bestDistance = distance
  }
  return best
}
