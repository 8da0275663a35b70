import { area } from '../events/geometry.js'
import type { Target } from './target-record.js'

interface MergeConfig {
  readonly mergeOverlap: number
  readonly mergeSpeed: number
  readonly mergeWindows: number
}

/**
 * Targets that have become one: of two boxes that overlap and move alike long enough the older stays, but a commanded
 * one is never given up for one found. The overlap is a share of the smaller box, because a part of a thing is no other
 * thing; crossing things differ in velocity. A lost target absorbs nobody: its box is only a guess. Updates each target's count
 * of such windows and returns those to end.
 */
export function mergeTargets(targets: readonly Target[], config: MergeConfig): Target[] {
  const ranked = [...targets].sort(
    (a, b) => Number(a.life.found) - Number(b.life.found) || a.order - b.order,
  )
  const ended: Target[] = []
  for (const [i, target] of ranked.entries()) {
    const elders = ranked.slice(0, i).filter((elder) => !ended.includes(elder))
    const same = elders.some((elder) => areOne(elder, target, config))
    target.mergeWindows = same ? target.mergeWindows + 1 : 0
    const unsure = target.life.phase === 'tentative' || target.life.phase === 'lost'
    if (target.mergeWindows >= (unsure ? 1 : config.mergeWindows)) ended.push(target)
  }
  return ended
}

function areOne(elder: Target, target: Target, config: MergeConfig): boolean {
  if (elder.life.phase === 'lost' || elder.life.phase === 'tentative') return false
  const a = elder.motion
  const b = target.motion
  const w = Math.min(a.box.x + a.box.w, b.box.x + b.box.w) - Math.max(a.box.x, b.box.x)
  const h = Math.min(a.box.y + a.box.h, b.box.y + b.box.h) - Math.max(a.box.y, b.box.y)
  const shared = Math.max(0, w) * Math.max(0, h)
  const apart = Math.sqrt((a.vx - b.vx) ** 2 + (a.vy - b.vy) ** 2)
  return (
    shared >= config.mergeOverlap * Math.min(area(a.box), area(b.box)) && apart <= config.mergeSpeed
  )
}
