import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'

interface FocusCurve {
  /** Seconds since the start, score. */
  readonly scores: readonly (readonly [number, number])[]
  readonly by: 'pictures' | 'events'
  /** Share of the best at which the ring may stay. */
  readonly near: number
}

export function focusCurve({ scores, by, near }: FocusCurve): Depiction {
  const best = scores.reduce((top, each) => (each[1] > top[1] ? each : top), scores[0] ?? [0, 0])
  const last = scores.at(-1) ?? [0, 0]
  const share = best[1] === 0 ? 0 : (100 * last[1]) / best[1]
  return {
    form: 'chart',
    chart: {
      title: `Sharpness by ${by} while the focus ring is turned`,
      finding: { text: `now at ${share.toFixed(0)} % of the best seen` },
      x: { label: 'time, s', scale: 'linear', min: 0 },
      y: { label: 'sharpness score', scale: 'linear', min: 0 },
      band: { axis: 'y', from: near * best[1], to: best[1], label: 'leave the ring here' },
      series: [
        { label: 'sharpness', color: COLORS.warm, style: 'line', points: scores },
        { label: 'now', color: COLORS.ink, style: 'points', points: [last] },
      ],
      marks: [{ x: best[0], label: 'sharpest', color: COLORS.good }],
    },
  }
}
