import { createDecoder, type Decoder } from '../../../src/davis346/decoder.js'
import {
  columnWord,
  exposureWords,
  misc8Word,
  roiWords,
  rowWord,
  SPECIAL,
  sampleWord,
  specialWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../../src/davis346/words.js'
import { DAVIS346_SIZE } from '../../../src/events/geometry.js'
import { frameCallback } from '../../../src/pipeline/frame-sink.js'
import { Pipeline } from '../../../src/pipeline/pipeline.js'
import { aggregationSchema, filtersSchema } from '../../../src/pipeline/schema.js'
import { encodeEvents, ROTATED, randomEvents, UPRIGHT } from '../../davis346/decoder-helpers.js'
import { type FuzzTarget, finite, promise } from '../harness.js'
import { mutateBytes } from '../mutate.js'

const { width: WIDTH, height: HEIGHT } = DAVIS346_SIZE
/** A transfer as the daemon asks for them by default. */
const TRANSFER_BYTES = 65_536
/** What a host says passed between two transfers. */
const TRANSFER_US = 1000
const GOOD = randomEvents(200, 7)
/** The same events in a stream of its own time, after a reset. */
const GOOD_BYTES = wordsToBytes([
  specialWord(SPECIAL.timestampReset),
  ...encodeEvents(GOOD, UPRIGHT),
])
/** Ten seconds that device time may be ahead, in windows of 10 ms, and a few that were open. */
const SPARE_WINDOWS = 1010

/** The camera's words: decoder, filters and aggregation as the capture thread runs them. */
export function createWordsTarget(): FuzzTarget {
  return {
    name: 'words',
    seeds: seeds(),
    mutate: (rng, input, pool) =>
      mutateBytes(rng, input, { pool, tokens: TOKENS, maxBytes: 2 * TRANSFER_BYTES }),
    run: (input) => {
      const whole = play(input, input.length)
      const cut = play(input, 1 + ((input[0] ?? 0) + 256 * (input[1] ?? 0)) * 2)
      // Even cuts must not show. An odd one may: the decoder then has to guess where words begin.
      if (input.length % 2 === 0) {
        const even = play(input, 2 + 2 * (input[0] ?? 0))
        promise(even.events === whole.events, `cut into transfers: ${even.events} events`)
      }
      return [...whole.moved, cut.events > 0].join()
    },
  }
}

function play(input: Uint8Array, transferBytes: number) {
  const heard = { events: 0, windows: 0, moved: [] as string[], since: [] as number[] }
  let lastUs = 0
  let timeUs = 0
  let resets = 0
  let good: string[] | undefined
  const pipeline = new Pipeline(
    { filters: filtersSchema.parse({}), aggregation: aggregationSchema.parse({}) },
    DAVIS346_SIZE,
    frameCallback(DAVIS346_SIZE, ({ header }) => {
      heard.windows++
      finite(header, 'window')
      promise(header.tEndUs > header.tStartUs, 'a window that ends before it begins')
      promise(header.gapUs >= 0 && header.events >= 0, 'a window with a negative count')
    }),
  )
  const decoder: Decoder = createDecoder({
    layout: input.length % 3 === 0 ? ROTATED : UPRIGHT,
    maxAheadUs: 10_000_000,
    sink: {
      events(batch) {
        promise(batch.length > 0 && batch.length <= batch.capacity, 'an empty batch')
        for (let i = 0; i < batch.length; i++) {
          const t = batch.t0Us + batch.dtUs[i]!
          promise(batch.x[i]! < WIDTH && batch.y[i]! < HEIGHT, 'an event off the sensor')
          promise(batch.on[i]! <= 1, 'a polarity that is none')
          promise(t >= lastUs, `time goes back from ${lastUs} to ${t}`)
          lastUs = t
          good?.push(`${t} ${batch.x[i]} ${batch.y[i]} ${batch.on[i]}`)
        }
        heard.events += batch.length
        pipeline.events(batch)
      },
      time(tUs, hostUs) {
        promise(Number.isFinite(tUs) && tUs >= lastUs, `time ${tUs} after ${lastUs}`)
        timeUs = tUs
        pipeline.time(tUs, hostUs)
      },
      gap(gap) {
        if (gap.reason === 'reset') {
          lastUs = 0
          timeUs = 0
          resets++
        }
        pipeline.gap(gap)
      },
      image(image) {
        const { pixels, ...rest } = image
        finite(rest, 'image')
        promise(pixels.length === image.width * image.height, 'a picture of another size')
        promise(image.x >= 0 && image.x + image.width <= WIDTH, 'a picture off the sensor')
        promise(image.y >= 0 && image.y + image.height <= HEIGHT, 'a picture off the sensor')
        promise((image.exposureUs ?? 0) >= 0, 'an exposure below zero')
      },
      imu(sample) {
        promise(Number.isFinite(sample.tUs), 'a sample without time')
        // NaN says "not measured"; infinite is no measurement.
        const values = [...sample.accel, ...sample.gyro, sample.temperatureC]
        promise(!values.some((value) => Math.abs(value) === Infinity), 'an infinite sample')
      },
      trigger: ({ tUs }) => promise(Number.isFinite(tUs), 'a trigger without time'),
    },
  })
  let hostUs = 0
  for (let at = 0; at < input.length; at += transferBytes) {
    hostUs += TRANSFER_US
    // Memory of its own, at an odd address now and then, as a pool of transfers has it.
    const part = new Uint8Array(transferBytes + 1).subarray(at & 1)
    part.set(input.subarray(at, at + transferBytes))
    decoder.decode(part.subarray(0, Math.min(transferBytes, input.length - at)), hostUs)
  }
  promise(timeUs >= 0, 'time below zero')
  const { windows } = heard
  promise(
    windows <= Math.ceil((2 * hostUs) / 10_000) + SPARE_WINDOWS * (1 + resets),
    `${windows} windows of ${input.length} bytes`,
  )
  for (const [name, count] of Object.entries(decoder.counters.snapshot())) {
    promise(Number.isSafeInteger(count) && count >= 0, `counter ${name} is ${count}`)
    if (count > 0) heard.moved.push(`${name}${Math.floor(Math.log2(count) / 3)}`)
  }
  decoder.resync('overrun')
  good = []
  // A second later: the time it may claim has grown again.
  decoder.decode(GOOD_BYTES, hostUs + 1_000_000)
  const wanted = GOOD.map(({ t, x, y, on }) =>
    input.length % 3 === 0 ? `${t} ${y} ${x} ${on}` : `${t} ${x} ${y} ${on}`,
  )
  // Rotated, the addresses of the good stream are out of range for part of its events.
  if (input.length % 3 !== 0) {
    promise(good.join() === wanted.join(), 'a good stream afterwards is not decoded as before')
  }
  return heard
}

function seeds(): Uint8Array[] {
  const events = encodeEvents(randomEvents(300, 1), UPRIGHT)
  const imu = [
    specialWord(SPECIAL.imuStart),
    misc8Word(3, 0xe0),
    ...Array.from({ length: 14 }, (_, i) => misc8Word(0, 17 * i)),
    specialWord(SPECIAL.imuEnd),
  ]
  const column = (kind: number, level: number) => [
    specialWord(kind),
    ...Array.from({ length: 4 }, () => sampleWord(level)),
    specialWord(SPECIAL.columnEnd),
  ]
  const frame = [
    specialWord(SPECIAL.globalFrameStart),
    ...roiWords({ startColumn: 10, startRow: 20, endColumn: 12, endRow: 23 }),
    ...exposureWords(30_000),
    specialWord(SPECIAL.exposureStart),
    ...Array.from({ length: 3 }, () => column(SPECIAL.resetColumnStart, 900)).flat(),
    timestampWord(500),
    specialWord(SPECIAL.exposureEnd),
    ...Array.from({ length: 3 }, () => column(SPECIAL.signalColumnStart, 300)).flat(),
    specialWord(SPECIAL.frameEnd),
  ]
  const leaps = Array.from({ length: 200 }, () => [wrapWord(4095), rowWord(3), columnWord(4, 1)])
  return [
    wordsToBytes(events),
    wordsToBytes([...events.slice(0, 60), ...imu, ...events.slice(60, 120), ...imu]),
    wordsToBytes([timestampWord(1), ...frame, ...frame, ...events.slice(0, 30)]),
    wordsToBytes([specialWord(SPECIAL.timestampReset), wrapWord(1), timestampWord(9), ...imu]),
    wordsToBytes(leaps.flat()),
  ]
}

const TOKENS = [
  ...Object.values(SPECIAL).map(specialWord),
  wrapWord(0),
  wrapWord(1),
  wrapWord(78),
  wrapWord(4095),
  timestampWord(0),
  timestampWord(32_767),
  rowWord(0),
  rowWord(259),
  rowWord(345),
  rowWord(4095),
  columnWord(345, 1),
  columnWord(346, 0),
  sampleWord(1023),
  misc8Word(3, 0xff),
  ...roiWords({ startColumn: 345, startRow: 259, endColumn: 0, endRow: 65_535 }),
].map((word) => wordsToBytes([word]))
