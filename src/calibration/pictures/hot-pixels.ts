import type { Size } from '../../events/geometry.js'
import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'
import { heatOf } from './tones.js'

/** Bins of the histogram of rates in a factor of ten. */
const BINS_PER_DECADE = 12

interface Dark {
  readonly size: Size
  /** Events of each pixel, row by row. */
  readonly totals: Uint32Array
  readonly seconds: number
  readonly hot: readonly { readonly x: number; readonly y: number }[]
}

/** Where the hot pixels are. */
export function hotPixelMap({ size, totals, seconds, hot }: Dark): Depiction {
  return {
    form: 'sensor',
    view: {
      title: 'Where pixels fire in the dark',
      finding: { text: `${hot.length} hot pixels in ${seconds.toFixed(1)} s` },
      size,
      tones: heatOf(totals, { label: 'events/s of a pixel', perUnit: 1 / seconds }),
      rings: hot.map(({ x, y }) => ({ x, y, color: COLORS.cool })),
      legend: [{ label: 'ring: a hot pixel, silenced from now on', color: COLORS.cool }],
    },
  }
}

/** How far the hot ones are from the others. */
export function hotPixelRates({
  totals,
  seconds,
  thresholdHz,
}: Dark & { thresholdHz: number }): Depiction {
  const bins = [...histogram(totals, seconds)]
  const part = (hot: boolean) => bins.filter(([rate]) => rate >= thresholdHz === hot)
  return {
    form: 'chart',
    chart: {
      title: 'How often pixels fire in the dark',
      x: { label: 'events/s of a pixel', scale: 'log' },
      y: { label: 'pixels', scale: 'log', min: 1 },
      series: [
        { label: 'noise of the sensor', color: COLORS.cool, style: 'bars', points: part(false) },
        { label: 'hot pixels', color: COLORS.warm, style: 'bars', points: part(true) },
      ],
      marks: [{ x: thresholdHz, label: 'hot from here', color: COLORS.bad }],
    },
  }
}

function histogram(totals: Uint32Array, seconds: number): [number, number][] {
  const bins = new Map<number, number>()
  for (const count of totals) {
    if (count === 0) continue
    const bin = Math.round(Math.log10(count / seconds) * BINS_PER_DECADE)
    bins.set(bin, (bins.get(bin) ?? 0) + 1)
  }
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, pixels]) => [10 ** (bin / BINS_PER_DECADE), pixels])
}
