import { REG } from '../registers.js'
import { SPECIAL } from '../words.js'
import { type CameraIdentity, cyclesPerUs } from './identity.js'
import type { RegisterFile } from './register-file.js'

/** External input detector: which specials a level change gives. A pulse is reported at its trailing edge. */
export class ExternalDetector {
  readonly #registers: RegisterFile
  readonly #identity: CameraIdentity
  #pulseSince = Number.POSITIVE_INFINITY

  constructor(registers: RegisterFile, identity: CameraIdentity) {
    this.#registers = registers
    this.#identity = identity
  }

  specials(edge: { readonly tUs: number; readonly high: boolean }): number[] {
    const r = this.#registers
    const result: number[] = []
    const activeHigh = r.on(REG.externalDetectPulsePolarity)
    const minimumUs = r.get(REG.externalDetectPulseLength) / cyclesPerUs(this.#identity, 'logic')
    if (!r.on(REG.externalRunDetector)) {
      this.#pulseSince = Number.POSITIVE_INFINITY
      return result
    }
    if (edge.high && r.on(REG.externalDetectRising)) result.push(SPECIAL.externalRising)
    if (!edge.high && r.on(REG.externalDetectFalling)) result.push(SPECIAL.externalFalling)
    if (edge.high === activeHigh) {
      this.#pulseSince = edge.tUs
    } else {
      // The length register has the resolution of the logic clock, edges that of a microsecond.
      const lengthUs = edge.tUs - this.#pulseSince
      if (r.on(REG.externalDetectPulses) && lengthUs >= Math.floor(minimumUs))
        result.push(SPECIAL.externalPulse)
      this.#pulseSince = Number.POSITIVE_INFINITY
    }
    return result
  }
}

/** Signal generator: a square wave whose edges may be injected into the stream. */
export class SignalGenerator {
  /** Uptime of the next edge, infinite when off. */
  nextUs = Number.POSITIVE_INFINITY
  readonly #registers: RegisterFile
  readonly #identity: CameraIdentity
  #startUs = 0
  #edges = 0

  constructor(registers: RegisterFile, identity: CameraIdentity) {
    this.#registers = registers
    this.#identity = identity
  }

  configure(nowUs: number): void {
    const running = this.#identity.has.generator && this.#registers.on(REG.externalRunGenerator)
    if (!running) {
      this.nextUs = Number.POSITIVE_INFINITY
    } else if (this.nextUs === Number.POSITIVE_INFINITY) {
      this.#startUs = nowUs
      this.#edges = 0
      this.nextUs = nowUs
    }
  }

  /** The special of the edge that is due, or 0; schedules the next edge. */
  edge(): number {
    const r = this.#registers
    const cycles = cyclesPerUs(this.#identity, 'logic')
    const intervalUs = Math.max(2, r.get(REG.externalGeneratePulseInterval) / cycles)
    const lengthUs = Math.max(
      1,
      Math.min(intervalUs - 1, r.get(REG.externalGeneratePulseLength) / cycles),
    )
    const leading = this.#edges++ % 2 === 0
    const periodUs = this.#startUs + Math.floor(this.#edges / 2) * intervalUs
    this.nextUs = Math.round(this.#edges % 2 === 0 ? periodUs : periodUs + lengthUs)
    const rising = leading === r.on(REG.externalGeneratePulsePolarity)
    if (rising) return r.on(REG.externalInjectOnRising) ? SPECIAL.generatorRising : 0
    return r.on(REG.externalInjectOnFalling) ? SPECIAL.generatorFalling : 0
  }
}
