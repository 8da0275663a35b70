import type { Register, RegisterName } from '../registers.js'
import { BIASES, MODULE, PIXEL_FILTER_SLOTS, pixelFilterRegisters, REG } from '../registers.js'
import { type CameraIdentity, powerUpValues, rawSize, readOnlyValues } from './identity.js'

type CounterName =
  | 'muxStatisticsExternalDropped'
  | 'muxStatisticsDvsDropped'
  | 'dvsStatisticsRows'
  | 'dvsStatisticsColumns'
  | 'dvsStatisticsDropped'
  | 'dvsStatisticsFilteredPixels'
  | 'dvsStatisticsFilteredBackgroundActivity'
  | 'dvsStatisticsFilteredRefractory'

const keyOf = (module: number, parameter: number): number => module * 0x10000 + parameter

/**
 * Module and parameter to 32-bit value. Unknown addresses read 0 and ignore writes, as do read-only ones; a value is
 * cut to the register's width. Counters are 64 bits: upper half at their address, lower half at the next.
 */
export class RegisterFile {
  /** Numbers that statistics registers show; the producers add to them. */
  readonly counters: Record<CounterName, number> = {
    muxStatisticsExternalDropped: 0,
    muxStatisticsDvsDropped: 0,
    dvsStatisticsRows: 0,
    dvsStatisticsColumns: 0,
    dvsStatisticsDropped: 0,
    dvsStatisticsFilteredPixels: 0,
    dvsStatisticsFilteredBackgroundActivity: 0,
    dvsStatisticsFilteredRefractory: 0,
  }
  readonly #values = new Map<number, number>()
  readonly #writable = new Map<number, Register>()
  readonly #counterAt = new Map<number, { name: CounterName; upper: boolean }>()

  constructor(identity: CameraIdentity) {
    for (const [name, register] of Object.entries(REG)) {
      const { module, parameter } = register
      if (register.bits === 64) {
        if (!identity.has.statistics) continue
        const counter = name as CounterName
        this.#counterAt.set(keyOf(module, parameter), { name: counter, upper: true })
        this.#counterAt.set(keyOf(module, parameter + 1), { name: counter, upper: false })
      } else if (!register.readOnly) {
        this.#writable.set(keyOf(module, parameter), register)
      }
    }
    for (const { parameter } of BIASES) {
      const register = { module: MODULE.bias, parameter, bits: 16, readOnly: false }
      this.#writable.set(keyOf(MODULE.bias, parameter), register)
    }
    const { columns, rows } = rawSize(identity)
    for (let slot = 0; slot < PIXEL_FILTER_SLOTS; slot++) {
      const { row, column } = pixelFilterRegisters(slot)
      for (const [register, off] of [
        [row, rows],
        [column, columns],
      ] as const) {
        const key = keyOf(register.module, register.parameter)
        this.#writable.set(key, register)
        this.#values.set(key, off)
      }
    }
    const initial = { ...readOnlyValues(identity), ...powerUpValues(identity) }
    for (const [name, value] of Object.entries(initial)) {
      const { module, parameter } = REG[name as RegisterName]
      this.#values.set(keyOf(module, parameter), Number(value))
    }
  }

  read(module: number, parameter: number): number {
    const key = keyOf(module, parameter)
    const counter = this.#counterAt.get(key)
    if (counter) {
      const value = this.counters[counter.name]
      return counter.upper ? Math.floor(value / 2 ** 32) : value % 2 ** 32
    }
    return this.#values.get(key) ?? 0
  }

  write(module: number, parameter: number, value: number): void {
    const key = keyOf(module, parameter)
    const register = this.#writable.get(key)
    if (register) this.#values.set(key, value % 2 ** register.bits)
  }

  get(register: Register): number {
    return this.read(register.module, register.parameter)
  }

  on(register: Register): boolean {
    return this.get(register) !== 0
  }
}
