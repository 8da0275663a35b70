import type { Size } from '../../events/geometry.js'
import type { Board } from '../board/board.js'
import type { OpenCv } from './opencv.js'
import type { Corners } from './refine.js'
import { judgeLens, type LensFit, solveLens } from './solve.js'

/** Views are left out in turn in so many groups. */
const GROUPS = 5
/** A view this many times as far off as the middle one, and further than the floor in pixels, is left out. */
const OUTLIER = { times: 3, floor: 0.3 }
/** At most this share of the views may be left out: else the lens does not follow the model. */
const MOST_OUTLIERS = 0.2

export interface LensAnalysis {
  readonly fit: LensFit
  readonly views: readonly Corners[]
  /** Views that contradicted the others. */
  readonly dropped: number
  /** Corners of views that did not take part in the fit, pixels. */
  readonly heldOutRms: number
  /** Of each view when it was left out, pixels. */
  readonly heldOut: readonly number[]
}

/** Fits the lens, leaves out what contradicts, and holds each view against a lens that was fitted without it. */
export function analyseLens(
  cv: OpenCv,
  views: readonly Corners[],
  of: { board: Board; size: Size },
): LensAnalysis {
  const all = solveLens(cv, views, of)
  const kept = withoutOutliers(views, all.viewRms)
  const fit = kept.length === views.length ? all : solveLens(cv, kept, of)
  const heldOut = new Array<number>(kept.length).fill(0)
  let squares = 0
  let corners = 0
  for (let group = 0; group < GROUPS; group++) {
    const left = kept.flatMap((_, i) => (i % GROUPS === group ? [i] : []))
    if (left.length === 0) continue
    const { lens } = solveLens(
      cv,
      kept.filter((_, i) => i % GROUPS !== group),
      of,
    )
    const judged = judgeLens(cv, lens, { views: left.map((i) => kept[i]!), board: of.board })
    left.forEach((i, k) => {
      heldOut[i] = judged.viewRms[k]!
      squares += judged.viewRms[k]! ** 2 * kept[i]!.ids.length
      corners += kept[i]!.ids.length
    })
  }
  return {
    fit,
    views: kept,
    dropped: views.length - kept.length,
    heldOutRms: Math.sqrt(squares / corners),
    heldOut,
  }
}

function withoutOutliers(
  views: readonly Corners[],
  viewRms: readonly number[],
): readonly Corners[] {
  const middle = [...viewRms].sort((a, b) => a - b)[Math.floor(viewRms.length / 2)]!
  const limit = Math.max(OUTLIER.floor, OUTLIER.times * middle)
  const kept = views.filter((_, i) => viewRms[i]! <= limit)
  return kept.length >= (1 - MOST_OUTLIERS) * views.length ? kept : views
}
