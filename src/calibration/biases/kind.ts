import type { Preset } from '../../davis346/schema.js'
import type { EventBatch } from '../../events/batch.js'
import { EvtrackError } from '../../events/errors.js'
import type { Gap } from '../../events/signals.js'
import type {
  CalibrationKind,
  Measurement,
  MeasurementContext,
  Outcome,
  Progress,
} from '../kind.js'
import { rateCurve } from '../pictures/biases.js'
import type { Depiction } from '../pictures/depiction.js'
import { fullView } from '../prepare.js'
import type { BiasesOptions } from '../schema.js'
import { decide, distance, FRESH, type Goals, type Memory, type Seen } from './controller.js'
import { goalsOf } from './goals.js'
import { type Knobs, knobsOf, sameKnobs, withKnobs } from './knobs.js'
import { NoiseMeter } from './noise-meter.js'
import { type BiasesResult, outcomeOf } from './outcome.js'
import { RateMeter } from './rate-meter.js'
import type { Step } from './steps.js'

/** Nothing counts so soon after a change: biases settle for 100 ms (jAER), and what was under way still arrives. */
export const IGNORED_US = 120_000
/** Windows: what was found; steering far from the goals and near them; the last word. */
export const FOUND_US = 1_000_000
export const FAR_US = 400_000
export const NEAR_US = 800_000
export const VERIFIED_US = 3_000_000
/** Far means beyond the goals by this factor. */
const FAR = Math.log(3)
const STEERING_MARGIN = 1.25
const TRACE_US = 200_000

export const biasesKind: CalibrationKind<BiasesOptions> = {
  name: 'biases',
  title: 'Biases of the event pixels',
  ask: 'Point the camera at the scene in which it will work, with things moving in it as they will.',
  needs: ['events'],
  seconds: 30,
  dataVersion: 1,
  needsCamera: true,
  emulated: 'moving',
  // Counted is what the pixels do: filters of the camera come behind them.
  prepare: (preset) => fullView(preset, { images: preset.aps.run }),
  create: (context) => new BiasLoop(context),
}

/**
 * Closes the loop on the camera: reads rate, bursts, balance and noise, turns one step, lets it settle, reads again. The
 * last word is a longer reading of the biases that stay.
 */
class BiasLoop implements Measurement {
  readonly #context: MeasurementContext<BiasesOptions>
  readonly #goals: Goals
  readonly #found: Preset
  readonly #rate = new RateMeter()
  readonly #noise: NoiseMeter
  readonly #steps: Step[] = []
  readonly #trace: (readonly [number, number])[] = []
  #preset: Preset
  #wanted: Preset | undefined
  #memory: Memory = FRESH
  #windowUs = FOUND_US
  #verifying = false
  #finalRun = false
  #settledSeconds = 0
  #done = false
  #changes = 0
  #startUs = Number.NaN
  #nowUs = Number.NaN
  /** Seconds measured before device time started again. */
  #before = 0
  #countFromUs = Number.NEGATIVE_INFINITY
  #tracedUs = Number.NaN
  #traced = 0

  constructor(context: MeasurementContext<BiasesOptions>) {
    const { preset, options, size } = context
    if (preset === undefined) {
      throw new EvtrackError('CALIBRATION_FAILED', 'Biases can only be found on a camera.', {
        next: 'Run it on the camera: leave --from out.',
      })
    }
    this.#context = context
    this.#goals = goalsOf(options)
    this.#found = preset
    this.#preset = preset
    this.#noise = new NoiseMeter(size)
    this.#rate.restart(Number.NaN)
  }

  events(batch: EventBatch): void {
    const { length, t0Us, dtUs } = batch
    if (length === 0) return
    const lastUs = t0Us + dtUs[length - 1]!
    this.#pass(lastUs)
    this.#sample(lastUs, length)
    let from = 0
    if (this.#wanted !== undefined) from = length
    else while (from < length && t0Us + dtUs[from]! < this.#countFromUs) from++
    this.#noise.add(batch, from)
    this.#rate.add(batch, from)
    this.#judge()
  }

  time(tUs: number): void {
    this.#pass(tUs)
    this.#sample(tUs, 0)
    if (this.#wanted === undefined && tUs >= this.#countFromUs) this.#rate.time(tUs)
    this.#judge()
  }

  gap({ reason }: Gap): void {
    if (reason !== 'reset' && reason !== 'reconnect') return
    this.#before = this.#seconds()
    this.#startUs = Number.NaN
    this.#nowUs = Number.NaN
    this.#tracedUs = Number.NaN
    this.#noise.reset()
    this.#restart(Number.NaN)
  }

  #pass(tUs: number): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = tUs
    if (!(tUs < this.#nowUs)) this.#nowUs = tUs
  }

  #seconds(): number {
    return this.#before + (Number.isNaN(this.#nowUs) ? 0 : (this.#nowUs - this.#startUs) / 1e6)
  }

  #sample(tUs: number, events: number): void {
    if (Number.isNaN(this.#tracedUs)) this.#tracedUs = tUs
    this.#traced += events
    if (tUs - this.#tracedUs < TRACE_US) return
    this.#trace.push([this.#seconds(), (1e6 * this.#traced) / (tUs - this.#tracedUs)])
    this.#tracedUs = tUs
    this.#traced = 0
  }

  #restart(fromUs: number): void {
    this.#countFromUs = Number.isNaN(fromUs) ? Number.NEGATIVE_INFINITY : fromUs
    this.#rate.restart(fromUs)
    this.#noise.restart()
  }

  #judge(): void {
    if (this.#done || this.#wanted !== undefined) return
    if (this.#rate.seconds * 1e6 < this.#windowUs) return
    const seen = this.#read()
    const knobs = knobsOf(this.#preset)
    const late = this.#seconds() > this.#context.seconds - (VERIFIED_US + FOUND_US) / 1e6
    const decision = decide(seen, knobs, {
      goals: this.#goals,
      memory: this.#memory,
      margin: this.#verifying ? 1 : STEERING_MARGIN,
    })
    this.#memory = decision.memory
    this.#steps.push({ atSeconds: this.#seconds(), knobs, seen, why: decision.why })
    if (this.#finalRun) this.#done = true
    else if (late) this.#lastRun(knobs)
    else if (decision.knobs !== undefined) this.#turn(decision.knobs)
    else if (this.#verifying) this.#settle()
    else this.#verify()
  }

  /** There is no time for more steering: the best there was has the last word. */
  #lastRun(knobs: Knobs): void {
    this.#finalRun = true
    const best = this.#best()
    this.#verifying = true
    this.#windowUs = VERIFIED_US
    if (sameKnobs(best.knobs, knobs)) this.#restart(this.#nowUs)
    else this.#want(best.knobs)
  }

  #turn(knobs: Knobs): void {
    this.#verifying = false
    const off = distance(this.#steps.at(-1)!.seen, this.#goals)
    this.#windowUs = off > FAR ? FAR_US : NEAR_US
    this.#want(knobs)
  }

  #verify(): void {
    this.#verifying = true
    this.#windowUs = VERIFIED_US
    this.#restart(this.#nowUs)
  }

  #settle(): void {
    // Where nothing more could be turned, what was found may still have been nearer.
    const best = this.#best()
    const last = this.#steps.at(-1)!
    if (sameKnobs(best.knobs, last.knobs) || distance(last.seen, this.#goals) === 0) {
      this.#done = true
    } else this.#lastRun(last.knobs)
  }

  /** The reading nearest to the goals; of equals the latest. */
  #best(): Step {
    return this.#steps.reduce((best, step) =>
      distance(step.seen, this.#goals) <= distance(best.seen, this.#goals) + 0.02 ? step : best,
    )
  }

  #want(knobs: Knobs): void {
    // Back to what was found means its very codes.
    const same = sameKnobs(knobs, knobsOf(this.#found))
    this.#wanted = same ? this.#found : withKnobs(this.#preset, knobs)
  }

  #read(): Seen {
    const { seconds, perSecond, p99PerSecond, on, off } = this.#rate.read()
    const onOff = on + off < 100 ? Number.NaN : Math.max(1, on) / Math.max(1, off)
    const noiseHz = this.#noise.read(seconds)
    const { lonelyShare } = this.#noise
    return { seconds, perSecond, p99PerSecond, onOff, noiseHz, lonelyShare }
  }

  want(): Preset | undefined {
    return this.#wanted
  }

  applied(preset: Preset): void {
    this.#preset = preset
    this.#wanted = undefined
    this.#changes++
    this.#settledSeconds = this.#seconds()
    this.#restart(this.#nowUs + IGNORED_US)
  }

  done(): boolean {
    return this.#done
  }

  depict(): Depiction | undefined {
    if (this.#trace.length === 0) return undefined
    const { minPerSecond, maxPerSecond } = this.#goals
    return rateCurve({
      trace: [...this.#trace],
      readings: this.#steps.map(({ atSeconds, seen }) => [atSeconds, seen.perSecond] as const),
      band: { from: minPerSecond, to: maxPerSecond },
      doing: this.progress().text,
    })
  }

  progress(): Progress {
    const last = this.#steps.at(-1)
    const { minPerSecond, maxPerSecond } = this.#goals
    const now = this.#trace.at(-1)?.[1] ?? 0
    const doing = this.#verifying ? 'holding' : this.#steps.length === 0 ? 'looking' : 'turning'
    const noise = last === undefined ? '' : `, noise ${last.seen.noiseHz.toFixed(2)} Hz a pixel`
    const knobs = knobsOf(this.#preset)
    return {
      text: `${doing}: ${Math.round(now / 1000)} k events/s${noise}`,
      figures: {
        events_per_second: now,
        band_from: minPerSecond,
        band_to: maxPerSecond,
        on_threshold: knobs.onThreshold,
        off_threshold: knobs.offThreshold,
        changes: this.#changes,
        ...(last !== undefined && { noise_hz: last.seen.noiseHz, on_off: last.seen.onOff || 0 }),
      },
    }
  }

  finish(): Outcome {
    const first = this.#steps[0]
    const result: BiasesResult | undefined = first && {
      found: first,
      kept: this.#kept(first),
      steps: this.#steps,
      changes: this.#changes,
      settledSeconds: this.#settledSeconds,
    }
    return outcomeOf(result, {
      goals: this.#goals,
      found: this.#found,
      trace: this.#trace,
    })
  }

  /** Never worse than what was found. */
  #kept(found: Step): Step {
    const last = this.#done ? this.#steps.at(-1)! : this.#best()
    const better = distance(last.seen, this.#goals) <= distance(found.seen, this.#goals)
    return better ? last : found
  }
}
