import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'

type Curve = readonly (readonly [number, number])[]

const TIME = { label: 'time, s', scale: 'linear', min: 0 } as const

export interface RateCurve {
  /** Seconds, events a second. */
  readonly trace: Curve
  /** What was judged by: seconds, events a second. */
  readonly readings: Curve
  readonly band: { readonly from: number; readonly to: number }
  readonly doing?: string
  readonly keptAtSeconds?: number
}

export function rateCurve({ trace, readings, band, doing, keptAtSeconds }: RateCurve): Depiction {
  const positive = (points: Curve) => points.map(([s, rate]) => [s, Math.max(1, rate)] as const)
  return {
    form: 'chart',
    chart: {
      title: 'Event rate while the biases are turned',
      ...(doing !== undefined && { finding: { text: doing } }),
      x: TIME,
      y: { label: 'events/s', scale: 'log' },
      band: { axis: 'y', ...band, label: 'should be here' },
      series: [
        { label: 'event rate', color: COLORS.cool, style: 'line', points: positive(trace) },
        { label: 'readings', color: COLORS.warm, style: 'points', points: positive(readings) },
      ],
      ...(keptAtSeconds !== undefined && {
        marks: [{ x: keptAtSeconds, label: 'kept', color: COLORS.good }],
      }),
    },
  }
}

/** Nominal thresholds over time, percent of the light. */
export function thresholdCurve(on: Curve, off: Curve): Depiction {
  return {
    form: 'chart',
    chart: {
      title: 'Change of light that makes an event',
      x: TIME,
      y: { label: 'nominal threshold, % of the light', scale: 'linear', min: 0 },
      series: [
        { label: 'brighter: ON', color: COLORS.good, style: 'line', points: on },
        { label: 'darker: OFF', color: COLORS.bad, style: 'dashed', points: off },
      ],
    },
  }
}

const LEAST_HZ = 1e-3

export function noiseCurve(readings: Curve, mostHz: number): Depiction {
  const points = readings.map(([s, hz]) => [s, Math.max(LEAST_HZ, hz)] as const)
  return {
    form: 'chart',
    chart: {
      title: 'Noise of a pixel at each reading',
      x: TIME,
      y: { label: 'events/s of a pixel', scale: 'log' },
      band: { axis: 'y', from: LEAST_HZ, to: mostHz, label: 'should be here' },
      series: [
        { label: 'noise', color: COLORS.violet, style: 'line', points },
        { label: 'readings', color: COLORS.warm, style: 'points', points },
      ],
    },
  }
}
