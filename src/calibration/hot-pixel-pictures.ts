import type { Size } from '../events/geometry.js'
import { COLORS, chartPng } from './chart.js'
import type { Picture } from './kind.js'
import { sensorMapPng } from './sensor-map.js'

/** Bins of the histogram of rates in a factor of ten. */
const BINS_PER_DECADE = 12

/** Where the hot pixels are, and how far from the others. `totals`: events of each pixel in `seconds`. */
export function hotPixelPictures(of: {
  readonly size: Size
  readonly totals: Uint32Array
  readonly seconds: number
  readonly hot: readonly { readonly x: number; readonly y: number }[]
  readonly thresholdHz: number
}): Picture[] {
  const { size, totals, seconds, hot, thresholdHz } = of
  return [
    {
      name: 'hot-pixel-map',
      title: 'Events of each pixel in the dark; rings: hot pixels',
      png: sensorMapPng({
        size,
        values: totals,
        log: true,
        rings: hot.map(({ x, y }) => ({ x, y, color: COLORS.cool })),
      }),
    },
    {
      name: 'hot-pixel-rates',
      title: 'How many pixels have which rate',
      png: chartPng({
        x: { label: 'events/s of a pixel', scale: 'log' },
        y: { label: 'pixels', scale: 'log', min: 1 },
        series: [
          {
            label: 'pixels',
            color: COLORS.warm,
            style: 'bars',
            points: histogram(totals, seconds),
          },
        ],
        marks: [{ x: thresholdHz, label: 'hot from here', color: COLORS.bad }],
      }),
    },
  ]
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
