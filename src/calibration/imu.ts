import type { ImuSample } from '../events/signals.js'
import { COLORS, chartPng } from './chart.js'
import { GRAVITY, type RestFit, RestMeasurement, type Vector } from './imu-fit.js'
import type { CalibrationKind, Measurement, Outcome, Picture, Progress } from './kind.js'
import { failed, judged, LIMITS, told } from './limits.js'

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

  finish(): Outcome {
    const fit = this.#rest.fit()
    if (fit === undefined) {
      const note = 'Gyroscope and accelerometer must both be on; look at [imu] of the preset.'
      return { rows: [failed('samples', note)], data: {}, pictures: [], exports: [] }
    }
    return {
      rows: rowsOf(fit),
      data: { ...fit, temperatureC: Number.isNaN(fit.temperatureC) ? null : fit.temperatureC },
      settings: { imu: { gyroBiasDegPerSecond: fit.gyroBias, up: fit.up } },
      pictures: picturesOf(this.#rest.seconds(), fit),
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

function picturesOf(seconds: readonly Vector[], fit: RestFit): Picture[] {
  const axes = [
    { label: 'x', color: COLORS.bad },
    { label: 'y', color: COLORS.good },
    { label: 'z', color: COLORS.cool },
  ]
  return [
    {
      name: 'gyro-at-rest',
      title: 'What the gyroscope shows at rest, second by second',
      png: chartPng({
        x: { label: 's', scale: 'linear' },
        y: { label: '°/s'.replace('°', 'deg'), scale: 'linear' },
        series: axes.map(({ label, color }, axis) => ({
          label,
          color,
          style: 'line' as const,
          points: seconds.map((v, s) => [s, v[axis]!] as const),
        })),
      }),
    },
    {
      name: 'up',
      title: 'Where up is in the picture: the line of the horizon, and up as an arrow',
      png: horizonPng(fit.up),
    },
  ]
}

/** The picture plane with the horizon's direction; the nearer up points to the lens, the shorter the arrow. */
function horizonPng([x, y]: Vector): Buffer {
  const length = Math.hypot(x, y) || 1
  const across = [y / length, -x / length] as const
  return chartPng({
    x: { label: 'right', scale: 'linear', min: -1.8, max: 1.8 },
    y: { label: 'up', scale: 'linear', min: -1, max: 1 },
    series: [
      {
        label: 'horizon',
        color: COLORS.cool,
        style: 'line',
        points: [
          [-across[0], -across[1]],
          [across[0], across[1]],
        ],
      },
      {
        label: 'up',
        color: COLORS.good,
        style: 'line',
        points: [
          [0, 0],
          [x, y],
        ],
      },
    ],
  })
}

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
