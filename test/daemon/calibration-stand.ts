import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CalibrationStore } from '../../src/calibration/store.js'
import type { CalibrationNews } from '../../src/daemon/calibration-news.js'
import type { WorldRequest } from '../../src/daemon/calibration-world.js'
import { CaptureCamera } from '../../src/daemon/capture-camera.js'
import { CaptureLoan } from '../../src/daemon/capture-loan.js'
import { DaemonCalibration } from '../../src/daemon/daemon-calibration.js'
import { DaemonFacts } from '../../src/daemon/facts.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import type { Log } from '../../src/daemon/log.js'
import { effectivePreset } from '../../src/daemon/plan-source.js'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { loadFirmwareGates } from '../../src/davis346/presets.js'
import {
  BIASES,
  MODULE,
  PIXEL_FILTER_SLOTS,
  pixelFilterRegisters,
  REG,
} from '../../src/davis346/registers.js'
import { DAVIS346_SIZE } from '../../src/events/geometry.js'
import { type Clock, nowUs, systemClock } from '../../src/events/time.js'
import type { FiltersConfig } from '../../src/pipeline/schema.js'
import type { CalibrationPayload } from '../../src/publish/calibration-schema.js'
import { createCameraSource } from '../../src/sources/camera.js'
import { createWorld, type WorldOptions } from '../../src/sources/emulated-world.js'
import type { SourceSink, SourceState } from '../../src/sources/source.js'

const SERIAL = '00000489'
/** What measuring moves: everything else is a setting. */
const VOLATILE = /Statistics|TimestampReset/

interface Tap {
  teardown(end: () => Promise<void>): void
}

/**
 * The calibrations of a running daemon with all that they need and nothing else: an emulated camera whose registers can
 * be read, the driver, the capture thread's part without its thread, the calibration thread itself.
 */
export async function calibrationStand(
  t: Tap,
  given: { world?: WorldOptions; config?: object; clock?: Clock } = {},
) {
  const stateDir = mkdtempSync(join(tmpdir(), 'evtrackd-live-calibration-'))
  let config = parseConfig({ stateDir, source: { kind: 'emulator' }, ...given.config }, 'the test')
  const { stimulus, hotPixels } = createWorld({
    uncoverUs: Number.POSITIVE_INFINITY,
    hotPixels: 60,
    ...given.world,
  })
  const own = new EmulatedCamera({ clock: systemClock, stimulus })
  const port = createEmulatedPort({ cameras: [own], clock: systemClock })
  const emulated = port.cameras[0]!
  const preset = await effectivePreset(config.camera)
  const gates = await loadFirmwareGates()
  const source = createCameraSource({ port, clock: systemClock, gates, preset, random: () => 0 })
  const camera = new CaptureCamera({
    preset,
    configure: (next) => source.configure(next),
    dropped: () => 0,
    onGuard: () => {},
  })
  const shown: (WorldRequest | undefined)[] = []
  const loan = new CaptureLoan(camera, (wanted) => void shown.push(wanted))
  const facts = new DaemonFacts({ isCamera: true, nowUs })
  facts.inference = 'ready'
  const lines: string[] = []
  const say = (message: string) => void lines.push(message)
  const log: Log = { error: say, warning: say, info: say, debug: say }
  const published: CalibrationPayload[] = []
  const news: CalibrationNews[] = []
  const states: string[] = []
  let filters: FiltersConfig = config.filters
  const wake: (() => void)[] = []
  const woken = () => {
    for (const each of wake.splice(0)) each()
  }
  const calibration = new DaemonCalibration({
    log,
    clock: given.clock ?? systemClock,
    bootId: 'boot',
    size: DAVIS346_SIZE,
    facts,
    config: () => config,
    desk: () => ({
      configure: async (change) => {
        filters = change.filters ?? filters
        if (change.preset !== undefined) await camera.configure(change.preset)
      },
      lend: (wanted, signals, show) => {
        const state = facts.sourceState
        return loan.lend(wanted, { signals, state, ...(show !== undefined && { show }) })
      },
      set: (wanted) => loan.set(wanted),
      giveBack: async () => (await loan.giveBack()) ?? { events: 0, images: 0 },
    }),
    publish: (payload) => void published.push(payload),
    topic: () => 'topic',
    onNews: (each) => {
      news.push(each)
      woken()
    },
    changed: () => {
      const { state, reason = '' } = facts.state()
      states.push(`${state} ${reason}`.trim())
    },
  })
  const sink: SourceSink = {
    events: (batch) => void loan.sink?.events(batch),
    time: (tUs, hostUs) => loan.sink?.time(tUs, hostUs),
    gap: (gap) => loan.sink?.gap(gap),
    image: (image) => loan.sink?.image?.(image),
    imu: (sample) => loan.sink?.imu?.(sample),
    state: (state: SourceState) => {
      facts.sourceState = state
      loan.sink?.state?.(state)
      woken()
    },
  }
  const stop = new AbortController()
  const running = source.run(sink, stop.signal)
  calibration.begin()
  t.teardown(async () => {
    await calibration.close()
    stop.abort()
    await running
    await source.close()
    await port.close()
    rmSync(stateDir, { recursive: true })
  })
  const until = async (there: () => boolean) => {
    while (!there()) await new Promise<void>((resolve) => wake.push(resolve))
  }
  const streaming = () => until(() => facts.sourceState.state === 'streaming')
  await streaming()
  return {
    calibration,
    camera,
    hotPixels,
    lines,
    news,
    published,
    /** What the emulated user was asked for, and undefined each time that was over. */
    shown,
    states,
    faults: emulated.faults,
    store: new CalibrationStore(stateDir, SERIAL),
    until,
    streaming,
    unplugged: () => facts.sourceState.state === 'disconnected',
    filters: () => filters,
    reconfigure: (next: object) => {
      config = parseConfig({ stateDir, source: { kind: 'emulator' }, ...next }, 'the test')
      return config
    },
    /** Every setting the camera has now, by name. */
    registers: () =>
      registersOf((module, parameter) => emulated.model.registers.read(module, parameter)),
  }
}

function registersOf(read: (module: number, parameter: number) => number): Record<string, number> {
  const values: Record<string, number> = {}
  for (const [name, { module, parameter, readOnly }] of Object.entries(REG)) {
    if (!VOLATILE.test(name) && !readOnly) values[name] = read(module, parameter)
  }
  for (const { name, parameter } of BIASES) values[`bias ${name}`] = read(MODULE.bias, parameter)
  for (let slot = 0; slot < PIXEL_FILTER_SLOTS; slot++) {
    const { row, column } = pixelFilterRegisters(slot)
    values[`filter ${slot} row`] = read(row.module, row.parameter)
    values[`filter ${slot} column`] = read(column.module, column.parameter)
  }
  return values
}
