import type { Test } from 'tap'
import {
  clampKnobs,
  type Knobs,
  knobsOf,
  sameKnobs,
} from '../../../src/calibration/biases/knobs.js'
import type { Outcome } from '../../../src/calibration/kind.js'
import type { Run } from './bench.js'

export interface Kept extends Knobs {
  readonly perSecond: number
  readonly noiseHz: number
  readonly onOff: number
}
export const kept = (outcome: Outcome) => outcome.data['kept'] as Kept
export const rowsText = ({ rows }: Outcome) =>
  rows.map((row) => `${row.verdict} ${row.name} ${row.value}`).join('; ')

/** What holds for every run, whatever the camera or the scene. */
export function wellBehaved(t: Test, { changes, presets, seconds }: Run): void {
  t.ok(seconds <= 30, `${seconds} s`)
  for (let i = 1; i < changes.length; i++)
    t.ok(changes[i]! - changes[i - 1]! >= 0.3, '300 ms between changes')
  for (const preset of presets.slice(0, -1)) {
    const knobs = knobsOf(preset)
    const clamped = clampKnobs(knobs)
    t.ok(sameKnobs(knobs, clamped), `within the safe range: ${JSON.stringify(knobs)}`)
  }
}
