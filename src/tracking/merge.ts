import { iou } from '../events/geometry.js'
import type { Target } from './target-record.js'

/**
 * Targets that have become one: of two boxes that overlap long enough the older stays, but a commanded one is never
 * given up for one found. A lost target absorbs nobody: its box is only a guess. Updates each target's count of
 * overlapping windows and returns those to end.
 */
export function mergeTargets(
  targets: readonly Target[],
  config: { readonly mergeIou: number; readonly mergeWindows: number },
): Target[] {
  const ranked = [...targets].sort(
    (a, b) => Number(a.life.found) - Number(b.life.found) || a.order - b.order,
  )
  const ended: Target[] = []
  for (const [i, target] of ranked.entries()) {
    const overlaps = ranked
      .slice(0, i)
      .some(
        (elder) =>
          elder.life.phase !== 'lost' &&
          elder.life.phase !== 'tentative' &&
          !ended.includes(elder) &&
          iou(elder.motion.box, target.motion.box) >= config.mergeIou,
      )
    target.mergeWindows = overlaps ? target.mergeWindows + 1 : 0
    const unsure = target.life.phase === 'tentative' || target.life.phase === 'lost'
    if (target.mergeWindows >= (unsure ? 1 : config.mergeWindows)) ended.push(target)
  }
  return ended
}
