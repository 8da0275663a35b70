import t from 'tap'
import { misc8Word, specialWord, timestampWord } from '../../src/davis346/words.js'
import { record, UPRIGHT } from './decoder-helpers.js'

const START = specialWord(5)
const END = specialWord(7)
const config = (byte: number) => misc8Word(3, byte)
/** Signed 16-bit values, high byte first. */
const values = (...numbers: number[]) =>
  numbers.flatMap((n) => [misc8Word(0, (n >> 8) & 0xff), misc8Word(0, n & 0xff)])
const near = (
  t: { equal(a: unknown, b: unknown): unknown; ok(a: unknown, m: string): unknown },
  found: number[] | undefined,
  wanted: number[],
) => {
  t.equal(found?.length, wanted.length)
  wanted.forEach((w, i) => {
    t.ok(Math.abs(Number(found?.[i]) - w) < 1e-4, `${found?.[i]} is ${w}`)
  })
}

t.test('a sample of all sensors', async (t) => {
  const { words, of } = record()
  // 4 g and 500 degrees per second full scale: 8192 and 65.536 a unit.
  words([timestampWord(77), START, config(0xe0 | (1 << 2) | 1)])
  words([...values(8192, -8192, 4096, 0, 6554, -6554, 66), END])
  const [sample] = of('imu')
  t.equal(sample?.t, 77)
  near(t, sample?.accel, [1, -1, 0.5])
  near(t, sample?.gyro, [100.0061, -100.0061, 1.00708])
  t.equal(sample?.temperatureC, 21, 'MPU9250: 21 degrees at zero')
})

t.test('full scales double with the code', async (t) => {
  for (const [code, lsbPerG, lsbPerDegree] of [
    [0, 16384, 131.072],
    [1, 8192, 65.536],
    [2, 4096, 32.768],
    [3, 2048, 16.384],
  ] as const) {
    const { words, of } = record()
    words([START, config(0xc0 | (code << 2) | code), ...values(1000, 0, 0, 1000, 0, 0), END])
    near(t, of('imu')[0]?.accel, [1000 / lsbPerG, 0, 0])
    near(t, of('imu')[0]?.gyro, [1000 / lsbPerDegree, 0, 0])
  }
})

t.test('absent sensors are left out of the bytes and NaN in the sample', async (t) => {
  const { words, of, count } = record()
  words([START, config(0x80), ...values(16384, 0, 0), END])
  words([START, config(0x40), ...values(13107, 0, 0), END])
  words([START, config(0x20), ...values(3339), END])
  words([START, config(0xa0), ...values(0, 0, 16384, 0), END])
  words([START, config(0x60), ...values(0, 0, 0, 13107), END])
  const [accel, gyro, temperature, accelTemperature, gyroTemperature] = of('imu')
  near(t, accel?.accel, [1, 0, 0])
  t.same(accel?.gyro, [Number.NaN, Number.NaN, Number.NaN])
  t.same(accel?.temperatureC, Number.NaN)
  near(t, gyro?.gyro, [99.99847, 0, 0])
  t.same(gyro?.accel, [Number.NaN, Number.NaN, Number.NaN])
  near(t, [temperature?.temperatureC ?? 0], [31.0009])
  near(t, accelTemperature?.accel, [0, 0, 1])
  near(t, gyroTemperature?.gyro, [0, 0, 99.99847])
  t.same(count(), { imuSamples: 5 })
})

t.test(
  'axes are flipped as the camera says, and other chips have their own temperature',
  async (t) => {
    const layout = { ...UPRIGHT, imu: { type: 1, flipX: true, flipY: false, flipZ: true } }
    const { words, of } = record({ layout })
    words([START, config(0xe0), ...values(16384, 16384, 16384, 340, -13107, 0, 13107), END])
    near(t, of('imu')[0]?.accel, [-1, 1, -1])
    near(t, of('imu')[0]?.gyro, [99.99847, 0, -99.99847])
    t.equal(of('imu')[0]?.temperatureC, 36)
  },
)

t.test('violations cost the sample', async (t) => {
  const good = [START, config(0x20), ...values(0), END]
  const cases: [string, number[], Record<string, number>][] = [
    ['joined in the middle', [...values(1), END], {}],
    ['too few bytes', [START, config(0xe0), ...values(1, 2), END], { imuByteCount: 1 }],
    [
      'too many bytes',
      [START, config(0x20), ...values(...Array(20).fill(1)), END],
      { imuByteCount: 1 },
    ],
    ['no sensor', [START, config(0), END], { imuByteCount: 1 }],
    ['no configuration ever', [START, ...values(1), END], { imuWithoutConfig: 1 }],
    ['a second start', [START, config(0x20), ...good], { imuByteCount: 1, imuSamples: 1 }],
    ['bytes between samples', [...good, ...values(1)], { imuOutOfPlace: 2, imuSamples: 1 }],
    ['a second end', [...good, END], { imuOutOfPlace: 1, imuSamples: 1 }],
  ]
  for (const [name, stream, counted] of cases) {
    const { words, of, count } = record()
    words(stream)
    t.same(count(), counted, name)
    words(good)
    t.equal(of('imu').at(-1)?.temperatureC, 21, `${name}: the next sample is whole`)
  }
})

t.test('a sample without its own configuration keeps the last one', async (t) => {
  const { words, of } = record()
  words([START, config(0x20), ...values(0), END, START, ...values(0), END])
  t.equal(of('imu').length, 2)
})
