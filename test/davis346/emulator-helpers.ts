import { type CameraIdentity, DEFAULT_IDENTITY } from '../../src/davis346/emulator/identity.js'
import { Davis346Model } from '../../src/davis346/emulator/model.js'
import { type Script, scriptedStimulus } from '../../src/davis346/emulator/stimulus.js'
import { BIASES, MODULE, REG, type Register } from '../../src/davis346/registers.js'

/** A model with a host that reads registers and takes every word. */
export class ModelBench {
  readonly model: Davis346Model

  constructor(script: Script = {}, identity: Partial<CameraIdentity> = {}) {
    this.model = new Davis346Model({
      identity: { ...DEFAULT_IDENTITY, ...identity },
      stimulus: scriptedStimulus(script),
    })
  }

  set(register: Register, value: number): this {
    this.model.write(register.module, register.parameter, value)
    return this
  }

  /** Every bias enabled, bias generator on. */
  power(): this {
    for (const { parameter } of BIASES) this.model.write(MODULE.bias, parameter, 0x5fff)
    return this.set(REG.muxRunChip, 1)
  }

  /** USB, timestamps and multiplexer on; producers still off. */
  transport(): this {
    return this.set(REG.usbRun, 1).set(REG.muxTimestampRun, 1).set(REG.muxRun, 1)
  }

  advance(us: number): this {
    const until = this.model.nowUs + us
    this.model.advance(until, until)
    return this
  }

  /** Takes everything queued, early packet or not, as words. */
  words(): number[] {
    const words: number[] = []
    this.model.fifo.handOver()
    const buffer = new Uint8Array(65536)
    while (this.model.fifo.readable) {
      const { offset } = this.model.fifo.read(buffer, 0)
      for (let i = 0; i + 1 < offset; i += 2) words.push(buffer[i]! | (buffer[i + 1]! << 8))
    }
    return words
  }

  read(register: Register): number {
    return this.model.registers.get(register)
  }

  /** Lower half of a 64-bit counter. */
  counter(register: Register): number {
    return this.model.registers.read(register.module, register.parameter + 1)
  }
}
