import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import type { KindName } from '../../src/calibration/kind.js'
import { effectivePreset } from '../../src/daemon/plan-source.js'
import { calibrationStand } from './calibration-stand.js'

t.setTimeout(60_000)

type Stand = Awaited<ReturnType<typeof calibrationStand>>

/** Starts a kind and waits until it has changed the camera's settings. */
async function untilChanged(stand: Stand, kind: KindName, options: object = {}) {
  const before = stand.registers()
  const accepted = await stand.calibration.live.start({
    kind,
    origin: 'socket',
    options: options as Record<string, unknown>,
  })
  let ended = false
  void accepted.over.then(() => {
    ended = true
  })
  const differs = () => JSON.stringify(stand.registers()) !== JSON.stringify(before)
  await stand.until(() => ended || (differs() && (stand.news.at(-1)?.progress?.seconds ?? 0) > 0))
  if (ended) throw new Error(`${kind} ended before it had changed anything`)
  return { accepted, before }
}

const KINDS: readonly (readonly [KindName, object])[] = [
  ['hot-pixels', {}],
  ['biases', { minPerSecond: 2e6, maxPerSecond: 3e6 }],
  ['noise', {}],
  ['exposure', { target: 200 }],
]

t.test('cancelled, the camera has every setting back that the kind had changed', async (t) => {
  const stand = await calibrationStand(t, {
    world: { uncoverUs: 0, radiance: 20, noiseHz: 0.02, hotPixels: 0 },
  })
  for (const [kind, options] of KINDS) {
    const { accepted, before } = await untilChanged(stand, kind, options)
    t.equal(stand.states.at(-1), `degraded calibrating ${kind}`)
    t.equal(await stand.calibration.live.cancel('another'), false)
    t.equal(await stand.calibration.live.cancel(accepted.id), true)
    const end = await accepted.over
    t.match(end, { state: 'cancelled', error: { code: 'CALIBRATION_FAILED' } })
    t.strictSame(stand.registers(), before, `${kind}: read back from the camera`)
    t.equal(stand.states.at(-1), 'ready')
    t.equal(stand.published.at(-1)?.state, 'cancelled')
  }
  t.same([stand.store.list(), stand.store.active().size], [[], 0], 'nothing is kept')
  t.notOk(existsSync(`${stand.store.dir}/lock`), 'others may calibrate')
  const none = await stand.calibration.handlers['calibrate/cancel']({})
  t.match(none, { ok: false, code: 'CALIBRATION_NONE' })
})

t.test('what passes is in effect when its end is told', async (t) => {
  const stand = await calibrationStand(t)
  const dry = { kind: 'hot-pixels', origin: 'mqtt', seconds: 1, dryRun: true } as const
  const before = stand.registers()
  const tried = await (await stand.calibration.live.start(dry)).over
  t.match(tried, { state: 'done', report: { verdict: 'PASS', activated: false } })
  t.strictSame(stand.registers(), before, 'a dry run changes nothing')
  t.same(stand.store.list(), [])

  const start = stand.calibration.live.start({ ...dry, dryRun: false })
  t.match(await stand.calibration.handlers['calibrate/start']({ kind: 'imu' }).catch((e) => e), {
    code: 'CALIBRATION_BUSY',
    message: /hot-pixels/,
    next: /calibrate\/cancel/,
  })
  const end = await (await start).over
  t.match(end, { state: 'done', report: { verdict: 'PASS', activated: true } })
  t.same(stand.calibration.active.ids, [stand.store.active().get('hot-pixels')?.id])
  const truth = new Set(stand.hotPixels.map(({ x, y }) => `${x},${y}`))
  const masked = stand.filters().hotPixels.filter(([x, y]) => truth.has(`${x},${y}`))
  t.ok(masked.length >= 0.95 * truth.size, `${masked.length} of ${truth.size} are masked`)
  const after = stand.registers()
  const changed = Object.keys(after).filter((name) => after[name] !== before[name])
  t.ok(
    changed.some((name) => /^filter 0/.test(name)),
    'and the worst silenced in the camera',
  )
  t.ok(
    changed.every((name) => /filter/i.test(name)),
    `nothing else differs: ${changed}`,
  )
  t.equal(stand.published.at(-1)?.result?.activated, true)
  t.match(stand.shown.filter(Boolean), [{ view: 'dark', seconds: 1 }, { view: 'dark' }])
  t.equal(stand.shown.at(-1), undefined, 'an emulated camera is uncovered again')
})

t.test('FAIL: kept for the report, and nothing of it in effect', async (t) => {
  const stand = await calibrationStand(t, { world: { hotPixels: 1500 } })
  const before = stand.registers()
  const { over } = await stand.calibration.live.start({
    kind: 'hot-pixels',
    origin: 'mqtt',
    seconds: 1,
    options: { rateHz: 20 },
  })
  t.match(await over, { state: 'done', report: { verdict: 'FAIL', activated: false } })
  t.strictSame(stand.registers(), before)
  t.same(
    stand.store.list().map(({ verdict }) => verdict),
    ['FAIL'],
  )
  t.equal(stand.store.active().size, 0)
  t.same(stand.calibration.active.ids, [])
})

t.test('unplugged: told, and the camera that comes back has its settings', async (t) => {
  const stand = await calibrationStand(t)
  const { accepted, before } = await untilChanged(stand, 'hot-pixels')
  await stand.faults.unplug()
  t.match(await accepted.over, { state: 'failed', error: { code: 'CAMERA_LOST' } })
  const gone = await stand.calibration.live.start({ kind: 'imu', origin: 'mqtt' }).catch((e) => e)
  t.match(gone, { message: /does not stream/, next: /doctor/ })
  await stand.faults.plug()
  await stand.streaming()
  t.strictSame(stand.registers(), before)
})

t.test('a camera that does not take the settings keeps its own', async (t) => {
  const stand = await calibrationStand(t)
  const before = stand.registers()
  stand.faults.stallControl(1)
  const { over } = await stand.calibration.live.start({ kind: 'hot-pixels', origin: 'mqtt' })
  t.match(await over, { state: 'failed', error: { code: 'CAMERA_LOST', message: /did not take/ } })
  await stand.streaming()
  t.strictSame(stand.registers(), before)
})

t.test('what cannot be meant is refused before anything begins', async (t) => {
  const stand = await calibrationStand(t)
  const { handlers, live } = stand.calibration
  t.match(await handlers['calibrate/start']({ kind: 'nois' }), {
    ok: false,
    code: 'REQUEST_INVALID',
    message: /hot-pixels/,
  })
  const wrong = handlers['calibrate/start']({ kind: 'exposure', options: { max_us: -1 } })
  await t.rejects(wrong, { code: 'CONFIG_INVALID', message: /max_us/ })
  const none = await live.start({
    kind: 'exposure',
    origin: 'mqtt',
    options: { minUs: 900, maxUs: 100 },
  })
  t.match(await none.over, {
    state: 'failed',
    error: { code: 'CALIBRATION_FAILED', next: /max_us/ },
  })
  t.equal(live.running, undefined)
  t.same(stand.store.list(), [])
})

t.test(
  'a state directory that cannot be used is an answer, and the camera is let alone',
  async (t) => {
    const stand = await calibrationStand(t)
    const before = stand.registers()
    mkdirSync(dirname(dirname(stand.store.dir)), { recursive: true })
    writeFileSync(dirname(stand.store.dir), 'no folder')
    await t.rejects(stand.calibration.live.start({ kind: 'hot-pixels', origin: 'mqtt' }), {
      code: 'CALIBRATION_FAILED',
    })
    t.equal(stand.calibration.live.running, undefined)
    t.same(stand.states, [], 'never degraded')
    t.strictSame(stand.registers(), before)
  },
)

t.test('the daemon stops: as before, and nothing more is taken', async (t) => {
  const stand = await calibrationStand(t)
  const { accepted, before } = await untilChanged(stand, 'noise')
  await stand.calibration.close()
  t.match(await accepted.over, { state: 'cancelled' })
  t.strictSame(stand.registers(), before)
  await t.rejects(stand.calibration.live.start({ kind: 'imu', origin: 'mqtt' }), {
    message: /stopping/,
  })
})

t.test('a preset that is configured meanwhile is what the camera goes back to', async (t) => {
  const stand = await calibrationStand(t)
  const { accepted, before } = await untilChanged(stand, 'hot-pixels')
  const preset = await effectivePreset({ ...stand.reconfigure({}).camera, preset: 'night' })
  const during = stand.registers()
  await stand.camera.configure(preset)
  t.strictSame(stand.registers(), during, 'not while it is measured')
  await stand.calibration.live.cancel(accepted.id)
  t.notSame(stand.registers(), before)
  const again = stand.registers()
  await stand.camera.configure(preset)
  t.strictSame(stand.registers(), again, 'it is that of the preset')
})
