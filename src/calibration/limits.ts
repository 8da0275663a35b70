import type { Row, Verdict } from './kind.js'
import { numberText } from './pictures/number-text.js'

/**
 * What results are held against, in one place. `pass` is the limit of PASS, `warn` that of WARN; beyond it is FAIL. A
 * limit whose source is "proposed" was chosen here and not taken from other users of these cameras.
 */
export interface Limit {
  readonly sense: 'at most' | 'at least'
  readonly pass: number
  readonly warn: number
  readonly unit: string
  readonly source: string
}

const atMost = (pass: number, warn: number, rest: { unit: string; source: string }): Limit => ({
  sense: 'at most',
  pass,
  warn,
  ...rest,
})
const atLeast = (pass: number, warn: number, rest: { unit: string; source: string }): Limit => ({
  sense: 'at least',
  pass,
  warn,
  ...rest,
})

export const LIMITS = {
  'hot-pixels': {
    /** Half a percent of 346 x 260 is 450 pixels; jAER's learner stops at 1000. */
    share: atMost(0.5, 1.1, { unit: '%', source: 'jAER: at most 1000 pixels' }),
    /** Pixels that a repeat finds beside the active mask. */
    added: atMost(4, 25, { unit: 'pixels', source: 'proposed' }),
    /** Events of all pixels but the hot ones, in the worst fifth of the time against the best. */
    steadiness: atMost(2, 3, { unit: '×', source: 'proposed' }),
    /** Share of the other events that have a neighbour's event in the 2 ms before them. */
    correlation: atMost(25, 35, { unit: '%', source: 'proposed' }),
    /** Background of the pixels that are not hot; a scene gives far more. */
    background: atMost(5, 20, { unit: 'events/s per pixel', source: 'proposed' }),
  },
  biases: {
    /** The chip's own maximum is 12 million events/s; half of it leaves room. */
    burst: atMost(6e6, 10e6, { unit: 'events/s', source: 'proposed' }),
    /** More of one polarity for one of the other. */
    balance: atMost(2, 3, { unit: '', source: 'proposed' }),
    noise: atMost(0.2, 0.5, {
      unit: 'events/s per pixel',
      source: 'jAER: bias control in the dark',
    }),
    settled: atMost(30, 60, { unit: 's', source: 'proposed' }),
  },
  noise: {
    rejected: atLeast(90, 80, { unit: '%', source: 'proposed' }),
    kept: atLeast(90, 80, { unit: '%', source: 'proposed' }),
    dark: atMost(5, 20, { unit: 'events/s per pixel', source: 'proposed' }),
    /** Event rate where something moves against the rate there in the dark: less means that nothing moved. */
    contrast: atLeast(3, 1.5, { unit: '×', source: 'proposed' }),
  },
  exposure: {
    /** Off the middle of the range, 127.5 of 255. */
    meanError: atMost(6, 12, { unit: '%', source: 'libcaer_driver: mean 127 ± 6 %' }),
    saturated: atMost(1, 5, { unit: '%', source: 'proposed' }),
  },
  focus: {
    /** The last score against the best seen. */
    nearPeak: atLeast(95, 85, { unit: '%', source: 'proposed' }),
    /** The best against the worst: less means that nobody turned the ring, or that there is nothing to focus on. */
    range: atLeast(1.5, 1.15, { unit: '×', source: 'proposed' }),
  },
  lens: {
    views: atLeast(20, 10, { unit: '', source: 'OpenCV asks for 10, ROS for about 40; proposed' }),
    coverage: atLeast(80, 55, { unit: '%', source: 'proposed' }),
    /** Of four: right, left, lower, upper side nearer. */
    leans: atLeast(4, 2, { unit: '', source: 'proposed' }),
    bright: atMost(10, 50, { unit: '%', source: 'proposed' }),
    rms: atMost(0.5, 1, { unit: 'px', source: 'proposed' }),
    /** Views that did not take part, against those that did. */
    heldOut: atMost(1.3, 2, { unit: '×', source: 'proposed' }),
    /** Two standard deviations. */
    focal: atMost(1.5, 3, { unit: '%', source: 'proposed' }),
    principal: atMost(3, 8, { unit: 'px', source: 'proposed' }),
    square: atMost(2, 5, { unit: '%', source: 'proposed' }),
  },
  ground: {
    /** Four determine it, the others test it. */
    points: atLeast(5, 4, { unit: '', source: 'proposed' }),
    reprojection: atMost(2, 4, { unit: 'px', source: 'proposed' }),
    /** A point against the fit of all others, in its standard deviations. */
    leftOut: atMost(3, 5, { unit: 'sigmas', source: 'proposed' }),
  },
  imu: {
    gyroNoise: atMost(0.2, 0.5, { unit: '°/s', source: 'proposed' }),
    gyroBias: atMost(5, 20, { unit: '°/s', source: 'MPU-9250 data sheet: zero-rate output ± 5' }),
    gravity: atMost(0.15, 0.5, { unit: 'm/s²', source: 'proposed' }),
    /** Standard error of the bias; what a longer rest improves. */
    biasError: atMost(0.02, 0.05, { unit: '°/s', source: 'proposed' }),
    /** Change of the bias from the first third to the last. */
    drift: atMost(0.05, 0.2, { unit: '°/s', source: 'proposed' }),
  },
  time: {
    /** Data that comes late spoils the distance, not the drift, whose own error is judged: so it is no reason to fail. */
    residual: atMost(1, Number.POSITIVE_INFINITY, { unit: 'ms', source: 'proposed' }),
    drift: atMost(100, 200, { unit: 'ppm', source: 'proposed: crystals are good for 50 each' }),
    driftError: atMost(1, 5, { unit: 'ppm', source: 'proposed' }),
    back: atMost(0, 0, { unit: 'times', source: 'proposed' }),
  },
} as const satisfies Record<string, Record<string, Limit>>

export function verdictOf(value: number, limit: Limit): Verdict {
  const within = (bound: number) => (limit.sense === 'at most' ? value <= bound : value >= bound)
  if (Number.isNaN(value)) return 'FAIL'
  if (within(limit.pass)) return 'PASS'
  return within(limit.warn) ? 'WARN' : 'FAIL'
}

/** A judged number; `note` says what to do when it is not PASS. */
export function judged(name: string, value: number, by: { limit: Limit; note: string }): Row {
  const { limit, note } = by
  const verdict = verdictOf(value, limit)
  return {
    name,
    value: Number.isFinite(value) ? value : null,
    unit: limit.unit,
    limit: `${limit.sense} ${numberText(limit.pass)}${limit.unit === '' ? '' : ` ${limit.unit}`}`,
    verdict,
    ...(verdict !== 'PASS' && { note }),
  }
}

/** A number that is told and not judged. */
export function told(name: string, value: number, unit: string): Row {
  return {
    name,
    value: Number.isFinite(value) ? value : null,
    unit,
    limit: '',
    verdict: 'PASS',
  }
}

/** Something that makes every other number worthless. */
export function failed(name: string, note: string): Row {
  return { name, value: null, unit: '', limit: '', verdict: 'FAIL', note }
}
