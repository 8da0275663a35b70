import t from 'tap'
import { DEFAULT_IDENTITY } from '../../src/davis346/emulator/identity.js'
import { Davis346Model } from '../../src/davis346/emulator/model.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { MODULE, pixelFilterRegisters, REG } from '../../src/davis346/registers.js'
import { ModelBench } from './emulator-helpers.js'

const pair = [
  { tUs: 0, x: 10, y: 20, on: true },
  { tUs: 0, x: 11, y: 20, on: false },
]

t.test('the documented example: 40 ms after start, two events of one row', async (t) => {
  const bench = new ModelBench({ events: pair }).power().transport().advance(40_000)
  bench.set(REG.dvsRun, 1).advance(1)
  t.same(bench.words(), [0x7001, 0x9c40, 0x1014, 0x300a, 0x200b])
})

t.test('the rotated sensor swaps rows and columns in sizes and words', async (t) => {
  const bench = new ModelBench({ events: pair }, { variant: 'B' })
  t.equal(bench.read(REG.dvsSizeColumns), 260)
  t.equal(bench.read(REG.dvsSizeRows), 346)
  t.equal(bench.read(REG.dvsOrientation), 4)
  bench.power().transport().advance(5).set(REG.dvsRun, 1).advance(1)
  t.same(bench.words(), [0x8005, 0x100a, 0x3014, 0x100b, 0x2014])
})

t.test('no events without any one of biases, bias power, multiplexer, run bit', async (t) => {
  const complete = () => new ModelBench({ events: pair }).power().transport().set(REG.dvsRun, 1)
  t.equal(complete().advance(1).words().length, 3, 'the pair without a timestamp, at time 0')
  t.same(complete().set(REG.muxRunChip, 0).advance(10).words(), [])
  t.same(complete().set(REG.muxRun, 0).advance(10).words(), [])
  t.same(complete().set(REG.usbRun, 0).advance(10).words(), [])
  t.same(complete().set(REG.dvsRun, 0).advance(10).words(), [])
  const unbiased = new ModelBench({ events: pair }).transport().set(REG.muxRunChip, 1)
  t.same(unbiased.set(REG.dvsRun, 1).advance(10).words(), [])
})

t.test('time: a wrap word every 32768 us, one word for wraps that had to wait', async (t) => {
  const bench = new ModelBench().transport()
  t.same(bench.advance(32_767).words(), [])
  t.same(bench.advance(1).words(), [0x7001])
  t.same(bench.advance(2 * 32_768).words(), [0x7001, 0x7001])
  bench
    .set(REG.usbRun, 0)
    .advance(5 * 32_768)
    .set(REG.usbRun, 1)
  t.same(bench.advance(1).words(), [0x7005])
})

t.test('time stands still without its run bit, and events carry the frozen value', async (t) => {
  const events = [100, 200].map((tUs) => ({ tUs, x: 1, y: 2, on: true }))
  const bench = new ModelBench({ events }).power().transport().advance(7)
  bench.set(REG.muxTimestampRun, 0).set(REG.dvsRun, 1).advance(40_000)
  t.same(bench.words(), [0x8007, 0x1002, 0x3001, 0x3001])
})

t.test('switching the multiplexer on tells all wraps of the counter', async (t) => {
  const bench = new ModelBench().set(REG.usbRun, 1).set(REG.muxTimestampRun, 1).advance(100_000)
  t.same(bench.set(REG.muxRun, 1).advance(1).words(), [0x7003])
})

t.test('reset: word 1, then time starts at 0; a slave ignores the request', async (t) => {
  const events = [{ tUs: 60, x: 1, y: 2, on: false }]
  const pulse = (bench: ModelBench) =>
    bench.set(REG.muxTimestampReset, 1).set(REG.muxTimestampReset, 0)
  const bench = new ModelBench({ events }).power().transport().set(REG.dvsRun, 1)
  pulse(bench.advance(50))
  t.same(bench.advance(20).words(), [0x0001, 0x800a, 0x1002, 0x2001])
  const slave = new ModelBench({ events }, { master: false }).power().transport()
  t.equal(slave.read(REG.infoDeviceIsMaster), 0)
  pulse(slave.set(REG.dvsRun, 1).advance(50))
  t.same(slave.advance(20).words(), [0x803c, 0x1002, 0x2001])
})

t.test('4096 unsent wraps force a reset', async (t) => {
  const bench = new ModelBench().transport().set(REG.usbRun, 0)
  bench.advance(4095 * 32_768).set(REG.usbRun, 1)
  t.same(bench.advance(1).words(), [0x7fff])
  bench
    .set(REG.usbRun, 0)
    .advance(4096 * 32_768)
    .set(REG.usbRun, 1)
  t.equal(bench.advance(1).words()[0], 0x0001)
})

t.test('registers: read-only, unknown, widths, counters', async (t) => {
  const { model } = new ModelBench()
  t.equal(model.registers.read(MODULE.info, 0), 18)
  t.equal(model.registers.read(MODULE.info, 7), 1)
  model.write(MODULE.info, 0, 99)
  t.equal(model.registers.read(MODULE.info, 0), 18, 'read-only')
  model.write(7, 3, 5)
  t.equal(model.registers.read(7, 3), 0, 'unknown')
  model.write(1, 32, 0x1fff)
  t.equal(model.registers.read(1, 32), 0xfff, 'cut to 12 bits')
  model.registers.counters.muxStatisticsDvsDropped = 2 ** 32 * 3 + 7
  t.equal(model.registers.read(0, 83), 3)
  t.equal(model.registers.read(0, 84), 7)
})

t.test('filters: ROI, pixel slots in raw coordinates, skip, polarity', async (t) => {
  const events = [0, 1, 2, 3].map((i) => ({ tUs: 0, x: 10 + i, y: 20, on: i % 2 === 0 }))
  const columns = (adjust: (bench: ModelBench) => void, variant: 'A' | 'B' = 'A') => {
    const bench = new ModelBench({ events }, { variant }).power().transport()
    adjust(bench)
    const words = bench.set(REG.dvsRun, 1).advance(1).words()
    return { words, bench }
  }
  t.same(columns((b) => b.set(REG.dvsRoiStartColumn, 12)).words, [0x1014, 0x300c, 0x200d])
  t.same(columns((b) => b.set(REG.dvsRoiEndRow, 19)).words, [], 'no row word without a column')
  const slot = pixelFilterRegisters(3)
  const a = columns((b) => b.set(slot.row, 20).set(slot.column, 11))
  t.same(a.words, [0x1014, 0x300a, 0x300c, 0x200d])
  t.equal(a.bench.counter(REG.dvsStatisticsFilteredPixels), 1)
  const rotated = columns((b) => b.set(slot.row, 11).set(slot.column, 20), 'B')
  t.same(rotated.words, [0x100a, 0x3014, 0x100c, 0x3014, 0x100d, 0x2014])
  t.same(
    columns((b) => b.set(REG.dvsSkip, 1).set(REG.dvsSkipEvery, 2)).words,
    [0x1014, 0x300a, 0x300c],
  )
  t.same(columns((b) => b.set(REG.dvsPolaritySuppress, 1)).words, [0x1014, 0x300a, 0x300c])
  t.same(
    columns((b) => b.set(REG.dvsPolarityFlatten, 1)).words,
    [0x1014, 0x200a, 0x200b, 0x200c, 0x200d],
  )
})

t.test('filters: background activity wants a neighbour, refractory a pause', async (t) => {
  const at = (tUs: number, x: number) => ({ tUs, x, y: 20, on: true })
  const events = [at(0, 10), at(100, 11), at(5000, 11), at(5100, 50)]
  const support = new ModelBench({ events }).power().transport()
  support.set(REG.dvsBackgroundActivity, 1).set(REG.dvsBackgroundActivityTime, 8)
  t.same(support.set(REG.dvsRun, 1).advance(6000).words(), [0x8064, 0x1014, 0x300b])
  t.equal(support.counter(REG.dvsStatisticsFilteredBackgroundActivity), 3)
  const twice = [at(0, 10), at(200, 10), at(600, 10)]
  const pause = new ModelBench({ events: twice }).power().transport()
  pause.set(REG.dvsRefractory, 1).set(REG.dvsRefractoryTime, 1)
  t.same(pause.set(REG.dvsRun, 1).advance(1000).words(), [0x1014, 0x300a, 0x8258, 0x1014, 0x300a])
  t.equal(pause.counter(REG.dvsStatisticsFilteredRefractory), 1)
})

t.test('a full device drops and counts, or waits, as its registers say', async (t) => {
  // 3000 words a millisecond leave as one early packet each, so the twelve buffers hold 12 ms.
  const events = Array.from({ length: 20_000 }, (_, i) => ({ tUs: i, x: 1, y: i % 260, on: true }))
  const run = (adjust: (bench: ModelBench) => void) => {
    const bench = new ModelBench({ events }).power().transport()
    adjust(bench)
    bench.set(REG.dvsRun, 1).advance(20_000)
    const early = bench.words()
    return { bench, early, late: bench.advance(20_000).words() }
  }
  const columns = (words: number[]) => words.filter((word) => word >> 12 === 3).length
  const dropping = run((b) => b.set(REG.muxDropDvsOnStall, 1))
  const sent = columns([...dropping.early, ...dropping.late])
  t.equal(sent, 12_000)
  t.equal(dropping.bench.counter(REG.muxStatisticsDvsDropped), 2 * (20_000 - sent))
  t.equal(dropping.bench.counter(REG.dvsStatisticsDropped), 0)
  const losing = run(() => {})
  t.equal(losing.bench.counter(REG.muxStatisticsDvsDropped), 0)
  t.equal(losing.bench.counter(REG.dvsStatisticsDropped), 2 * (20_000 - sent))
  const waiting = run((b) => b.set(REG.dvsWaitOnStall, 1))
  t.equal(columns([...waiting.early, ...waiting.late]), 20_000, 'nothing is lost')
  t.equal(waiting.bench.counter(REG.dvsStatisticsDropped), 0)
})

t.test('the external input: edges, pulses of a minimum length, and the generator', async (t) => {
  const edges = [
    { tUs: 100, high: true },
    { tUs: 105, high: false },
    { tUs: 200, high: true },
    { tUs: 230, high: false },
  ]
  const bench = new ModelBench({ edges }).transport()
  bench.set(REG.externalDetectRising, 1).set(REG.externalDetectFalling, 1)
  bench.set(REG.externalDetectPulses, 1).set(REG.externalDetectPulsePolarity, 1)
  // 10 us at 90 MHz * 1.008
  bench.set(REG.externalDetectPulseLength, 907).set(REG.externalRunDetector, 1).advance(300)
  t.same(bench.words(), [0x8064, 3, 0x8069, 2, 0x80c8, 3, 0x80e6, 2, 4])
  const generator = new ModelBench().transport()
  generator.set(REG.externalGeneratePulsePolarity, 1).set(REG.externalInjectOnRising, 1)
  generator.set(REG.externalInjectOnFalling, 1)
  generator.set(REG.externalGeneratePulseInterval, 9072).set(REG.externalGeneratePulseLength, 2722)
  generator.set(REG.externalRunGenerator, 1).advance(150)
  t.same(generator.words(), [17, 0x801e, 16, 0x8064, 17, 0x8082, 16])
})

t.test('the IMU: groups, scales, rate', async (t) => {
  const imu = () => ({ accel: [1, -1, 0.5], gyro: [250, 0, -250], temperatureC: 21 }) as const
  const bench = new ModelBench({ imu }).transport()
  bench.set(REG.imuGyroDlpf, 1).set(REG.imuAccelFullScale, 1).set(REG.imuGyroFullScale, 1)
  bench.set(REG.imuRunAccelerometer, 1).set(REG.imuRunTemperature, 1).set(REG.imuRunGyroscope, 1)
  // 1 g = 8192, 250 degrees/s = 16384; time 1000 = 0x3e8
  t.same(
    bench.advance(1000).words(),
    [
      0x83e8, 0x0005, 0x53e5, 0x5020, 0x5000, 0x50e0, 0x5000, 0x5010, 0x5000, 0x5000, 0x5000,
      0x5040, 0x5000, 0x5000, 0x5000, 0x50c0, 0x5000, 0x0007,
    ],
  )
  t.equal(
    bench
      .advance(10_000)
      .words()
      .filter((word) => word === 7).length,
    10,
  )
  bench.set(REG.imuRunAccelerometer, 0).set(REG.imuRunTemperature, 0)
  t.equal(bench.advance(1000).words().length, 10, 'gyroscope alone: six bytes')
})

t.test('the repeating stimulus keeps its rate over wraps and interruptions', async (t) => {
  const model = new Davis346Model({
    identity: DEFAULT_IDENTITY,
    stimulus: barsStimulus({ eventsPerSecond: 1e6 }),
  })
  const bench = Object.assign(new ModelBench(), { model })
  bench.power().transport().set(REG.imuRunTemperature, 1).set(REG.imuGyroDlpf, 1)
  bench.set(REG.dvsRun, 1)
  const words: number[] = []
  for (let i = 0; i < 100; i++) words.push(...bench.advance(997).words())
  let wraps = 0
  let last = -1
  let events = 0
  let backwards = 0
  for (const word of words) {
    if (word >> 12 === 7) wraps += word & 0xfff
    else if (word >= 0x8000) {
      const now = wraps * 32_768 + (word & 0x7fff)
      if (now <= last) backwards++
      last = now
    } else if (word >> 13 === 1) events++
  }
  t.equal(events, 99_700)
  t.equal(model.sentEvents, 99_700)
  t.equal(backwards, 0, 'timestamps are strictly monotonic')
  t.equal(last, 99_699)
})
