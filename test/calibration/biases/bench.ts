import { goalsOf } from '../../../src/calibration/biases/goals.js'
import { biasesKind } from '../../../src/calibration/biases/kind.js'
import type { Outcome } from '../../../src/calibration/kind.js'
import { calibrationSchema } from '../../../src/calibration/schema.js'
import type { Stimulus } from '../../../src/davis346/emulator/stimulus.js'
import { pixelCurrents, pixelResponse } from '../../../src/davis346/pixel-response.js'
import type { Preset } from '../../../src/davis346/schema.js'
import { createBatch } from '../../../src/events/batch.js'
import type { Size } from '../../../src/events/geometry.js'

/** What a run showed, for the truth to be held against. */
export interface Run {
  readonly outcome: Outcome
  /** Device time of each change, seconds. */
  readonly changes: readonly number[]
  readonly presets: readonly Preset[]
  readonly seconds: number
}

const STEP_US = 10_000
/** A change takes so long to reach the camera. */
const LATENCY_US = 10_000

export const OPTIONS = calibrationSchema.parse({}).biases
export const GOALS = goalsOf(OPTIONS)

/** The loop in simulated time: the same measurement that the runner drives, without a clock. */
export function runLoop(of: {
  readonly preset: Preset
  readonly stimulus: Pick<Stimulus, 'next' | 'bias'>
  readonly size: Size
  readonly seconds?: number
  readonly options?: Partial<typeof OPTIONS>
  /** Device time starts again at 0 here. */
  readonly resetAtUs?: number
}): Run {
  const { preset, stimulus, size, seconds = 30 } = of
  const measurement = biasesKind.create({
    size,
    seconds,
    options: { ...OPTIONS, ...of.options },
    preset,
    others: [],
  })
  const set = (next: Preset) => stimulus.bias?.(pixelResponse(pixelCurrents(next.biases)))
  set(preset)
  const changes: number[] = []
  const presets: Preset[] = []
  const copy = createBatch(65_536)
  let pending: { preset: Preset; atUs: number } | undefined
  let tUs = 0
  let resetUs = 0
  for (; tUs < seconds * 1e6 && !measurement.done?.(); tUs += STEP_US) {
    for (let batch = stimulus.next(tUs); batch && batch.length > 0; batch = stimulus.next(tUs)) {
      copy.t0Us = batch.t0Us - resetUs
      copy.length = batch.length
      copy.dtUs.set(batch.dtUs.subarray(0, batch.length))
      copy.x.set(batch.x.subarray(0, batch.length))
      copy.y.set(batch.y.subarray(0, batch.length))
      copy.on.set(batch.on.subarray(0, batch.length))
      measurement.events?.(copy)
    }
    measurement.time?.(tUs - resetUs, tUs)
    if (of.resetAtUs !== undefined && resetUs === 0 && tUs >= of.resetAtUs) {
      resetUs = tUs
      measurement.gap?.({ reason: 'reset', tUs: 0 })
    }
    if (pending !== undefined && tUs >= pending.atUs) {
      set(pending.preset)
      measurement.applied?.(pending.preset, tUs)
      changes.push(tUs / 1e6)
      presets.push(pending.preset)
      pending = undefined
    }
    const wanted = pending === undefined ? measurement.want?.() : undefined
    if (wanted !== undefined) pending = { preset: wanted, atUs: tUs + LATENCY_US }
  }
  return { outcome: measurement.finish(), changes, presets, seconds: tUs / 1e6 }
}
