import type { ImuSample } from '../events/signals.js'
import { GRAVITY, type RestFit, RestMeasurement, type Vector } from './imu-fit.js'
import type { CalibrationKind, Measurement, Outcome, Progress } from './kind.js'
import { failed, judged, LIMITS, told } from './limits.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { attitude, gyroAtRest } from './pictures/imu.js'

export const imuKind: CalibrationKind<Record<string, never>> = {
  name: 'imu',
  title: 'Inertial sensors',
  ask: 'Put the camera on something firm and do not touch it. Best is the place where it stays.',
  needs: ['imu'],
  seconds: 30,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'still',
  prepare: (preset) => ({
    ...preset,
    imu: { ...preset.imu, runAccelerometer: true, runGyroscope: true, runTemperature: true },
  }),
  create: () => new ImuMeasurement(),
}

class ImuMeasurement implements Measurement {
  readonly #rest = new RestMeasurement()

  imu(sample: ImuSample): void {
    this.#rest.add(sample)
  }

  progress(): Progress {
    const { gyro, accel } = this.#rest.statistics()
    if (gyro.count === 0) return { text: 'waiting for samples', figures: { samples: 0 } }
    const noise = Math.max(...gyro.deviation)
    return {
      text: `${gyro.count} samples, gyroscope ± ${noise.toFixed(3)} °/s`,
      figures: {
        samples: gyro.count,
        gyro_noise: noise,
        up_x: accel.mean[0],
        up_y: accel.mean[1],
        up_z: accel.mean[2],
      },
    }
  }

  depict(): Depiction | undefined {
    const { accel } = this.#rest.statistics()
    return accel.count === 0 ? undefined : attitude(accel.mean)
  }

  finish(): Outcome {
    const fit = this.#rest.fit()
    if (fit === undefined) {
      const note = 'Gyroscope and accelerometer must both be on; look at [imu] of the preset.'
      return { rows: [failed('samples', note)], data: {}, pictures: [], exports: [] }
    }
    const rows = rowsOf(fit)
    const rowOf = (name: string) => rows.find((each) => each.name === name)
    return {
      rows,
      data: { ...fit, temperatureC: Number.isNaN(fit.temperatureC) ? null : fit.temperatureC },
      settings: { imu: { gyroBiasDegPerSecond: fit.gyroBias, up: fit.up } },
      pictures: [
        pictureOf(
          'gyro-at-rest',
          gyroAtRest(this.#rest.seconds(), fit.gyroBias),
          rowOf('bias known to'),
        ),
        pictureOf('up', attitude(fit.up)),
      ],
      exports: [{ name: 'imu.yaml', content: yamlOf(fit) }],
    }
  }
}

function rowsOf(fit: RestFit) {
  const limits = LIMITS.imu
  const touched = 'The camera was moved or shaken: put it on something firm and run again.'
  return [
    told('samples', fit.samples, ''),
    judged('gyroscope noise, worst axis', Math.max(...fit.gyroNoise), {
      limit: limits.gyroNoise,
      note: touched,
    }),
    judged('gyroscope bias, worst axis', Math.max(...fit.gyroBias.map(Math.abs)), {
      limit: limits.gyroBias,
      note: 'Beyond what the sensor promises: it turned while measuring, or is damaged.',
    }),
    judged('bias known to', 2 * fit.gyroBiasError, {
      limit: limits.biasError,
      note: 'Measure longer: --duration 60.',
    }),
    judged('bias change while measuring', fit.gyroDrift, {
      limit: limits.drift,
      note: 'The sensor is warming up: let the camera run for ten minutes first.',
    }),
    judged('gravity off 9.807', Math.abs(fit.gravity - GRAVITY), {
      limit: limits.gravity,
      note: 'The camera was accelerated, or its accelerometer is off: run again, at rest.',
    }),
    told('roll', degrees(Math.atan2(fit.up[0], fit.up[1])), '°'),
    told('pitch', degrees(Math.asin(Math.max(-1, Math.min(1, fit.up[2])))), '°'),
    told('temperature', fit.temperatureC, '°C'),
  ]
}

const degrees = (radians: number) => (radians * 180) / Math.PI

function yamlOf(fit: RestFit): string {
  const list = (v: Vector) => `[${v.map((n) => n.toFixed(6)).join(', ')}]`
  return [
    '# at rest; axes of the camera: X right, Y up, Z toward the lens',
    `gyroscope_bias_deg_per_s: ${list(fit.gyroBias)}`,
    `gyroscope_noise_deg_per_s: ${list(fit.gyroNoise)}`,
    `accelerometer_noise_g: ${list(fit.accelNoise)}`,
    `up: ${list(fit.up)}`,
    `gravity_m_per_s2: ${fit.gravity.toFixed(4)}`,
    '',
  ].join('\n')
}
