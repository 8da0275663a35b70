import type { ImuSample } from '../events/signals.js'

export type Vector = readonly [number, number, number]

/** Standard gravity, m/s². */
export const GRAVITY = 9.80665

/** Mean and standard deviation of three axes, and the means of three equal parts of the samples. */
export interface AxisStatistics {
  readonly count: number
  readonly mean: Vector
  readonly deviation: Vector
}

/** Running sums of three axes around the first sample, so that a large constant costs no digits. */
export class AxisSums {
  #count = 0
  readonly #origin = [0, 0, 0]
  readonly #sum = [0, 0, 0]
  readonly #squares = [0, 0, 0]

  add(value: Vector): void {
    if (this.#count === 0) for (let i = 0; i < 3; i++) this.#origin[i] = value[i]!
    this.#count++
    for (let i = 0; i < 3; i++) {
      const d = value[i]! - this.#origin[i]!
      this.#sum[i]! += d
      this.#squares[i]! += d * d
    }
  }

  statistics(): AxisStatistics {
    const n = this.#count
    const mean = this.#sum.map((s, i) => this.#origin[i]! + s / n) as unknown as Vector
    const deviation = this.#squares.map((q, i) =>
      Math.sqrt(Math.max(0, q / n - (this.#sum[i]! / n) ** 2)),
    ) as unknown as Vector
    return { count: n, mean, deviation }
  }
}

export interface RestFit {
  readonly samples: number
  /** What the gyroscope shows at rest, degrees a second, and how sure that is (standard error). */
  readonly gyroBias: Vector
  readonly gyroBiasError: number
  readonly gyroNoise: Vector
  /** Largest change of the bias between two seconds, smoothed over a third of the time. */
  readonly gyroDrift: number
  /** Unit vector that points up, in camera axes. */
  readonly up: Vector
  /** Measured gravity, m/s². */
  readonly gravity: number
  readonly accelNoise: Vector
  readonly temperatureC: number
}

/** Collects samples of a camera at rest. */
export class RestMeasurement {
  readonly #gyro = new AxisSums()
  readonly #accel = new AxisSums()
  /** Sums of the gyroscope over each second. */
  readonly #perSecond: { count: number; sum: [number, number, number] }[] = []
  #temperature = 0
  #temperatures = 0
  #startUs = Number.NaN

  add(sample: ImuSample): void {
    if (Number.isNaN(this.#startUs)) this.#startUs = sample.tUs
    if (!Number.isNaN(sample.gyro[0])) {
      this.#gyro.add(sample.gyro)
      const second = Math.max(0, Math.floor((sample.tUs - this.#startUs) / 1e6))
      this.#perSecond[second] ??= { count: 0, sum: [0, 0, 0] }
      const bucket = this.#perSecond[second]
      bucket.count++
      for (let i = 0; i < 3; i++) bucket.sum[i]! += sample.gyro[i]!
    }
    if (!Number.isNaN(sample.accel[0])) this.#accel.add(sample.accel)
    if (!Number.isNaN(sample.temperatureC)) {
      this.#temperature += sample.temperatureC
      this.#temperatures++
    }
  }

  /** Degrees a second and g of now, for showing. */
  statistics(): { gyro: AxisStatistics; accel: AxisStatistics } {
    return { gyro: this.#gyro.statistics(), accel: this.#accel.statistics() }
  }

  /** Mean rate of the gyroscope in each second. */
  seconds(): Vector[] {
    return this.#perSecond
      .filter((bucket) => bucket !== undefined && bucket.count > 0)
      .map(({ count, sum }) => sum.map((s) => s / count) as unknown as Vector)
  }

  /** Undefined when a sensor gave nothing. */
  fit(): RestFit | undefined {
    const { gyro, accel } = this.statistics()
    if (gyro.count === 0 || accel.count === 0) return undefined
    const length = Math.hypot(...accel.mean)
    return {
      samples: gyro.count,
      gyroBias: gyro.mean,
      gyroBiasError: Math.max(...gyro.deviation) / Math.sqrt(gyro.count),
      gyroNoise: gyro.deviation,
      gyroDrift: driftOf(this.seconds()),
      up: accel.mean.map((a) => a / (length || 1)) as unknown as Vector,
      gravity: length * GRAVITY,
      accelNoise: accel.deviation,
      temperatureC: this.#temperatures === 0 ? Number.NaN : this.#temperature / this.#temperatures,
    }
  }
}

/** From the first third to the last: the largest of the three axes. */
function driftOf(seconds: readonly Vector[]): number {
  const third = Math.floor(seconds.length / 3)
  if (third === 0) return 0
  const mean = (part: readonly Vector[], axis: number) =>
    part.reduce((sum, v) => sum + v[axis]!, 0) / part.length
  return Math.max(
    ...[0, 1, 2].map((axis) =>
      Math.abs(mean(seconds.slice(-third), axis) - mean(seconds.slice(0, third), axis)),
    ),
  )
}
