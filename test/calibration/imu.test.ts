import t from 'tap'
import { imuKind } from '../../src/calibration/imu.js'
import type { RestFit } from '../../src/calibration/imu-fit.js'
import { worst } from '../../src/calibration/kind.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { resting, row, start } from './helpers.js'

type Three = [number, number, number]
const BIAS: Three = [0.8, -1.3, 0.4]
const UP: Three = [0.12, 0.96, 0.25]

function measure(of: { seed: number; noise?: number; shake?: number; g?: number }) {
  const { seed, noise = 0.1, shake = 0, g = 1 } = of
  const rng = createRng(seed)
  const length = Math.hypot(...UP)
  const measurement = start(imuKind, { options: {}, seconds: 30 })
  for (let i = 0; i < 30_000; i++) {
    const sway = shake * Math.sin(i / 200)
    measurement.imu?.(
      resting(
        i * 1000,
        BIAS.map((b) => b + noise * rng.normal() + sway) as Three,
        UP.map((u) => (g * u) / length + 0.004 * rng.normal()) as Three,
      ),
    )
  }
  return measurement.finish()
}

t.test('bias within 0.02 °/s and gravity to a tenth of a degree, over seeds', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const { rows, data, settings } = measure({ seed })
    const { gyroBias, up } = data as unknown as RestFit
    for (const [i, b] of gyroBias.entries())
      t.ok(Math.abs(b - BIAS[i]!) < 0.02, `seed ${seed}: ${b}`)
    const worstBias = Math.max(...gyroBias.map((b, i) => Math.abs(b - BIAS[i]!)))
    t.comment(`seed ${seed}: gyroscope bias off ${worstBias.toFixed(4)} °/s`)
    const cosine = up.reduce((sum, u, i) => sum + u * UP[i]!, 0) / Math.hypot(...UP)
    t.ok(Math.acos(Math.min(1, cosine)) < 0.1 * (Math.PI / 180))
    t.equal(worst(rows), 'PASS')
    t.same(settings?.imu?.gyroBiasDegPerSecond, gyroBias)
  }
})

t.test('a camera that is shaken fails, and so does wrong gravity', async (t) => {
  const shaken = measure({ seed: 1, shake: 3 })
  t.equal(row(shaken.rows, 'gyroscope noise, worst axis').verdict, 'FAIL')
  t.match(row(shaken.rows, 'gyroscope noise, worst axis').note, 'firm')
  const light = measure({ seed: 1, g: 0.9 })
  t.equal(row(light.rows, 'gravity off 9.807').verdict, 'FAIL')
})

t.test('no samples of one of the two', async (t) => {
  const measurement = start(imuKind, { options: {}, seconds: 30 })
  const nothing: Three = [Number.NaN, Number.NaN, Number.NaN]
  measurement.imu?.(resting(0, nothing, [0, 1, 0]))
  const { rows, settings } = measurement.finish()
  t.equal(worst(rows), 'FAIL')
  t.equal(settings, undefined)
})
