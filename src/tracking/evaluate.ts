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

/** One target over its frames: what was answered (if anything) where the truth is known. */
export function scoreSingle(
  pairs: readonly { readonly truth: Box; readonly answer?: Box | undefined }[],
): SingleTargetScore {
  const frames = pairs.length
  if (frames === 0) {
    return { frames, meanIou: 0, auc: 0, precision20: 0, normalisedPrecision: 0 }
  }
  const overlaps = pairs.map(({ truth, answer }) => (answer === undefined ? 0 : iou(truth, answer)))
  const share = (hits: (pair: { dx: number; dy: number; truth: Box }) => boolean) =>
    pairs.filter(({ truth, answer }) => {
      if (answer === undefined) return false
      const want = center(truth)
      const got = center(answer)
      return hits({ dx: got.x - want.x, dy: got.y - want.y, truth })
    }).length / frames
  const thresholds = Array.from({ length: 21 }, (_, i) => i / 20)
  const above = thresholds.map((limit) => overlaps.filter((o) => o > limit).length / frames)
  return {
    frames,
    meanIou: overlaps.reduce((a, b) => a + b, 0) / frames,
    auc: above.reduce((a, b) => a + b, 0) / thresholds.length,
    precision20: share(({ dx, dy }) => dx * dx + dy * dy <= 400),
    normalisedPrecision: share(
      ({ dx, dy, truth }) => (dx / truth.w) ** 2 + (dy / truth.h) ** 2 <= 0.04,
    ),
  }
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
