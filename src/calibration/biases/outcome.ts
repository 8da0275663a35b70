import { PIXEL_BIASES, type PixelBiases } from '../../davis346/pixel-response.js'
import type { Preset } from '../../davis346/schema.js'
import type { Outcome, Picture, Row } from '../kind.js'
import { failed, judged, LIMITS, type Limit, told } from '../limits.js'
import { noiseCurve, rateCurve, thresholdCurve } from '../pictures/biases.js'
import { pictureOf } from '../pictures/depiction.js'
import { type Goals, MOST_LONELY, type Seen } from './controller.js'
import { type Knobs, knobsOf, sameKnobs, withKnobs } from './knobs.js'
import type { Step } from './steps.js'

export interface BiasesResult {
  readonly found: Step
  /** What stays: the last word, or what was found where that was better. */
  readonly kept: Step
  readonly steps: readonly Step[]
  readonly changes: number
  /** Since the start, at the last change. */
  readonly settledSeconds: number
}

interface Circumstances {
  readonly goals: Goals
  /** The camera's settings at the start. */
  readonly found: Preset
  /** Seconds, events a second. */
  readonly trace: readonly (readonly [number, number])[]
}

/** Below the band by this factor nothing moves. */
const STILL = 20

export function outcomeOf(result: BiasesResult | undefined, of: Circumstances): Outcome {
  if (result === undefined) {
    const note = 'The camera sent too little to say anything: run again, for 30 seconds.'
    return { rows: [failed('event rate', note)], data: {}, pictures: [], exports: [] }
  }
  const { found, kept } = result
  const unchanged = sameKnobs(found.knobs, kept.knobs)
  const preset = unchanged ? of.found : withKnobs(of.found, kept.knobs)
  const biases = pixelBiases(preset)
  const rows = rowsOf(result, of, unchanged)
  return {
    rows,
    data: { found: plain(found), kept: plain(kept), steps: result.steps.map(plain), biases },
    ...(!unchanged && { settings: { preset: { biases } } }),
    pictures: picturesOf(result, of, rows),
    exports: [{ name: 'preset.json', content: presetFile(preset) }],
  }
}

function pixelBiases(preset: Preset): PixelBiases {
  return Object.fromEntries(
    PIXEL_BIASES.map((name) => [name, preset.biases[name]]),
  ) as unknown as PixelBiases
}

/** A preset of one's own, to be laid beside the configuration. */
function presetFile(preset: Preset): string {
  const content = {
    description: 'Found by evtrackd calibrate biases',
    extends: 'default',
    biases: pixelBiases(preset),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

function plain({ atSeconds, knobs, seen, why }: Step) {
  return { atSeconds, why, ...knobs, ...seen, onOff: seen.onOff || null }
}

function rowsOf(result: BiasesResult, of: Circumstances, unchanged: boolean): Row[] {
  const { found, kept, steps, changes, settledSeconds } = result
  const { seen } = kept
  const { burst, noise, settled } = LIMITS.biases
  return [
    ...rateRows(seen, of),
    judged('bursts: 99th percentile of 10 ms', seen.p99PerSecond, {
      limit: burst,
      note: 'Short bursts exceed what the chip sends without loss: look for flicker or the sun in the picture; [guard] caps them in service.',
    }),
    balanceRow(seen),
    judged('noise', seen.noiseHz, {
      limit: {
        ...noise,
        pass: of.goals.noiseHz,
        warn: (of.goals.noiseHz * noise.warn) / noise.pass,
      },
      note: 'More noise than a camera should have at these thresholds: is it hot, or the scene very dark?',
    }),
    judged('settled after', settledSeconds, {
      limit: settled,
      note: 'The scene changed all the time: run again when it is as it will be.',
    }),
    told('changes', changes, ''),
    told('event rate as found', found.seen.perSecond, 'events/s'),
    told('noise as found', found.seen.noiseHz, 'events/s per pixel'),
    told('ON threshold, nominal', onPercent(kept.knobs), '% of light'),
    told('OFF threshold, nominal', offPercent(kept.knobs), '% of light'),
    ...(unchanged && steps.length > 1 && changes > 0 ? [keptRow()] : []),
  ]
}

const onPercent = ({ onThreshold }: Knobs) => 100 * Math.expm1(onThreshold)
const offPercent = ({ offThreshold }: Knobs) => -100 * Math.expm1(-offThreshold)

function keptRow(): Row {
  return {
    ...told('biases', Number.NaN, ''),
    verdict: 'WARN',
    note: 'Nothing tried was nearer to the goals than what was found: the biases stay as they were.',
  }
}

/** One row for the side of the band that matters. */
function rateRows(seen: Seen, { goals }: Circumstances): Row[] {
  const { minPerSecond, maxPerSecond } = goals
  const { perSecond, lonelyShare } = seen
  const unit = 'events/s'
  const limitOf = (sense: Limit['sense'], pass: number, warn: number): Limit => ({
    sense,
    pass,
    warn,
    unit,
    source: 'jAER: band of its bias control',
  })
  if (perSecond > Math.sqrt(minPerSecond * maxPerSecond)) {
    const limit = limitOf('at most', maxPerSecond, 3 * maxPerSecond)
    const note =
      'The whole picture moves, or a lamp flickers: narrow it with zones, or raise max_per_second.'
    return [judged('mean event rate', perSecond, { limit, note })]
  }
  const alone = lonelyShare > MOST_LONELY && perSecond < minPerSecond
  const limit = limitOf('at least', minPerSecond, alone ? minPerSecond : minPerSecond / STILL)
  const still = alone || perSecond < minPerSecond / STILL
  const note = still
    ? 'There is nothing but noise: is the lens covered, or does nothing move? Run again with the scene as it will be.'
    : 'Little moves, and thresholds cannot be lower for the noise or the safe range. Fine for a quiet scene; else more light or another lens.'
  return [judged('mean event rate', perSecond, { limit, note })]
}

function balanceRow({ onOff }: Seen): Row {
  const { balance } = LIMITS.biases
  const folded = Math.max(onOff, 1 / onOff)
  const row = judged('ON to OFF events', folded, {
    limit: balance,
    note: 'One polarity prevails: the light changes as a whole, or something flickers. Run again in steady light.',
  })
  const value = Number.isFinite(onOff) ? onOff : null
  return { ...row, value, limit: `${1 / balance.pass} to ${balance.pass}` }
}

function picturesOf(
  { kept, steps }: BiasesResult,
  { goals, found, trace }: Circumstances,
  rows: readonly Row[],
): Picture[] {
  const rowOf = (name: string) => rows.find((each) => each.name === name)
  const at = (value: (step: Step) => number) =>
    steps.map((step) => [step.atSeconds, value(step)] as const)
  const start = knobsOf(found)
  const stairs = (value: (knobs: Knobs) => number) => [
    [0, value(start)] as const,
    ...steps.flatMap((step, i) => [
      [steps[i - 1]?.atSeconds ?? 0, value(step.knobs)] as const,
      [step.atSeconds, value(step.knobs)] as const,
    ]),
  ]
  const rate = rateCurve({
    trace,
    readings: at(({ seen }) => seen.perSecond),
    band: { from: goals.minPerSecond, to: goals.maxPerSecond },
    keptAtSeconds: kept.atSeconds,
  })
  const thresholds = thresholdCurve(stairs(onPercent), stairs(offPercent))
  const noise = noiseCurve(
    at(({ seen }) => seen.noiseHz),
    goals.noiseHz,
  )
  return [
    pictureOf('rate', rate, rowOf('mean event rate')),
    pictureOf('thresholds', thresholds, rowOf('ON to OFF events')),
    pictureOf('noise', noise, rowOf('noise')),
  ]
}
