import { type Box, iou } from '../events/geometry.js'
import { createEvaluator } from './evaluate.js'
import type { Track } from './track.js'

/** Something that moves, target or distractor: to find any of them is right. */
export interface Mover {
  readonly id: number
  readonly box: Box
  readonly hidden: number
}

/** How well targets are found without being told. */
export interface DiscoveryScore {
  readonly name: string
  readonly group: string
  readonly seconds: number
  /** Published tracks that were on something that moves for less than half of their windows. */
  readonly falseTracks: number
  readonly tracks: number
  readonly falsePerMinute: number
  /** Share of visible movers, window by window, that a track covers. */
  readonly recall: number
  /** Share of tracks, window by window, that cover a visible mover. */
  readonly precision: number
  readonly meanIou: number
  readonly idSwitches: number
}

/** Overlap from which a track is on a mover. */
const ON_IOU = 0.1
/** Movers hidden this much are not expected to be found. */
const EXPECTED_HIDDEN = 0.5

/**
 * Counts false tracks: a track is judged over its whole life, by all windows in which it was not lost. One that follows
 * a mover behind an occluder is not false, so hidden movers count here.
 */
export class DiscoveryCount {
  readonly #lives = new Map<string, { windows: number; on: number }>()
  readonly #evaluator = createEvaluator({ minIou: ON_IOU })

  add(tracks: readonly Track[], movers: readonly Mover[]): void {
    const live = tracks.filter(({ state }) => state !== 'lost')
    for (const { id, box } of live) {
      const life = this.#lives.get(id) ?? { windows: 0, on: 0 }
      life.windows++
      if (movers.some((mover) => iou(mover.box, box) >= ON_IOU)) life.on++
      this.#lives.set(id, life)
    }
    this.#evaluator.add(
      live,
      movers.filter(({ hidden }) => hidden < EXPECTED_HIDDEN),
    )
  }

  score(of: { name: string; group: string; seconds: number }): DiscoveryScore {
    const { idSwitches, meanIou, precision, recall } = this.#evaluator.score()
    const lives = [...this.#lives.values()]
    const falseTracks = lives.filter(({ on, windows }) => 2 * on < windows).length
    return {
      ...of,
      falseTracks,
      tracks: lives.length,
      falsePerMinute: of.seconds === 0 ? 0 : (60 * falseTracks) / of.seconds,
      recall,
      precision,
      meanIou,
      idSwitches,
    }
  }
}

/** Several sequences as one: rates over all of their time, shares as means. */
export function sumDiscovery(name: string, scores: readonly DiscoveryScore[]): DiscoveryScore {
  const sum = (of: (score: DiscoveryScore) => number) => scores.reduce((a, s) => a + of(s), 0)
  const mean = (of: (score: DiscoveryScore) => number) => sum(of) / Math.max(1, scores.length)
  const seconds = sum((s) => s.seconds)
  const falseTracks = sum((s) => s.falseTracks)
  return {
    name,
    group: name,
    seconds,
    falseTracks,
    tracks: sum((s) => s.tracks),
    falsePerMinute: seconds === 0 ? 0 : (60 * falseTracks) / seconds,
    recall: mean((s) => s.recall),
    precision: mean((s) => s.precision),
    meanIou: mean((s) => s.meanIou),
    idSwitches: sum((s) => s.idSwitches),
  }
}
