import { iou } from '../events/geometry.js'
import { precisionCurve, type SingleTargetScore, scoreSingle, successCurve } from './evaluate.js'
import { type Answer, type OnePassResult, scoredPairs } from './one-pass.js'

/** What one sequence says about one tracker. */
export interface SequenceScore extends SingleTargetScore {
  readonly name: string
  readonly group: string
  /** Share of all labels after the first at which the target was lost or had ended. */
  readonly lostShare: number
  /** 1 when at the end of the sequence the target's own track, neither lost nor ended, lies on it; else 0. */
  readonly kept: number
  readonly windows: number
  /** Windows that were not looked at because others took too long; 0 offline. */
  readonly dropped: number
  /** Wall time of a window, milliseconds. */
  readonly windowMsMean: number
  readonly windowMsP99: number
  /** CPU time over device time: 0.1 is a tenth of one core. */
  readonly cpuShare: number
  /** See SUCCESS_THRESHOLDS and PRECISION_THRESHOLDS. */
  readonly success: readonly number[]
  readonly precision: readonly number[]
}

/** Means over sequences, each of the same weight however long it is. */
export interface MeanScore extends Omit<SequenceScore, 'name' | 'group'> {
  readonly sequences: number
}

export function scoreSequence(
  sequence: { readonly name: string; readonly group: string },
  result: OnePassResult,
): SequenceScore {
  const { answers, dropped, spanUs, windowMs, windows } = result
  const pairs = scoredPairs(answers)
  const asked = answers.slice(1)
  const lost = asked.filter(({ state }) => state === 'lost' || state === 'ended')
  const sorted = [...windowMs].sort((a, b) => a - b)
  return {
    name: sequence.name,
    group: sequence.group,
    ...scoreSingle(pairs),
    lostShare: asked.length === 0 ? 0 : lost.length / asked.length,
    kept: isKept(asked) ? 1 : 0,
    windows,
    dropped,
    windowMsMean: mean(windowMs),
    windowMsP99: sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0,
    cpuShare: spanUs === 0 ? 0 : (result.cpuMs * 1000) / spanUs,
    success: successCurve(pairs),
    precision: precisionCurve(pairs),
  }
}

/** The end of a sequence, microseconds, and what overlap is asked of at least half of its labels. */
const END_US = 2_000_000
const KEPT_IOU = 0.3

function isKept(asked: readonly Answer[]): boolean {
  const judged = asked.filter(({ truth }) => truth !== undefined)
  const lastUs = judged.at(-1)?.tUs ?? 0
  const end = judged.filter(({ tUs }) => tUs > lastUs - END_US)
  const on = end.filter(
    ({ box, state, truth }) =>
      state !== 'lost' && state !== 'ended' && truth !== undefined && iou(truth, box) >= KEPT_IOU,
  )
  return end.length > 0 && 2 * on.length >= end.length
}

const MEANS = [
  'meanIou',
  'auc',
  'precision20',
  'normalisedPrecision',
  'lostShare',
  'kept',
  'windowMsMean',
  'windowMsP99',
  'cpuShare',
] as const
const SUMS = ['frames', 'windows', 'dropped'] as const

export function meanScore(scores: readonly SequenceScore[]): MeanScore {
  const means = Object.fromEntries(MEANS.map((key) => [key, mean(scores.map((s) => s[key]))]))
  const sums = Object.fromEntries(
    SUMS.map((key) => [key, scores.reduce((sum, score) => sum + score[key], 0)]),
  )
  return {
    sequences: scores.length,
    ...(means as Record<(typeof MEANS)[number], number>),
    ...(sums as Record<(typeof SUMS)[number], number>),
    success: meanCurve(scores.map(({ success }) => success)),
    precision: meanCurve(scores.map(({ precision }) => precision)),
  }
}

/** Means by group, groups in order of appearance. */
export function groupScores(scores: readonly SequenceScore[]): Map<string, MeanScore> {
  const groups = new Map<string, SequenceScore[]>()
  for (const score of scores) {
    const members = groups.get(score.group)
    if (members === undefined) groups.set(score.group, [score])
    else members.push(score)
  }
  return new Map([...groups].map(([group, members]) => [group, meanScore(members)]))
}

function meanCurve(curves: readonly (readonly number[])[]): number[] {
  return (curves[0] ?? []).map((_, i) => mean(curves.map((curve) => curve[i] ?? 0)))
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length
}
