import t from 'tap'
import { CalibrationSession } from '../../src/calibration/session.js'
import { timeKind } from '../../src/calibration/time.js'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { loadFirmwareGates, loadPreset } from '../../src/davis346/presets.js'
import { createCameraSource } from '../../src/sources/camera.js'
import { createWorld, driftingClock } from '../../src/sources/emulated-world.js'
import { ManualClock } from '../publish/manual-clock.js'
import { row, start } from './helpers.js'

/** A minute through camera, USB port and driver, in the time that it takes to compute. */
for (const ppm of [37.5, -64]) {
  t.test(`a crystal that is ${ppm} ppm off is known to 1 ppm after 60 s of stream`, async (t) => {
    const clock = new ManualClock()
    const { stimulus } = createWorld({ seed: 5, noiseHz: 0.01, hotPixels: 0 })
    // The camera counts with its own crystal; the kind measures the host's against it.
    const camera = new EmulatedCamera({ clock: driftingClock(clock, -ppm), stimulus })
    const port = createEmulatedPort({ cameras: [camera], clock })
    const preset = await loadPreset('default')
    const source = createCameraSource({
      port,
      clock,
      preset: { ...preset, aps: { ...preset.aps, run: false } },
      gates: await loadFirmwareGates(),
    })
    t.teardown(async () => {
      await source.close()
      await port.close()
    })
    const stop = new AbortController()
    const session = new CalibrationSession({
      kind: timeKind,
      measurement: start(timeKind, { options: {}, seconds: 60 }),
      seconds: 60,
      settle: true,
    })
    const run = source.run(session.sink, stop.signal)
    let hostMs = 0
    for (; !session.over.aborted && hostMs < 90_000; hostMs += 20) {
      await clock.advance(20)
      session.tick(clock.nowUs())
    }
    stop.abort()
    // What still sleeps on the clock has to wake.
    let ended = false
    run.finally(() => {
      ended = true
    })
    while (!ended) await clock.advance(10)
    t.ok(session.finished, `over after ${hostMs / 1000} s of host time`)
    const outcome = session.finish()
    const data = outcome.data as { driftPpm: number; driftErrorPpm: number }
    t.comment(`true ${ppm.toFixed(2)} ppm, measured ${data.driftPpm.toFixed(2)} ppm`)
    t.ok(Math.abs(data.driftPpm - ppm) < 1, `${data.driftPpm} ± ${data.driftErrorPpm} ppm`)
    t.equal(row(outcome.rows, 'drift known to').verdict, 'PASS')
    t.equal(row(outcome.rows, 'camera time went back').value, 0)
  })
}
