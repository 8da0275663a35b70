import { DAVIS346_SIZE } from '../../events/geometry.js'
import type { Vector } from '../imu-fit.js'
import type { Depiction } from './depiction.js'
import { COLORS } from './svg.js'

/** Of the usual lens, pixels: good enough to show where the horizon is. */
const USUAL_FOCAL = 265
const UP_PX = 90
/** The sky is drawn as far as this from the middle. */
const FAR_PX = 2000

/**
 * Where up is, as it would look in the picture. `up` points away from the ground in camera axes: X right, Y up, Z where
 * the camera looks.
 */
export function attitude([x, y, z]: Vector): Depiction {
  const { width, height } = DAVIS346_SIZE
  const roll = (Math.atan2(x, y) * 180) / Math.PI
  const pitch =
    (Math.asin(Math.max(-1, Math.min(1, z / (Math.hypot(x, y, z) || 1)))) * 180) / Math.PI
  const flat = Math.hypot(x, y)
  const [middleX, middleY] = [width / 2, height / 2]
  const text = `roll ${roll.toFixed(1)}°, looking ${Math.abs(pitch).toFixed(1)}° ${pitch < 0 ? 'down' : 'up'}`
  // Up in the picture, whose rows count down.
  const up = [x / (flat || 1), -y / (flat || 1)] as const
  const along = [-up[1], up[0]] as const
  // The nearest point of the horizon to the middle of the picture.
  const down = flat === 0 ? FAR_PX : Math.max(-FAR_PX, Math.min(FAR_PX, (USUAL_FOCAL * z) / flat))
  const at = (a: number, b: number) =>
    [
      middleX - up[0] * (down - b) + along[0] * a,
      middleY - up[1] * (down - b) + along[1] * a,
    ] as const
  return {
    form: 'sensor',
    view: {
      title: 'Where up is in the picture',
      finding: { text },
      size: DAVIS346_SIZE,
      legend: [
        { label: 'horizon and sky, through the usual lens', color: COLORS.cool },
        { label: 'up', color: COLORS.good },
      ],
      outlines: [
        {
          points: [at(-FAR_PX, 0), at(FAR_PX, 0), at(FAR_PX, FAR_PX), at(-FAR_PX, FAR_PX)],
          color: COLORS.cool,
          closed: true,
          filled: true,
        },
        {
          points: [
            [middleX, middleY],
            [middleX + up[0] * UP_PX * flat, middleY + up[1] * UP_PX * flat],
          ],
          color: COLORS.good,
          arrow: true,
          label: 'up',
        },
      ],
    },
  }
}

/** `seconds`: mean of the gyroscope in each second, °/s. */
export function gyroAtRest(seconds: readonly Vector[], bias: Vector): Depiction {
  const axes = [
    { label: 'x', color: COLORS.bad },
    { label: 'y', color: COLORS.good },
    { label: 'z', color: COLORS.cool },
  ]
  return {
    form: 'chart',
    chart: {
      title: 'What the gyroscope says although nothing turns',
      x: { label: 'time, s', scale: 'linear', min: 0 },
      y: { label: 'rate of turn, °/s', scale: 'linear' },
      series: axes.map(({ label, color }, axis) => ({
        label: `${label}: bias ${bias[axis]!.toFixed(3)} °/s`,
        color,
        style: 'line' as const,
        points: seconds.map((v, s) => [s, v[axis]!] as const),
      })),
    },
  }
}
