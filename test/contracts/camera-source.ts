import type { Test } from 'tap'
import { loadFirmwareGates, loadPreset } from '../../src/davis346/presets.js'
import type { Preset } from '../../src/davis346/schema.js'
import { DECODER_COUNTERS } from '../../src/davis346/violations.js'
import type { ImuSample, Trigger } from '../../src/events/signals.js'
import { systemClock } from '../../src/events/time.js'
import { createCameraSource } from '../../src/sources/camera.js'
import type { SourceSink, SourceState } from '../../src/sources/source.js'
import type { UsbPort } from '../../src/usb/port.js'
import type { CameraRemote } from '../usb-shim/remote.js'
import { SCRIPT_EDGES, SCRIPT_EVENTS, SCRIPT_READING, scriptBrightness } from './camera-script.js'

export interface CameraSourceHarness {
  port(): UsbPort
  readonly camera: CameraRemote
}

const gates = await loadFirmwareGates()
const defaults = await loadPreset('default')
/** Single events have no neighbours, which the camera's own background filter asks for. */
const unfiltered: Preset = { ...defaults, dvs: { ...defaults.dvs, backgroundActivity: false } }

/** The whole driver on a camera that plays camera-script.ts: what comes out is what the script says. */
export async function scriptedCamera(t: Test, harness: CameraSourceHarness): Promise<void> {
  const { camera } = harness
  const seen = new SeenEvents()
  const triggers: Trigger[] = []
  const samples: ImuSample[] = []
  let image: { width: number; height: number; pixels: Uint16Array | Uint8Array } | undefined
  const run = new Running(harness, {
    preset: {
      ...unfiltered,
      external: {
        ...unfiltered.external,
        detectRising: true,
        detectFalling: true,
        detectPulses: false,
      },
    },
    sink: {
      events: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          seen.add(batch.t0Us + batch.dtUs[i]!, [batch.x[i]!, batch.y[i]!, batch.on[i]!])
        }
      },
      image: (each) => {
        image = { width: each.width, height: each.height, pixels: each.pixels.slice() }
      },
      imu: (sample) => samples.push(structuredClone(sample)),
      trigger: (trigger) => triggers.push({ ...trigger }),
    },
  })
  await run.until(() => run.states.at(-1)?.state === 'streaming')
  const startUs = await camera.beginScript()
  const whole = () => seen.count === SCRIPT_EVENTS.length && triggers.length >= SCRIPT_EDGES.length
  const interrupted = () => run.states.at(-1)?.state !== 'streaming'
  await run.until(() => interrupted() || (whole() && image !== undefined && samples.length >= 100))
  t.notOk(interrupted(), `states: ${JSON.stringify(run.states)}`)
  // Counter minus stimulus time was set when the driver reset the timestamps.
  const offsetUs = startUs + (await camera.clockOffsetUs())
  await run.stop()

  t.equal(seen.firstDifference(offsetUs), undefined, 'events, exact in place, polarity and time')
  t.same(
    triggers.filter(({ kind }) => kind.startsWith('external')),
    SCRIPT_EDGES.map(({ tUs, high }) => ({
      tUs: tUs + offsetUs,
      kind: high ? 'external-rising' : 'external-falling',
    })),
  )
  const wrong = image?.pixels.findIndex(
    (value, i) => value !== scriptBrightness(i % 346, Math.floor(i / 346)) << 6,
  )
  t.match(image, { width: 346, height: 260 })
  t.equal(wrong, -1, 'every pixel of the picture')
  const pauses = samples.slice(1, 100).map(({ tUs }, i) => tUs - samples[i]!.tUs)
  t.same([...new Set(pauses)], [1000], 'the IMU at a kilohertz')
  for (const axis of [0, 1, 2]) {
    t.ok(Math.abs(samples[0]!.accel[axis]! - SCRIPT_READING.accel[axis]!) < 1e-3)
    t.ok(Math.abs(samples[0]!.gyro[axis]! - SCRIPT_READING.gyro[axis]!) < 2e-2)
  }
  t.ok(Math.abs(samples[0]!.temperatureC - SCRIPT_READING.temperatureC) < 1e-2)
}

/** The whole driver on a camera that shows bars and misbehaves. */
export async function misbehavingCamera(t: Test, harness: CameraSourceHarness): Promise<void> {
  const { camera } = harness
  const preset: Preset = { ...unfiltered, aps: { ...unfiltered.aps, run: false } }
  const run = new Running(harness, { preset, sink: {} })
  await run.events(1000)
  t.match(run.states.at(-1), { state: 'streaming', firmware: 6, logic: 18 })

  await t.test('unplugged and plugged in again', async (t) => {
    await run.reaches('disconnected', () => camera.unplug())
    t.equal(run.states.at(-1)?.code, 'CAMERA_LOST')
    await run.reaches('streaming', () => camera.plug())
    await run.events(1000)
    t.ok(run.gaps.includes('reconnect'))
  })

  await t.test('a stalled endpoint is cleared', async (t) => {
    await run.reaches('stalled', () => camera.stallBulk())
    // The first events may come a moment before the state that says so.
    await run.until(() => run.states.at(-1)?.state === 'streaming')
    await run.events(1000)
    t.equal(run.states.at(-1)?.state, 'streaming')
  })

  await t.test('a camera that falls silent is restarted', async (t) => {
    await run.reaches('stalled', () => camera.silence(true))
    await run.reaches('streaming', () => camera.silence(false))
    await run.events(1000)
    t.equal(run.states.at(-1)?.state, 'streaming')
  })

  await t.test('lost transfers, garbage, an odd byte, an unasked reset', async (t) => {
    await camera.loseTransfers(2)
    await run.events(5000)
    await camera.garbage(5000, 3)
    await run.until(() => run.counter('unknownSpecial') > 0)
    await camera.oddByte()
    await run.until(() => run.counter('oddByte') > 0)
    const resets = run.counter('resets')
    await camera.resetTimestamps()
    await run.until(() => run.counter('resets') > resets)
    t.ok(run.gaps.includes('reset'))
    await run.events(1000)
    const violations = run.violations()
    await run.events(20_000)
    t.equal(run.violations(), violations, 'nothing of it lasts')
    t.equal(run.states.at(-1)?.state, 'streaming')
  })

  await t.test(
    'other firmware or logic is refused, and accepted when it is right again',
    async (t) => {
      for (const wrong of [{ logic: 17 }, { logic: 18, firmware: 5 }]) {
        await camera.unplug()
        await camera.replace(wrong)
        await run.reaches('refused', () => camera.plug())
        t.match(run.states.at(-1), { code: 'FIRMWARE_UNSUPPORTED', ...wrong })
      }
      await camera.unplug()
      await camera.replace({ firmware: 6, logic: 18 })
      await run.reaches('streaming', () => camera.plug())
      await run.events(1000)
    },
  )
  await run.stop()
}

/** A camera source that runs, and promises for what it will report. */
class Running {
  readonly states: SourceState[] = []
  readonly gaps: string[] = []
  readonly #port: UsbPort
  readonly #source
  readonly #stop = new AbortController()
  readonly #done: Promise<unknown>
  readonly #waiting = new Set<() => void>()
  #events = 0

  constructor(
    harness: CameraSourceHarness,
    options: { preset: Preset; sink: Partial<SourceSink> },
  ) {
    const { sink } = options
    this.#port = harness.port()
    this.#source = createCameraSource({
      port: this.#port,
      clock: systemClock,
      gates,
      preset: options.preset,
    })
    const after = () => {
      for (const check of [...this.#waiting]) check()
    }
    this.#done = this.#source.run(
      {
        ...sink,
        events: (batch) => {
          this.#events += batch.length
          sink.events?.(batch)
          after()
        },
        time: after,
        image: (image) => {
          sink.image?.(image)
          after()
        },
        gap: ({ reason }) => this.gaps.push(reason),
        state: (state) => {
          this.states.push(state)
          after()
        },
      },
      this.#stop.signal,
    )
  }

  counter(name: string): number {
    return this.#source.counters()[name] ?? 0
  }

  violations(): number {
    const delivered = ['events', 'images', 'imuSamples', 'triggers', 'resets']
    const names = DECODER_COUNTERS.filter((name) => !delivered.includes(name))
    return names.reduce((sum, name) => sum + this.counter(name), 0)
  }

  until(met: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!met()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Resolves after `count` more events. */
  events(count: number): Promise<void> {
    const goal = this.#events + count
    return this.until(() => this.#events >= goal)
  }

  /** Acts, and resolves when `state` has been reported since. */
  async reaches(state: SourceState['state'], act: () => Promise<void>): Promise<void> {
    const known = this.states.length
    const reached = this.until(() => this.states.slice(known).some((each) => each.state === state))
    await act()
    await reached
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
    await this.#source.close()
    await this.#port.close()
  }
}

/** Compares with the script as a whole: a test for each event would be slow to report. */
class SeenEvents {
  count = 0
  readonly #all: { tUs: number; x: number; y: number; on: number }[] = []

  add(tUs: number, [x, y, on]: [number, number, number]): void {
    this.count++
    this.#all.push({ tUs, x, y, on })
  }

  firstDifference(offsetUs: number): object | undefined {
    for (const [i, wanted] of SCRIPT_EVENTS.entries()) {
      const found = this.#all[i]!
      const same =
        found.tUs === wanted.tUs + offsetUs &&
        found.x === wanted.x &&
        found.y === wanted.y &&
        found.on === (wanted.on ? 1 : 0)
      if (!same) return { i, wanted, found, offsetUs }
    }
    return undefined
  }
}
