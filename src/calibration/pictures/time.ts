import type { ClockFit } from '../clock-fit.js'
import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'

/** So many points are drawn at most. */
const MOST_POINTS = 600

/** Host time less camera time: its slope is the drift. */
export function clockCurve(fit: ClockFit): Depiction {
  const first = fit.points[0]!
  const last = fit.points.at(-1)!
  const every = Math.ceil(fit.points.length / MOST_POINTS)
  const relative = fit.points
    .filter((_, i) => i % every === 0)
    .map((p) => [(p.deviceUs - first.deviceUs) / 1e6, p.differenceUs - first.differenceUs] as const)
  const line = ({ deviceUs }: { deviceUs: number }) =>
    fit.offsetUs + (fit.driftPpm / 1e6) * (deviceUs - fit.referenceUs) - first.differenceUs
  const ends = [line(first), line(last)] as const
  const margin = Math.max(50, Math.abs(ends[1] - ends[0]) / 4)
  return {
    form: 'chart',
    chart: {
      title: 'How the clocks of host and camera drift apart',
      finding: {
        text: `${fit.driftPpm.toFixed(2)} ± ${fit.driftErrorPpm.toFixed(2)} µs a second`,
      },
      x: { label: 'camera time, s', scale: 'linear', min: 0 },
      y: {
        label: 'host time less camera time, µs',
        scale: 'linear',
        min: Math.min(...ends) - margin / 2,
        max: Math.max(...ends) + margin,
      },
      series: [
        {
          label: 'quickest arrival of each 100 ms',
          color: COLORS.cool,
          style: 'points',
          points: relative,
        },
        {
          label: 'drift',
          color: COLORS.good,
          style: 'line',
          points: [
            [0, ends[0]],
            [(last.deviceUs - first.deviceUs) / 1e6, ends[1]],
          ],
        },
      ],
    },
  }
}
