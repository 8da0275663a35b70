import { REG } from '../registers.js'
import { IMU_CONFIG, MISC8, misc8Word, SPECIAL, specialWord } from '../words.js'
import type { CameraIdentity } from './identity.js'
import type { RegisterFile } from './register-file.js'
import { AT_REST, type ImuReading } from './stimulus.js'

/** The IMU module: which groups run, their ranges, sample rate and axis flips. */
export class ImuProducer {
  /** Uptime of the next sample, infinite when off. */
  nextUs = Number.POSITIVE_INFINITY
  readonly #registers: RegisterFile
  readonly #identity: CameraIdentity

  constructor(registers: RegisterFile, identity: CameraIdentity) {
    this.#registers = registers
    this.#identity = identity
  }

  #running(): boolean {
    const r = this.#registers
    return (
      this.#identity.imuType !== 0 &&
      (r.on(REG.imuRunAccelerometer) || r.on(REG.imuRunGyroscope) || r.on(REG.imuRunTemperature))
    )
  }

  configure(nowUs: number): void {
    if (!this.#running()) this.nextUs = Number.POSITIVE_INFINITY
    else if (this.nextUs === Number.POSITIVE_INFINITY) this.nextUs = nowUs + this.#periodUs()
  }

  /** The base rate is 1 kHz, and 8 kHz when the gyroscope's low-pass filter is at 0 or 7. */
  #periodUs(): number {
    const r = this.#registers
    const dlpf = r.get(this.#identity.imuType === 1 ? REG.imuAccelDlpf : REG.imuGyroDlpf)
    const base = dlpf === 0 || dlpf === 7 ? 125 : 1000
    return base * (1 + r.get(REG.imuSampleRateDivider))
  }

  schedule(nowUs: number): void {
    this.nextUs = nowUs + this.#periodUs()
  }

  /** The words of one sample. */
  words(reading: ImuReading = AT_REST): Uint16Array {
    const r = this.#registers
    const accelScale = r.get(REG.imuAccelFullScale)
    const gyroScale = r.get(REG.imuGyroFullScale)
    const values: number[] = []
    let config =
      (accelScale << IMU_CONFIG.accelScaleShift) | (gyroScale << IMU_CONFIG.gyroScaleShift)
    if (r.on(REG.imuRunAccelerometer)) {
      config |= IMU_CONFIG.accelerometer
      values.push(...this.#axes(reading.accel, 65536 / (4 * 2 ** accelScale)))
    }
    if (r.on(REG.imuRunTemperature)) {
      config |= IMU_CONFIG.temperature
      const celsius = reading.temperatureC
      values.push(this.#identity.imuType === 2 ? (celsius - 21) * 333.87 : (celsius - 35) * 340)
    }
    if (r.on(REG.imuRunGyroscope)) {
      config |= IMU_CONFIG.gyroscope
      values.push(...this.#axes(reading.gyro, 65536 / (500 * 2 ** gyroScale)))
    }
    const bytes = values.flatMap((value) => {
      const raw = Math.max(-32768, Math.min(32767, Math.round(value)))
      return [(raw >> 8) & 0xff, raw & 0xff]
    })
    return Uint16Array.from([
      specialWord(SPECIAL.imuStart),
      misc8Word(MISC8.imuConfig, config),
      ...bytes.map((byte) => misc8Word(MISC8.imuByte, byte)),
      specialWord(SPECIAL.imuEnd),
    ])
  }

  /** The chip is mounted flipped: it measures the negative of what the host is to see. */
  #axes(vector: readonly [number, number, number], perUnit: number): number[] {
    const flip = this.#identity.imuFlip
    return vector.map((value, axis) => (flip & (4 >> axis) ? -value : value) * perUnit)
  }
}
