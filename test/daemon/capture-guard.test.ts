import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LADDER, onRung } from '../../src/calibration/guard/ladder.js'
import { CaptureGuard, type GuardState } from '../../src/daemon/capture-guard.js'
import { loadPreset } from '../../src/davis346/presets.js'
import type { Preset } from '../../src/davis346/schema.js'

const DEFAULT = await loadPreset('default')
const LIMIT = 1e6

/** The guard on a camera of which the test is the clock. */
function bench() {
  const configured: Preset[] = []
  const states: GuardState[] = []
  const camera = { tUs: 0, gone: false, stopped: false }
  let tick = () => {}
  const guard = new CaptureGuard({
    options: { enabled: true, maxEventsPerSecond: LIMIT, calmSeconds: 1 },
    preset: DEFAULT,
    configure: async (next) => {
      if (camera.gone) throw new Error('gone')
      configured.push(next)
    },
    dropped: () => 0,
    onStep: (state) => states.push(state),
    often: (call) => {
      tick = call
      return () => {
        camera.stopped = true
      }
    },
  })
  /** A tenth of a second by the clock of the host, in which so much device time passes. */
  const pass = async (perSecond: number, deviceUs = 100_000) => {
    camera.tUs += deviceUs
    const events = (perSecond * deviceUs) / 1e6
    if (events > 0) guard.count(events, camera.tUs)
    else guard.time(camera.tUs)
    tick()
    await turn()
  }
  return { guard, configured, states, camera, pass }
}

t.test('it climbs, stays on top of another preset, and comes back down', async (t) => {
  const { guard, configured, states, pass, camera } = bench()
  for (let i = 0; i < 5; i++) await pass(5 * LIMIT)
  t.match(states, [{ level: 1, measure: 'refractory', raised: 1, eventsPerSecond: 5 * LIMIT }])
  t.same(configured, [onRung(DEFAULT, LADDER[1]!)])
  const night = await loadPreset('night')
  await guard.configure(night)
  t.same(configured.at(-1), onRung(night, LADDER[1]!))
  for (let i = 0; i < 60; i++) await pass(0)
  t.equal(guard.state().level, 0)
  t.same(configured.at(-1), night, 'as if nothing had been')
  t.match(states.at(-1), { level: 0, measure: 'none', raised: 1, lowered: 1 })
  guard.close()
  t.ok(camera.stopped)
})

t.test('a camera that does not take a step leaves the guard where it was', async (t) => {
  const { guard, camera, states, pass } = bench()
  camera.gone = true
  for (let i = 0; i < 5; i++) await pass(2 * LIMIT)
  t.match(states, [{ level: 0, failed: 1, raised: 0 }])
  camera.gone = false
  for (let i = 0; i < 6; i++) await pass(2 * LIMIT)
  t.equal(guard.state().level, 1)
})

t.test('what waited somewhere and comes all at once is no flood', async (t) => {
  const { states, pass } = bench()
  for (let i = 0; i < 10; i++) await pass(0.5 * LIMIT, 2_000_000)
  t.same(states, [])
})

t.test('device time that starts anew is no reason to act, and the level stays', async (t) => {
  const { guard, camera, pass } = bench()
  for (let i = 0; i < 5; i++) await pass(2 * LIMIT)
  t.equal(guard.state().level, 1)
  camera.tUs = 0
  guard.restart()
  for (let i = 0; i < 5; i++) await pass(0.9 * LIMIT)
  t.equal(guard.state().level, 1)
  t.equal(guard.state().raised, 1)
})
