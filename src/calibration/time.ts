import type { EventBatch } from '../events/batch.js'
import type { Gap } from '../events/signals.js'
import { BIN_US, fitClock, MIN_BINS, PairCollector } from './clock-fit.js'
import type { CalibrationKind, Measurement, Outcome, Progress } from './kind.js'
import { failed, judged, LIMITS, told } from './limits.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { clockCurve } from './pictures/time.js'

export const timeKind: CalibrationKind<Record<string, never>> = {
  name: 'time',
  title: 'Clock',
  ask: 'Nothing to do: the camera may look at anything.',
  needs: [],
  seconds: 60,
  dataVersion: 1,
  needsCamera: true,
  emulated: 'still',
  // What comes late because pictures are in its way would only blur the line.
  prepare: (preset) => ({ ...preset, aps: { ...preset.aps, run: false } }),
  create: () => new ClockMeasurement(),
}

class ClockMeasurement implements Measurement {
  readonly #pairs = new PairCollector()

  events({ length, t0Us, dtUs, hostUs }: EventBatch): void {
    if (length > 0) this.#pairs.add(t0Us + dtUs[length - 1]!, hostUs)
  }

  time(tUs: number, hostUs: number): void {
    this.#pairs.add(tUs, hostUs)
  }

  gap({ reason }: Gap): void {
    if (reason === 'reset' || reason === 'reconnect') this.#pairs.restart()
  }

  progress(): Progress {
    const run = this.#pairs.longest()
    const fit = fitClock(run)
    if (fit === undefined) return { text: `${run.length} pairs`, figures: { pairs: run.length } }
    return {
      text: `drift ${fit.driftPpm.toFixed(2)} ± ${fit.driftErrorPpm.toFixed(2)} ppm`,
      figures: {
        pairs: run.length,
        drift_ppm: fit.driftPpm,
        drift_error_ppm: fit.driftErrorPpm,
      },
    }
  }

  depict(): Depiction | undefined {
    const fit = fitClock(this.#pairs.longest())
    return fit && clockCurve(fit)
  }

  finish(): Outcome {
    const run = this.#pairs.longest()
    const fit = fitClock(run)
    const { restarts, backwards } = this.#pairs
    if (fit === undefined) {
      const least = ((MIN_BINS * BIN_US) / 1e6).toFixed(0)
      const note =
        restarts > 0
          ? 'The camera restarts its clock again and again: look at its sync cable and its power.'
          : `The camera must send data for at least ${least} s.`
      return { rows: [failed('clock pairs', note)], data: {}, pictures: [], exports: [] }
    }
    const sorted = [...fit.residualsUs].sort((a, b) => a - b)
    const residualMs = sorted[Math.floor(0.99 * (sorted.length - 1))]! / 1000
    const limits = LIMITS.time
    const { driftPpm, driftErrorPpm, offsetUs, referenceUs } = fit
    const rows = [
      judged('drift of the host against the camera', Math.abs(driftPpm), {
        limit: limits.drift,
        note: 'Two crystals do not differ that much: is the host slewing its clock, or the camera a sync slave?',
      }),
      judged('drift known to', driftErrorPpm, {
        limit: limits.driftError,
        note: 'Measure longer (--duration 120), and keep the computer calm meanwhile.',
      }),
      judged('distance from the line, 99 %', residualMs, {
        limit: limits.residual,
        note: 'The computer takes data late: end other programs, use another USB port.',
      }),
      judged('camera time went back', backwards, {
        limit: limits.back,
        note: 'Device time must not go back: replug the camera, and update its logic.',
      }),
      told('clock restarts', restarts, ''),
      told('time fitted', (run.at(-1)!.deviceUs - run[0]!.deviceUs) / 1e6, 's'),
    ]
    return {
      rows,
      data: { driftPpm, driftErrorPpm, offsetUs, referenceUs, residualMs, restarts, backwards },
      settings: { clock: { driftPpm, driftErrorPpm } },
      pictures: [pictureOf('clock', clockCurve(fit), rows[1])],
      exports: [],
    }
  }
}
