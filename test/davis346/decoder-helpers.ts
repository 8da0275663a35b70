import { createDecoder, type DecoderOptions } from '../../src/davis346/decoder.js'
import type { StreamLayout } from '../../src/davis346/layout.js'
import {
  columnWord,
  rowWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../src/davis346/words.js'
import type { Gap } from '../../src/events/signals.js'

const clocks = { logicMHz: 90, adcMHz: 30, usbMHz: 80 }
const imu = { type: 2, flipX: false, flipY: false, flipZ: false }

/** Raw array as public picture. */
export const UPRIGHT: StreamLayout = {
  dvs: { columns: 346, rows: 260, invertXY: false },
  aps: { columns: 346, rows: 260, invertXY: false, flipX: false, flipY: false },
  imu,
  clocks,
}

/** Sensor rotated by 90 degrees. */
export const ROTATED: StreamLayout = {
  dvs: { columns: 260, rows: 346, invertXY: true },
  aps: { columns: 260, rows: 346, invertXY: true, flipX: false, flipY: false },
  imu,
  clocks,
}

export interface Event {
  t: number
  x: number
  y: number
  on: number
}

/** Everything a decoder said, in the order in which it said it. */
export type Said =
  | ({ said: 'event' } & Event)
  | { said: 'time'; t: number }
  | { said: 'gap'; gap: Gap }
  | {
      said: 'image'
      x: number
      y: number
      width: number
      height: number
      pixels: number[]
      times: number[]
      exposureUs: number | undefined
    }
  | { said: 'imu'; t: number; accel: number[]; gyro: number[]; temperatureC: number }
  | { said: 'trigger'; t: number; kind: string }

export function record(
  options: { layout?: StreamLayout } & Pick<DecoderOptions, 'batchCapacity'> = {},
) {
  const { layout = UPRIGHT, ...rest } = options
  const said: Said[] = []
  const decoder = createDecoder({
    ...rest,
    layout,
    sink: {
      events(batch) {
        for (let i = 0; i < batch.length; i++) {
          said.push({
            said: 'event',
            t: batch.t0Us + batch.dtUs[i]!,
            x: batch.x[i]!,
            y: batch.y[i]!,
            on: batch.on[i]!,
          })
        }
      },
      time: (t) => said.push({ said: 'time', t }),
      gap: (gap) => said.push({ said: 'gap', gap: { ...gap } }),
      image: (image) =>
        said.push({
          said: 'image',
          x: image.x,
          y: image.y,
          width: image.width,
          height: image.height,
          pixels: [...image.pixels],
          times: [
            image.startOfFrameUs,
            image.startOfExposureUs,
            image.tUs,
            image.endOfExposureUs,
            image.endOfFrameUs,
          ],
          exposureUs: image.exposureUs,
        }),
      imu: (sample) =>
        said.push({
          said: 'imu',
          t: sample.tUs,
          accel: [...sample.accel],
          gyro: [...sample.gyro],
          temperatureC: sample.temperatureC,
        }),
      trigger: ({ tUs, kind }) => said.push({ said: 'trigger', t: tUs, kind }),
    },
  })
  const of = <K extends Said['said']>(kind: K) =>
    said.filter((s): s is Extract<Said, { said: K }> => s.said === kind)
  return {
    decoder,
    said,
    of,
    events: () => of('event').map(({ said: _, ...event }) => event),
    words: (words: readonly number[]) => decoder.decode(wordsToBytes(words), 0),
    count: () =>
      Object.fromEntries(Object.entries(decoder.counters.snapshot()).filter(([, n]) => n !== 0)),
  }
}

/** Words of events as a camera of this layout sends them, from time 0 after a reset. */
export function encodeEvents(events: readonly Event[], layout: StreamLayout): number[] {
  const words: number[] = []
  let wraps = 0
  let sent = -1
  for (const { t, x, y, on } of events) {
    const due = Math.floor(t / 32768) - wraps
    if (due > 0) {
      words.push(wrapWord(due))
      wraps += due
      sent = wraps * 32768
    }
    if (t !== sent) words.push(timestampWord(t))
    sent = t
    const { invertXY } = layout.dvs
    words.push(rowWord(invertXY ? x : y), columnWord(invertXY ? y : x, on))
  }
  return words
}

/** A small generator with a seed: the same numbers on every machine. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export function randomEvents(count: number, seed: number): Event[] {
  const random = seeded(seed)
  const events: Event[] = []
  let t = 0
  for (let i = 0; i < count; i++) {
    t += random() < 0.01 ? Math.floor(random() * 100_000) : Math.floor(random() * 40)
    events.push({
      t,
      x: Math.floor(random() * 346),
      y: Math.floor(random() * 260),
      on: random() < 0.5 ? 0 : 1,
    })
  }
  return events
}
