import type { Size } from '../../events/geometry.js'
import type { FilterChoice } from '../noise-fit.js'
import type { Depiction } from './depiction.js'
import { COLORS, type Color } from './svg.js'
import type { Tones } from './tones.js'

/** The colours of the palette `kept`. */
const LEGEND = [
  { label: 'kept', color: COLORS.warm },
  { label: 'rejected as noise', color: COLORS.dim },
] as const

interface Filtered {
  readonly size: Size
  readonly tones: Tones
  readonly title: string
  readonly filter: { readonly timeUs: number; readonly support: number }
}

/** The sensor with the filter's judgement of each pixel's events. */
export function filteredEvents({ size, tones, title, filter }: Filtered): Depiction {
  const { timeUs, support } = filter
  const who = support === 1 ? 'a neighbour' : `${support} neighbours`
  return {
    form: 'sensor',
    view: {
      title,
      finding: { text: `kept: ${who} fired in the ${(timeUs / 1000).toFixed(1)} ms before` },
      size,
      tones,
      legend: LEGEND,
    },
  }
}

const BY_SUPPORT: readonly Color[] = [COLORS.cool, COLORS.warm, COLORS.violet]

/** What passes each filter, by its time. */
export function filterCurves(choices: readonly FilterChoice[], best: FilterChoice): Depiction {
  const supports = [...new Set(choices.map(({ support }) => support))]
  return {
    form: 'chart',
    chart: {
      title: 'Motion kept (lines) and noise rejected (dashes)',
      x: { label: 'background activity time, ms', scale: 'log' },
      y: { label: 'share of the events, %', scale: 'linear', min: 0, max: 100 },
      band: { axis: 'y', from: 90, to: 100, label: 'both should be here' },
      series: supports.flatMap((support, i) => {
        const own = choices.filter((each) => each.support === support)
        const color = BY_SUPPORT[i % BY_SUPPORT.length]!
        const neighbours = `${support} neighbour${support === 1 ? '' : 's'}`
        const points = (share: (choice: FilterChoice) => number) =>
          own.map((choice) => [choice.timeUs / 1000, 100 * share(choice)] as const)
        return [
          {
            label: neighbours,
            color,
            style: 'line' as const,
            points: points((c) => c.kept),
          },
          { label: '', color, style: 'dashed' as const, points: points((c) => c.rejected) },
        ]
      }),
      marks: [{ x: best.timeUs / 1000, label: 'chosen', color: COLORS.good }],
    },
  }
}
