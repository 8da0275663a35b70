import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBatch } from '../../src/events/batch.js'
import type { ApsImage, Gap, ImuSample, Trigger } from '../../src/events/signals.js'
import type { Clock } from '../../src/events/time.js'
import { COMPRESSIONS, type Compression } from '../../src/sources/aedat4/format.js'
import { encodeHeader } from '../../src/sources/aedat4/header.js'
import { createRecordingSource } from '../../src/sources/recording.js'

/** dist/test/sources → the project's root. */
export const ROOT = new URL('../../../', import.meta.url).pathname
export const DATA = join(ROOT, '../shared/data')

export function fixture(name: string): Buffer {
  return readFileSync(join(ROOT, 'test/fixtures/aedat4', name))
}

export function temporaryDirectory(t: { teardown(fn: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'evtrackd-aedat4-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface Heard {
  events: { t: number; x: number; y: number; on: number }[]
  images: ApsImage[]
  imu: ImuSample[]
  triggers: Trigger[]
  gaps: Gap[]
  times: number[]
  batchSizes: number[]
}

/** A sink that keeps copies of everything. */
export function listener() {
  const heard: Heard = {
    events: [],
    images: [],
    imu: [],
    triggers: [],
    gaps: [],
    times: [],
    batchSizes: [],
  }
  const sink = {
    events(batch: EventBatch) {
      heard.batchSizes.push(batch.length)
      for (let i = 0; i < batch.length; i++) {
        heard.events.push({
          t: batch.t0Us + batch.dtUs[i]!,
          x: batch.x[i]!,
          y: batch.y[i]!,
          on: batch.on[i]!,
        })
      }
    },
    time: (tUs: number) => void heard.times.push(tUs),
    gap: (gap: Gap) => void heard.gaps.push(gap),
    image: (image: ApsImage) =>
      void heard.images.push({ ...image, pixels: image.pixels.slice() as Uint8Array }),
    imu: (sample: ImuSample) => void heard.imu.push(sample),
    trigger: (trigger: Trigger) => void heard.triggers.push(trigger),
  }
  return { heard, sink }
}

/** A clock that stands at `us` and whose sleeps pass at once. */
export function leapingClock(us = 1_000_000) {
  const state = { us, sleptMs: 0 }
  const clock: Clock = {
    nowUs: () => state.us,
    wallUs: () => state.us + 1_700_000_000_000_000,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      state.us += ms * 1000
      state.sleptMs += ms
    },
  }
  return { clock, state }
}

/** A clock that stands still; `tick` lets its sleepers go on. */
export function stillClock(us = 1_000_000) {
  const sleepers: (() => void)[] = []
  const state = { us }
  const clock: Clock = {
    nowUs: () => state.us,
    wallUs: () => state.us + 1_700_000_000_000_000,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push(resolve)
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  const tick = () => {
    for (const wake of sleepers.splice(0)) wake()
  }
  return { clock, state, tick }
}

/** Plays a file to its end and returns what was heard and reported. */
export async function play(path: string) {
  const source = await createRecordingSource({ path, pace: 'fast', clock: leapingClock().clock })
  const { heard, sink } = listener()
  try {
    const ended = await source.run(sink, new AbortController().signal)
    return {
      ended,
      heard,
      info: source.info,
      facts: source.facts,
      counters: source.counters(),
      problems: source.problems(),
    }
  } finally {
    await source.close()
  }
}

/** A file header without data table, for any compression. */
export function header(compression: Compression): Buffer {
  const bytes = encodeHeader({
    compression: 'NONE',
    size: { width: 346, height: 260 },
    source: 'DAVIS346_00000489',
    tsOffsetUs: 0,
  })
  bytes.writeInt32LE(COMPRESSIONS.indexOf(compression), 14 + 28)
  return bytes
}

export function packet(streamId: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32LE(streamId, 0)
  head.writeInt32LE(body.byteLength, 4)
  return Buffer.concat([head, body])
}

/** An uncompressed EVTS packet body, written field by field. */
export function eventsBody(
  events: readonly { t: number; x: number; y: number; on: number }[],
): Buffer {
  const bytes = Buffer.alloc(32 + 16 * events.length)
  bytes.writeUInt32LE(bytes.length - 4, 0)
  bytes.writeUInt32LE(16, 4)
  bytes.write('EVTS', 8, 'latin1')
  for (const [i, word] of [0, 6, 8, 4].entries()) bytes.writeUInt16LE(word, 12 + 2 * i)
  bytes.writeInt32LE(6, 20)
  bytes.writeUInt32LE(4, 24)
  bytes.writeUInt32LE(events.length, 28)
  for (const [i, event] of events.entries()) {
    bytes.writeBigInt64LE(BigInt(event.t), 32 + 16 * i)
    bytes.writeInt16LE(event.x, 40 + 16 * i)
    bytes.writeInt16LE(event.y, 42 + 16 * i)
    bytes.writeUInt8(event.on, 44 + 16 * i)
  }
  return bytes
}

/** Writes parts as one file and returns its path. */
export function writeFile(directory: string, name: string, ...parts: Uint8Array[]): string {
  const path = join(directory, name)
  writeFileSync(path, Buffer.concat(parts))
  return path
}
