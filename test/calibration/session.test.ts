import t from 'tap'
import { imuKind } from '../../src/calibration/imu.js'
import type { CalibrationKind, Measurement } from '../../src/calibration/kind.js'
import { CalibrationSession } from '../../src/calibration/session.js'
import { EvtrackError } from '../../src/events/errors.js'
import type { SourceState } from '../../src/sources/source.js'
import { batchOf, resting } from './helpers.js'

/** Five seconds, and what was measured in them. */
function session(
  more: Partial<Measurement> = {},
  { kind = imuKind, settle = true }: { kind?: CalibrationKind; settle?: boolean } = {},
) {
  const seen: number[] = []
  const measurement: Measurement = {
    imu: ({ tUs }) => void seen.push(tUs),
    progress: () => ({ text: '', figures: {} }),
    finish: () => ({ rows: [], data: {}, pictures: [], exports: [] }),
    ...more,
  }
  return { run: new CalibrationSession({ kind, measurement, seconds: 5, settle }), seen }
}

const why = ({ over }: CalibrationSession) => {
  if (!(over.reason instanceof EvtrackError)) throw new Error(`ended with ${over.reason}`)
  return over.reason
}

t.test(
  'what comes while the camera settles does not count, and it ends by device time',
  async (t) => {
    const { run, seen } = session()
    for (let ms = 0; ms <= 5400; ms += 100) {
      run.sink.imu?.(resting(ms * 1000, [0, 0, 0], [0, 1, 0]))
      run.tick(ms)
    }
    t.equal(seen[0], 300_000)
    t.equal(seen.at(-1), 5_300_000)
    t.ok(run.finished)
    t.equal(run.progress().share, 1)
  },
)

t.test('a camera that streams something else is told which stream is missing', async (t) => {
  const fed = (toS: number) => {
    const { run } = session()
    run.sink.state?.({ state: 'streaming', serial: '1' } as SourceState)
    for (let s = 0; s <= toS; s += 0.1) run.sink.events(batchOf([{ t: s * 1e6, x: 1, y: 1 }]))
    run.tick(toS * 1e6)
    t.notOk(run.finished)
    return run
  }
  t.notOk(fed(4).over.aborted, 'it may still come')
  // Told while there is time left, and where the time is over before.
  for (const toS of [5.15, 6]) {
    t.match(why(fed(toS)), {
      code: 'CALIBRATION_FAILED',
      message: 'The camera delivers no imu.',
      next: /preset/,
    })
  }
})

t.test('a long recording without the stream says so as well, as a recording', async (t) => {
  const { run } = session({}, { settle: false })
  for (let s = 0; s <= 6; s += 0.1) run.sink.events(batchOf([{ t: s * 1e6, x: 1, y: 1 }]))
  run.tick(0)
  t.match(why(run), { message: 'The recording delivers no imu.', next: /Record again/ })
})

t.test(
  'a camera that is unplugged, refused or never there ends it, each in its words',
  async (t) => {
    const ends = (states: readonly Partial<SourceState>[], hostUs = 0) => {
      const { run } = session()
      run.tick(0)
      for (const state of states) run.sink.state?.(state as SourceState)
      run.tick(hostUs)
      return why(run)
    }
    const gone = { state: 'disconnected', reason: 'No DAVIS346 is connected.' } as const
    t.match(ends([{ state: 'streaming' }, gone]), {
      code: 'CAMERA_LOST',
      message: /nothing is kept/,
    })
    t.match(ends([{ state: 'refused', code: 'FIRMWARE_UNSUPPORTED', reason: 'old' }]), {
      code: 'FIRMWARE_UNSUPPORTED',
    })
    t.match(ends([{ ...gone, code: 'CAMERA_NOT_FOUND' }]), {
      code: 'CAMERA_NOT_FOUND',
      next: /--source emulator/,
    })
    t.match(ends([{ state: 'connecting' }], 11e6), { code: 'CAMERA_LOST' })
  },
)

t.test('a change that the camera refuses ends it as well', async (t) => {
  const measurement: Measurement = {
    progress: () => ({ text: '', figures: {} }),
    want: () => ({}) as never,
    finish: () => ({ rows: [], data: {}, pictures: [], exports: [] }),
  }
  const run = new CalibrationSession({
    kind: imuKind,
    measurement,
    seconds: 5,
    settle: true,
    configure: () => Promise.reject(new Error('stall')),
  })
  run.tick(0)
  await new Promise((resolve) => setImmediate(resolve))
  t.match(why(run), { code: 'CAMERA_LOST', cause: /stall/ })
})

t.test('device time that starts again keeps what was measured so far', async (t) => {
  const { run } = session()
  const stream = (fromMs: number, toMs: number) => {
    for (let ms = fromMs; ms <= toMs; ms += 100)
      run.sink.imu?.(resting(ms * 1000, [0, 0, 0], [0, 1, 0]))
  }
  stream(0, 2300)
  t.equal(run.progress().seconds, 2)
  run.sink.gap({ reason: 'reset' } as never)
  stream(0, 1300)
  t.ok(Math.abs(run.progress().seconds - 3) < 0.31, `${run.progress().seconds}`)
  run.tick(0)
  t.notOk(run.finished)
})
