import { type Box, center, iou } from '../events/geometry.js'

/**
 * Tracking measures, by these conventions: a frame with an absent (or wholly hidden) target is left out of the truth
 * by the caller; a frame without an answer counts with overlap 0 and infinite error. Boxes are compared as given, so
 * clamp both to the sensor or neither.
 */
export interface SingleTargetScore {
  readonly frames: number
  readonly meanIou: number
  /** Success: mean over the thresholds 0, 0.05 … 1 of the share of frames whose IoU is above it. */
  readonly auc: number
  /** Share of frames whose centre is off by at most 20 pixels. */
  readonly precision20: number
  /** The same with errors in x and y divided by the true width and height, at most 0.2. */
  readonly normalisedPrecision: number
}

/** An answer held against the truth. */
export interface ScoredPair {
  readonly truth: Box
  readonly answer?: Box | undefined
}

/** One target over its frames: what was answered (if anything) where the truth is known. */
export function scoreSingle(pairs: readonly ScoredPair[]): SingleTargetScore {
  const frames = pairs.length
  if (frames === 0) {
    return { frames, meanIou: 0, auc: 0, precision20: 0, normalisedPrecision: 0 }
  }
  const overlaps = pairs.map(overlapOf)
  const success = successCurve(pairs)
  const [, precision20] = precisionCurve(pairs, [0, 20])
  const close = pairs.filter((pair) => {
    const { dx, dy } = offset(pair)
    return (dx / pair.truth.w) ** 2 + (dy / pair.truth.h) ** 2 <= 0.04
  })
  return {
    frames,
    meanIou: overlaps.reduce((a, b) => a + b, 0) / frames,
    auc: success.reduce((a, b) => a + b, 0) / success.length,
    precision20: precision20!,
    normalisedPrecision: close.length / frames,
  }
}

/** Overlaps at which success is measured: 0, 0.05 … 1. */
export const SUCCESS_THRESHOLDS: readonly number[] = Array.from({ length: 21 }, (_, i) => i / 20)
/** Centre errors at which precision is measured: 0, 1 … 50 pixels. */
export const PRECISION_THRESHOLDS: readonly number[] = Array.from({ length: 51 }, (_, i) => i)

/** Share of frames whose IoU is above each of SUCCESS_THRESHOLDS; 0 of none. */
export function successCurve(pairs: readonly ScoredPair[]): number[] {
  const overlaps = pairs.map(overlapOf)
  return SUCCESS_THRESHOLDS.map((limit) =>
    ratio(overlaps.filter((o) => o > limit).length, overlaps.length),
  )
}

/** Share of frames whose centre is off by at most each of so many pixels; 0 of none. */
export function precisionCurve(
  pairs: readonly ScoredPair[],
  thresholds: readonly number[] = PRECISION_THRESHOLDS,
): number[] {
  const squares = pairs.map((pair) => {
    const { dx, dy } = offset(pair)
    return dx * dx + dy * dy
  })
  return thresholds.map((limit) =>
    ratio(squares.filter((square) => square <= limit * limit).length, squares.length),
  )
}

function overlapOf({ truth, answer }: ScoredPair): number {
  return answer === undefined ? 0 : iou(truth, answer)
}

/** From the true centre to the answered one, pixels; infinite without an answer. */
function offset({ truth, answer }: ScoredPair): { dx: number; dy: number } {
  if (answer === undefined) return { dx: Infinity, dy: Infinity }
  const [want, got] = [center(truth), center(answer)]
  return { dx: got.x - want.x, dy: got.y - want.y }
}

export interface SeenTrack {
  readonly id: string
  readonly box: Box
}
export interface SeenTruth {
  readonly id: number
  readonly box: Box
}

/** Several targets: tracks and truths of each window are paired greedily, the largest overlap first. */
export interface MultiTargetScore {
  readonly windows: number
  readonly truths: number
  readonly tracks: number
  readonly matched: number
  /** Mean IoU of matched pairs. */
  readonly meanIou: number
  /** Mean IoU over all truths, unmatched ones as 0. */
  readonly meanIouOfTruths: number
  /** Share of truths that a track covers. */
  readonly recall: number
  /** Share of tracks that lie on a truth. */
  readonly precision: number
  /** How often a truth was taken over by a track of another id. */
  readonly idSwitches: number
}

export interface MultiTargetEvaluator {
  /** Pairs one window; returns its pairs. */
  add(tracks: readonly SeenTrack[], truths: readonly SeenTruth[]): readonly TrackMatch[]
  score(): MultiTargetScore
}

export interface TrackMatch {
  readonly track: SeenTrack
  readonly truth: SeenTruth
  readonly iou: number
}

/** Pairs count from an overlap of `minIou` on. */
export function createEvaluator({ minIou = 0.1 }: { minIou?: number } = {}): MultiTargetEvaluator {
  const names = new Map<number, string>()
  const sums = { windows: 0, truths: 0, tracks: 0, matched: 0, overlap: 0, idSwitches: 0 }
  return {
    add(tracks, truths) {
      const matches = matchGreedily(tracks, truths, minIou)
      sums.windows++
      sums.truths += truths.length
      sums.tracks += tracks.length
      sums.matched += matches.length
      for (const match of matches) {
        sums.overlap += match.iou
        const before = names.get(match.truth.id)
        if (before !== undefined && before !== match.track.id) sums.idSwitches++
        names.set(match.truth.id, match.track.id)
      }
      return matches
    },
    score: () => ({
      windows: sums.windows,
      truths: sums.truths,
      tracks: sums.tracks,
      matched: sums.matched,
      meanIou: ratio(sums.overlap, sums.matched),
      meanIouOfTruths: ratio(sums.overlap, sums.truths),
      recall: ratio(sums.matched, sums.truths),
      precision: ratio(sums.matched, sums.tracks),
      idSwitches: sums.idSwitches,
    }),
  }
}

function matchGreedily(
  tracks: readonly SeenTrack[],
  truths: readonly SeenTruth[],
  minIou: number,
): TrackMatch[] {
  const pairs = tracks
    .flatMap((track) => truths.map((truth) => ({ track, truth, iou: iou(track.box, truth.box) })))
    .filter((pair) => pair.iou >= minIou)
    .sort((a, b) => b.iou - a.iou)
  const taken = new Set<SeenTrack | SeenTruth>()
  return pairs.filter(({ track, truth }) => {
    if (taken.has(track) || taken.has(truth)) return false
    taken.add(track).add(truth)
    return true
  })
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
