import t from 'tap'
import { createDecoder } from '../../src/davis346/decoder.js'
import { MODULE, REG } from '../../src/davis346/registers.js'
import { wordsToBytes } from '../../src/davis346/words.js'
import type { ApsImage } from '../../src/events/signals.js'
import { ModelBench } from './emulator-helpers.js'

/** Every pixel different from its neighbours in both directions; 1023 is the brightest a frame can carry. */
const brightness = (x: number, y: number): number => (x * 37 + y * 101) % 1024
const image = (_tUs: number, into: Uint16Array): void => {
  for (let y = 0; y < 260; y++) for (let x = 0; x < 346; x++) into[y * 346 + x] = brightness(x, y)
}
const ADC_CYCLES_PER_US = 30.24

function smallRoi(bench: ModelBench): ModelBench {
  return bench
    .set(REG.apsStartColumn, 100)
    .set(REG.apsStartRow, 50)
    .set(REG.apsEndColumn, 101)
    .set(REG.apsEndRow, 52)
    .set(REG.apsExposure, Math.round(500 * ADC_CYCLES_PER_US))
    .set(REG.apsFrameInterval, Math.round(10_000 * ADC_CYCLES_PER_US))
}

/** Timestamps say when; the order of the others is what a frame is. */
const withoutTime = (words: number[]) => words.filter((word) => word < 0x8000)

t.test('a global shutter frame of two columns by three rows, word by word', async (t) => {
  const bench = smallRoi(new ModelBench({ image }).power().transport())
  bench.set(REG.apsGlobalShutter, 1).set(REG.apsRun, 1).set(REG.apsRun, 0).advance(2000)
  const column = (start: number, x: number, signal: boolean) => [
    start,
    ...[50, 51, 52].map((y) => {
      const value = brightness(x, y)
      const reset = Math.min(1023, Math.max(800, value + 1))
      return 0x4000 | (signal ? reset - value : reset)
    }),
    13,
  ]
  t.same(withoutTime(bench.words()), [
    ...[8, 0x5100, 0x5264, 0x5100, 0x5232, 0x5100, 0x5265, 0x5100, 0x5234],
    // 500 us are 15120 cycles = 14 * 1024 + 784
    ...[0x6000 | 784, 0x6000 | 14, 0x6000],
    ...column(11, 100, false),
    ...column(11, 101, false),
    ...[14, 15],
    ...column(12, 100, true),
    ...column(12, 101, true),
    10,
  ])
  t.same(bench.advance(30_000).words(), [], 'a snapshot is one frame')
})

t.test('rolling shutter reads signal columns behind the reset columns', async (t) => {
  const bench = smallRoi(new ModelBench({ image }).power().transport())
  bench.set(REG.apsExposure, 30).set(REG.apsRun, 1).set(REG.apsRun, 0).advance(2000)
  const marks = withoutTime(bench.words()).filter((word) => word < 0x1000)
  t.same(marks, [9, 11, 13, 14, 11, 13, 15, 12, 13, 12, 13, 10])
})

t.test(
  'frames repeat at the interval until RUN is cleared; a running one is completed',
  async (t) => {
    const bench = smallRoi(new ModelBench({ image }).power().transport()).set(REG.apsRun, 1)
    const frames = (words: number[]) => words.filter((word) => word === 10).length
    t.equal(frames(bench.advance(35_000).words()), 4)
    bench.advance(5100).set(REG.apsRun, 0)
    t.equal(frames(bench.advance(50_000).words()), 1)
  },
)

t.test('exposure and ROI are latched when a frame starts', async (t) => {
  const bench = smallRoi(new ModelBench({ image }).power().transport()).set(REG.apsRun, 1)
  bench.advance(5).set(REG.apsExposure, 1).set(REG.apsEndColumn, 345)
  const words = bench.advance(2000).words()
  t.ok(words.includes(0x6000 | 784), 'the old exposure')
  t.equal(words.filter((word) => word === 11).length, 2, 'the old width')
})

t.test('without readout biases the samples are 0', async (t) => {
  const bench = smallRoi(new ModelBench({ image }).transport()).set(REG.muxRunChip, 1)
  bench.set(REG.apsRun, 1).set(REG.apsRun, 0)
  const samples = bench
    .advance(2000)
    .words()
    .filter((word) => word >> 12 === 4)
  t.equal(samples.length, 12)
  t.ok(samples.every((word) => word === 0x4000))
})

t.test('a stalled readout waits, or loses words when told not to', async (t) => {
  const full = (wait: number) => {
    const bench = new ModelBench({ image }).power().transport().set(REG.apsWaitOnStall, wait)
    bench.set(REG.apsRun, 1).set(REG.apsRun, 0)
    const words: number[] = []
    for (let i = 0; i < 6; i++) words.push(...bench.advance(60_000).words())
    return words.filter((word) => word >> 12 === 4).length
  }
  t.equal(full(1), 2 * 346 * 260)
  t.ok(full(0) < 2 * 346 * 260)
})

for (const variant of ['A', 'B'] as const) {
  for (const global of [0, 1]) {
    t.test(
      `decoded again: variant ${variant}, ${global ? 'global' : 'rolling'}, flips`,
      async (t) => {
        for (const flip of [0, 1, 2, 3]) {
          const apsFlip = { x: (flip & 2) !== 0, y: (flip & 1) !== 0 }
          const events = Array.from({ length: 200 }, (_, i) => ({
            tUs: i * 20,
            x: i,
            y: i,
            on: true,
          }))
          const bench = new ModelBench({ image, events }, { variant, apsFlip }).power().transport()
          bench.set(REG.apsGlobalShutter, global).set(REG.dvsRun, 1)
          bench.set(REG.apsStartColumn, 20).set(REG.apsStartRow, 10)
          bench.set(REG.apsEndColumn, 59).set(REG.apsEndRow, 39)
          bench.set(REG.apsExposure, 15_120).set(REG.apsRun, 1).set(REG.apsRun, 0).advance(5000)
          let seen: ApsImage | undefined
          let count = 0
          const { registers } = bench.model
          const aps = registers.read(MODULE.aps, 2)
          const decoder = createDecoder({
            layout: {
              dvs: {
                columns: bench.read(REG.dvsSizeColumns),
                rows: bench.read(REG.dvsSizeRows),
                invertXY: (bench.read(REG.dvsOrientation) & 4) !== 0,
              },
              aps: {
                columns: bench.read(REG.apsSizeColumns),
                rows: bench.read(REG.apsSizeRows),
                invertXY: (aps & 4) !== 0,
                flipX: (aps & 2) !== 0,
                flipY: (aps & 1) !== 0,
              },
              imu: { type: 2, flipX: false, flipY: false, flipZ: false },
              clocks: { logicMHz: 90.72, adcMHz: ADC_CYCLES_PER_US, usbMHz: 80.64 },
            },
            sink: {
              events: (batch) => {
                count += batch.length
              },
              time: () => {},
              gap: () => {},
              image: (each) => {
                seen = { ...each, pixels: each.pixels.slice() }
              },
            },
          })
          decoder.decode(wordsToBytes(bench.words()), 0)
          t.equal(count, 200, 'events between the columns')
          t.match(seen, { x: 20, y: 10, width: 40, height: 30 })
          const wrong = seen?.pixels.findIndex(
            (value, i) => value !== brightness(20 + (i % 40), 10 + Math.floor(i / 40)) << 6,
          )
          t.equal(wrong, -1, `flip ${flip}`)
          const exposure = (seen?.endOfExposureUs ?? 0) - (seen?.startOfExposureUs ?? 0)
          t.ok(Math.abs(exposure - 500) < 10, `exposure ${exposure} us`)
        }
      },
    )
  }
}
