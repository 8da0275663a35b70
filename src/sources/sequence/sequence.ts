import type { Box, Size } from '../../events/geometry.js'
import type { Source } from '../source.js'

/** Where one target is at one time of a sequence. */
export interface Label {
  /** Device time, microseconds. */
  readonly tUs: number
  /**
   * Sensor pixels, clamped to the sensor. Undefined where the target cannot be judged: absent, out of view, hidden, or
   * labelled with a box that is none.
   */
  readonly box: Box | undefined
}

/** Events with the labels of one target: what a tracker is shown, and what it is held against. */
export interface Sequence {
  readonly name: string
  /** What it is counted under beside the mean of all. */
  readonly group: string
  /**
   * In order of time. The first has a box: the one the tracker is given, which is not scored. A label without a box
   * is not scored either.
   */
  readonly labels: readonly [InitialLabel, ...Label[]]
  /** Labels of the file before the first usable one; they are no part of `labels`. */
  readonly skippedLabels: number
  /** The events from the start. The caller closes the source. Rejects as the kind of source does. */
  open(): Promise<Source>
}

export interface InitialLabel extends Label {
  readonly box: Box
}

/** What was asked for but cannot be judged, and why, as a sentence. */
export interface Unusable {
  readonly name: string
  readonly reason: string
}

/** Smallest width and height that a labelled box has inside the sensor; below it the target counts as absent. */
const MIN_SIDE_PX = 1

/**
 * The labels of a sequence from its rows: boxes are clamped to the sensor; NaN, empty and outside ones are absent
 * targets. What comes before the first usable box is dropped. Returns a reason instead where nothing can be judged:
 * no usable box, none after the first to score, or times that go back.
 */
export function usableLabels(
  rows: readonly Label[],
  size: Size,
): { labels: readonly [InitialLabel, ...Label[]]; skipped: number } | string {
  if (rows.length === 0) return 'there are no labels'
  for (let i = 1; i < rows.length; i++) {
    if (!(rows[i]!.tUs > rows[i - 1]!.tUs)) {
      return `the time of label ${i + 1} is not after the one before it`
    }
  }
  const judged = rows.map(({ tUs, box }) => ({ tUs, box: box && insideBox(box, size) }))
  const first = judged.findIndex(({ box }) => box !== undefined)
  const initial = judged[first]
  if (initial?.box === undefined) return 'no label has a box (all are NaN, empty or off the sensor)'
  const rest = judged.slice(first + 1)
  if (!rest.some(({ box }) => box !== undefined))
    return 'no label after the first has a box to score'
  return { labels: [{ tUs: initial.tUs, box: initial.box }, ...rest], skipped: first }
}

function insideBox({ x, y, w, h }: Box, { width, height }: Size): Box | undefined {
  if (![x, y, w, h].every(Number.isFinite) || w <= 0 || h <= 0) return undefined
  const left = Math.max(0, x)
  const top = Math.max(0, y)
  const box = {
    x: left,
    y: top,
    w: Math.min(width, x + w) - left,
    h: Math.min(height, y + h) - top,
  }
  return box.w >= MIN_SIDE_PX && box.h >= MIN_SIDE_PX ? box : undefined
}
