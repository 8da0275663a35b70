import { DAVIS346_SIZE } from '../../events/geometry.js'
import { REG } from '../registers.js'
import { exposureWords, roiWords, SPECIAL, sampleWord } from '../words.js'
import { planFrame, type Step } from './aps-plan.js'
import { type CameraIdentity, cyclesPerUs } from './identity.js'
import type { RegisterFile } from './register-file.js'

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE

/** Samples the column-parallel ADC delivers per microsecond; a full frame takes 20 ms. The real value is not known. */
const SAMPLES_PER_US = 9

/** How often a stalled readout looks for room. */
const RETRY_US = 100

/** What was latched when the frame started. */
interface Frame {
  readonly startUs: number
  readonly global: boolean
  readonly exposureCycles: number
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** Columns and rows as read out, raw. */
  readonly columns: number
  readonly rows: number
  readonly steps: readonly Step[]
}

/**
 * The APS module: exposure, readout and frame interval, global and rolling shutter, ROI. A frame that has started is
 * always completed, so a 1 and a 0 written to RUN at once make a snapshot. Other words may appear in the middle of a
 * column, as on the real multiplexer.
 */
export class ApsProducer {
  /** Uptime of the next step, infinite when idle. */
  nextUs = Number.POSITIVE_INFINITY
  readonly #registers: RegisterFile
  readonly #identity: CameraIdentity
  readonly #picture = new Uint16Array(WIDTH * HEIGHT)
  #frame: Frame | undefined
  #step = 0
  #running = false
  #biased = true

  constructor(registers: RegisterFile, identity: CameraIdentity) {
    this.#registers = registers
    this.#identity = identity
  }

  /** RUN was written: a rising edge requests a frame. */
  run(on: boolean, nowUs: number): void {
    if (on && !this.#running && !this.#frame) this.nextUs = nowUs
    if (!on && !this.#frame && this.nextUs > nowUs) this.nextUs = Number.POSITIVE_INFINITY
    this.#running = on
  }

  /** The bias generator lost power: the frame is gone. */
  abort(): void {
    this.#frame = undefined
    this.#running = false
    this.nextUs = Number.POSITIVE_INFINITY
  }

  /** A step could not leave: the readout waits. */
  postpone(nowUs: number): void {
    const frame = this.#frame
    const retryUs = nowUs + RETRY_US
    if (frame) this.#frame = { ...frame, startUs: frame.startUs + retryUs - this.nextUs }
    this.nextUs = retryUs
  }

  /** True when the next step begins a frame, which then needs a picture. */
  get starting(): boolean {
    return this.#frame === undefined
  }

  /** Latches the registers. `draw` fills the picture; `biased` tells whether the readout has its biases. */
  begin(nowUs: number, options: { draw: (into: Uint16Array) => void; biased: boolean }): void {
    this.#picture.fill(0)
    options.draw(this.#picture)
    this.#biased = options.biased
    const r = this.#registers
    const x = Math.min(r.get(REG.apsStartColumn), WIDTH - 1)
    const y = Math.min(r.get(REG.apsStartRow), HEIGHT - 1)
    const width = Math.max(1, Math.min(r.get(REG.apsEndColumn), WIDTH - 1) + 1 - x)
    const height = Math.max(1, Math.min(r.get(REG.apsEndRow), HEIGHT - 1) + 1 - y)
    const swap = this.#identity.variant === 'B'
    const columns = swap ? height : width
    const rows = swap ? width : height
    const global = this.#identity.has.globalShutter && r.on(REG.apsGlobalShutter)
    const exposureCycles = r.get(REG.apsExposure)
    const exposureUs = exposureCycles / cyclesPerUs(this.#identity, 'adc')
    const steps = planFrame({ columns, columnUs: rows / SAMPLES_PER_US, exposureUs, global })
    this.#frame = {
      startUs: nowUs,
      global,
      exposureCycles,
      x,
      y,
      width,
      height,
      columns,
      rows,
      steps,
    }
    this.#step = 0
  }

  /** The words of the next step. */
  words(): Uint16Array {
    const frame = this.#frame!
    const step = frame.steps[this.#step]!
    if (step.kind === 'start') {
      const special = frame.global ? SPECIAL.globalFrameStart : SPECIAL.rollingFrameStart
      const roi = roiWords({
        startColumn: frame.x,
        startRow: frame.y,
        endColumn: frame.x + frame.width - 1,
        endRow: frame.y + frame.height - 1,
      })
      return Uint16Array.from([special, ...roi, ...exposureWords(frame.exposureCycles)])
    }
    if (step.kind === 'exposureStart') return Uint16Array.of(SPECIAL.exposureStart)
    if (step.kind === 'exposureEnd') return Uint16Array.of(SPECIAL.exposureEnd)
    if (step.kind === 'end') return Uint16Array.of(SPECIAL.frameEnd)
    const half = frame.rows >> 1
    if (step.kind === 'column') {
      const words = new Uint16Array(1 + half)
      words[0] = step.signal ? SPECIAL.signalColumnStart : SPECIAL.resetColumnStart
      for (let row = 0; row < half; row++) words[1 + row] = this.#sample(step, row)
      return words
    }
    const words = new Uint16Array(frame.rows - half)
    for (let row = half; row < frame.rows; row++) words[row - half] = this.#sample(step, row)
    return words
  }

  /** True when the step's words need a timestamp in front (samples never do). */
  get stamped(): boolean {
    return this.#frame!.steps[this.#step]!.kind !== 'rest'
  }

  /** True when the column closes: its end word follows with a timestamp of its own. */
  get closesColumn(): boolean {
    return this.#frame!.steps[this.#step]!.kind === 'rest'
  }

  /** The step has left (or was lost): schedules the next one. */
  advance(nowUs: number): void {
    const frame = this.#frame!
    const next = frame.steps[++this.#step]
    if (next) {
      this.nextUs = Math.max(nowUs, frame.startUs + Math.round(next.atUs))
      return
    }
    this.#frame = undefined
    const intervalUs = Math.round(
      this.#registers.get(REG.apsFrameInterval) / cyclesPerUs(this.#identity, 'adc'),
    )
    this.nextUs = this.#running
      ? Math.max(nowUs + 1, frame.startUs + intervalUs)
      : Number.POSITIVE_INFINITY
  }

  /**
   * Brightness v (0..1023) is the drop from the reset level to the signal level. The reset level is at least 800 and
   * high enough for the drop. Without readout biases the ADC gives 0.
   */
  #sample(step: Step, row: number): number {
    if (!this.#biased) return sampleWord(0)
    const frame = this.#frame!
    const { apsFlip, variant } = this.#identity
    const cx = apsFlip.x ? frame.columns - 1 - step.column : step.column
    const cy = apsFlip.y ? frame.rows - 1 - row : row
    const px = frame.x + (variant === 'B' ? cy : cx)
    const py = frame.y + (variant === 'B' ? cx : cy)
    const value = Math.min(1023, this.#picture[py * WIDTH + px]!)
    const reset = Math.min(1023, Math.max(800, value + 1))
    return sampleWord(step.signal ? reset - value : reset)
  }
}
