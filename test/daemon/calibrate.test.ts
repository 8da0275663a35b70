import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lockCamera } from '../../src/calibration/lock.js'
import { CalibrationStore } from '../../src/calibration/store.js'
import { ActiveCalibration } from '../../src/daemon/active-calibration.js'
import { type CalibrateRequest, calibrate } from '../../src/daemon/calibrate.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import type { Log } from '../../src/daemon/log.js'
import { EvtrackError } from '../../src/events/errors.js'
import { systemClock } from '../../src/events/time.js'
import { createRecorder } from '../../src/sources/recorder.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { batchOf } from '../calibration/helpers.js'

const SERIAL = '00000489'
const folder = () => mkdtempSync(join(tmpdir(), 'evtrackd-calibrate-'))

function configFor(stateDir: string, source: object = { kind: 'emulator' }, more: object = {}) {
  return parseConfig({ stateDir, camera: { serial: SERIAL }, source, ...more }, 'test')
}

function request(kind: CalibrateRequest['kind'], more: Partial<CalibrateRequest> = {}) {
  return { kind, dryRun: false, signal: new AbortController().signal, ...more }
}

async function refused(work: Promise<unknown>): Promise<EvtrackError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof EvtrackError) return error
  throw new Error(`was not refused: ${error}`)
}

/** Three seconds of noise with a hot pixel at (7, 8), events only. */
async function recordNoise(path: string, serial = SERIAL): Promise<void> {
  const rng = createRng(1)
  const recorder = await createRecorder({
    to: { path },
    camera: { name: 'DAVIS346', size: { width: 346, height: 260 }, serial },
    clock: systemClock,
  } as Parameters<typeof createRecorder>[0])
  for (let from = 0; from < 3e6; from += 50_000) {
    const noise = Array.from({ length: 500 }, () => ({
      t: from + rng.int(50_000),
      x: rng.int(346),
      y: rng.int(260),
    }))
    const hot = Array.from({ length: 10 }, (_, i) => ({ t: from + 5000 * i, x: 7, y: 8 }))
    recorder.events(batchOf([...noise, ...hot]))
  }
  await recorder.close()
}

const quiet = () => {
  const lines: string[] = []
  const say = (message: string) => void lines.push(message)
  const log: Log = { error: say, warning: say, info: say, debug: say }
  return { log, lines }
}

t.test('from a recording: found, kept, active, used by the daemon, rolled back', async (t) => {
  const dir = folder()
  const file = join(dir, 'dark.aedat4')
  await recordNoise(file)
  const config = configFor(dir, { kind: 'recording', file })
  const dry = await calibrate(config, request('hot-pixels', { dryRun: true }))
  t.equal(dry.verdict, 'PASS')
  t.notOk(existsSync(join(dir, 'calibration')), 'a dry run writes nothing')
  const shares: number[] = []
  const report = await calibrate(
    config,
    request('hot-pixels', { onProgress: ({ share }) => void shares.push(share) }),
  )
  t.same(report.outcome.settings?.hotPixels?.[0], [7, 8])
  t.equal(report.activated, true)
  t.equal(shares.at(-1), 1)
  const { log, lines } = quiet()
  const active = new ActiveCalibration(log)
  t.equal(active.load(config, SERIAL), true)
  t.equal(active.load(config, SERIAL), false, 'already in use')
  t.same(active.ids, [report.stored?.id])
  t.match(lines[0], 'calibrations in use')
  const { filters, preset } = await active.whole(config, true)
  t.same(filters?.hotPixels[0], [7, 8])
  t.same(preset?.dvs.pixelFilter[0], { x: 7, y: 8 })
  const off = configFor(dir, { kind: 'emulator' }, { calibration: { use: false } })
  t.equal(active.load(off, SERIAL), true)
  t.same(active.ids, [], 'switched off')
  active.load(config, SERIAL)
  new CalibrationStore(dir, SERIAL).rollback('hot-pixels')
  active.load(config, SERIAL)
  t.same((await active.whole(config, false)).filters?.hotPixels, [])
})

t.test('a recording that cannot serve', async (t) => {
  const dir = folder()
  const file = join(dir, 'dark.aedat4')
  await recordNoise(file)
  const config = configFor(dir, { kind: 'recording', file })
  const noStream = await refused(calibrate(config, request('imu')))
  t.match(noStream, {
    code: 'CALIBRATION_FAILED',
    message: /delivers no imu/,
    next: /Record again/,
  })
  const needsCamera = await refused(calibrate(config, request('exposure')))
  t.match(needsCamera, { code: 'CALIBRATION_FAILED', next: /--from/ })
  const other = parseConfig(
    { stateDir: dir, camera: { serial: '00000007' }, source: { kind: 'recording', file } },
    'test',
  )
  const wrong = await refused(calibrate(other, request('hot-pixels')))
  t.match(wrong, { code: 'CALIBRATION_INVALID', message: /00000489/ })
  const store = new CalibrationStore(dir, SERIAL)
  t.same([store.list(), store.active().size], [[], 0], 'nothing is half applied')
})

t.test('a still, covered camera: its bias is found through the whole driver', async (t) => {
  const dir = folder()
  const states: string[] = []
  const report = await calibrate(
    configFor(dir),
    request('imu', { seconds: 2, onState: ({ state }) => void states.push(state) }),
  )
  const data = report.outcome.data as { gyroBias: [number, number, number] }
  const truth = [0.8, -1.3, 0.4]
  for (const [i, b] of data.gyroBias.entries()) t.ok(Math.abs(b - truth[i]!) < 0.02, `${b}`)
  t.ok(states.includes('streaming'))
  t.equal(report.serial, SERIAL)
  t.equal(report.stored?.seconds.toFixed(0), '2')
})

t.test('the same emulated camera again: what was found before counts', async (t) => {
  const dir = folder()
  const config = parseConfig({ stateDir: dir, source: { kind: 'emulator' } }, 'test')
  const measure = () => calibrate(config, request('hot-pixels', { seconds: 1 }))
  const first = await measure()
  t.match(first, { serial: SERIAL, activated: true })
  const again = (await measure()).outcome.rows.find(({ name }) => /new against/.test(name))
  t.match(again, { verdict: 'PASS' }, 'no --serial is needed for it')
})

t.test('an active result that cannot be read is said, and does not stand in the way', async (t) => {
  const dir = folder()
  const first = await calibrate(configFor(dir), request('zones', zonesRequest))
  const file = join(dir, 'calibration', SERIAL, `${first.stored?.id}.json`)
  writeFileSync(file, readFileSync(file, 'utf8').replace('"schema": 1', '"schema": 99'))
  const told: string[] = []
  const again = await calibrate(
    configFor(dir),
    request('zones', { ...zonesRequest, onLeftOut: ({ message }) => told.push(message) }),
  )
  t.equal(again.activated, true, 'calibrating again is what the message says to do')
  t.match(told, [/version 99/])
  t.equal(told.length, 1)
  t.match([...new CalibrationStore(dir, SERIAL).active().keys()], ['zones'])
})

t.test('interrupted: nothing is written and the lock is free again', async (t) => {
  const dir = folder()
  const stop = new AbortController()
  const work = calibrate(
    configFor(dir),
    request('hot-pixels', { signal: stop.signal, onProgress: () => stop.abort() }),
  )
  t.match(await refused(work), { code: 'CALIBRATION_FAILED', message: /nothing has changed/ })
  t.same(readdirSync(join(dir, 'calibration', SERIAL)), [])
})

t.test('two at once: the second is refused', async (t) => {
  const dir = folder()
  const store = new CalibrationStore(dir, SERIAL)
  const release = lockCamera(store.dir, 'imu')
  const error = await refused(calibrate(configFor(dir), request('zones', zonesRequest)))
  t.match(error, { code: 'CALIBRATION_BUSY', message: /imu/, next: /Wait/ })
  release()
  const done = await calibrate(configFor(dir), request('zones', zonesRequest))
  t.equal(done.activated, true)
})

const zonesRequest = {
  options: {
    zones: [
      {
        name: 'gate',
        mode: 'count',
        polygon: [
          [0, 0],
          [9, 0],
          [9, 9],
        ],
      },
    ],
  },
}

t.test('options that are wrong name their key', async (t) => {
  const dir = folder()
  const wrong = request('exposure', { options: { target: 999 } })
  t.match(await refused(calibrate(configFor(dir), wrong)), {
    code: 'CONFIG_INVALID',
    message: /target/,
    next: /calibration\.exposure/,
  })
})
