import type { ApsImage } from '../../events/signals.js'
import { fullScale } from '../picture-statistics.js'
import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'

const BINS = 64

/** Of 255: how far from the target the mean may be. */
const TOLERANCE = 0.06

/** Share of pixels in each of 64 steps of brightness, percent. */
export function brightnessBins(image: Pick<ApsImage, 'pixels'>): number[] {
  const { pixels } = image
  const full = fullScale(image)
  const counts = new Array<number>(BINS).fill(0)
  for (let i = 0; i < pixels.length; i++)
    counts[Math.min(BINS - 1, Math.floor((pixels[i]! / full) * BINS))]!++
  return counts.map((count) => (100 * count) / pixels.length)
}

interface Seen {
  readonly target: number
  readonly mean: number
  readonly exposureUs: number
}

/** How bright the pixels of the last picture are, and where their mean should be. */
export function brightness(bins: readonly number[], { target, mean, exposureUs }: Seen): Depiction {
  return {
    form: 'chart',
    chart: {
      title: 'Brightness of the pixels',
      finding: { text: `exposure ${exposureUs} µs, mean ${mean.toFixed(0)}` },
      x: { label: 'brightness, 0 black to 255 saturated', scale: 'linear', min: 0, max: 255 },
      y: { label: 'share of the pixels, %', scale: 'linear', min: 0 },
      band: {
        axis: 'x',
        from: (1 - TOLERANCE) * target,
        to: (1 + TOLERANCE) * target,
        label: 'mean should be here',
      },
      series: [
        {
          label: 'pixels',
          color: COLORS.cool,
          style: 'bars',
          points: bins.map((share, i) => [((i + 0.5) * 255) / BINS, share] as const),
        },
      ],
      marks: [{ x: mean, label: 'mean', color: COLORS.warm }],
    },
  }
}

/** The way of the mean from picture to picture. */
export function exposureWay(means: readonly number[], target: number): Depiction {
  const points = means.map((mean, i) => [i + 1, mean] as const)
  return {
    form: 'chart',
    chart: {
      title: 'The way to the right exposure',
      x: { label: 'picture', scale: 'linear', min: 0, max: Math.max(6, means.length + 1) },
      y: { label: 'mean brightness of the picture', scale: 'linear', min: 0, max: 255 },
      band: {
        axis: 'y',
        from: (1 - TOLERANCE) * target,
        to: (1 + TOLERANCE) * target,
        label: 'should be here',
      },
      series: [
        { label: 'mean', color: COLORS.warm, style: 'line', points },
        { label: 'pictures', color: COLORS.warm, style: 'points', points },
      ],
    },
  }
}
