import t from 'tap'
import { parseConfig } from '../../src/daemon/load-config.js'
import { planReload } from '../../src/daemon/reload.js'

const parse = (value: object) => parseConfig(value, 'test')

t.test('what can change now, and what waits', async (t) => {
  const running = parse({ filters: { hotPixels: [[1, 1]] }, camera: { preset: 'default' } })
  const next = parse({
    filters: { refractoryUs: 9 },
    camera: { preset: 'night', serial: '7', biases: {} },
    mqtt: { tracksPerSecond: 5, deviceName: 'other', spool: { replayPerSecond: 3 } },
    tracking: { maxTargets: 2 },
    logLevel: 'debug',
    guard: { enabled: true },
    calibration: { nightlyHotPixels: '03:00' },
  })
  const plan = planReload(running, next)
  t.same(plan.live, [
    'calibration.nightly_hot_pixels',
    'camera.preset',
    'filters.hot_pixels',
    'filters.refractory_us',
    'guard.enabled',
    'log_level',
    'mqtt.spool.replay_per_second',
    'mqtt.tracks_per_second',
  ])
  t.same(plan.restart, ['camera.serial', 'mqtt.device_name', 'tracking.max_targets'])
  t.same(plan.config.filters, next.filters)
  t.equal(plan.config.camera.preset, 'night')
  t.equal(plan.config.camera.serial, undefined, 'not before the restart')
  t.equal(plan.config.mqtt.deviceName, 'evtrackd')
  t.equal(plan.config.mqtt.tracksPerSecond, 5)
  t.equal(plan.config.tracking.maxTargets, running.tracking.maxTargets)
  t.same(planReload(plan.config, next).live, [], 'and once taken it is no change any more')
  t.same(planReload(plan.config, next).restart, plan.restart, 'what waits, waits')
})

t.test('biases that are no longer named are gone', async (t) => {
  const value = { coarse: 3, fine: 100, enabled: true, type: 'normal', level: 'normal' }
  const running = parse({ camera: { biases: { DiffBn: value } } })
  const plan = planReload(running, parse({}))
  t.ok(plan.live.every((key) => key.startsWith('camera.biases.DiffBn')) && plan.live.length > 0)
  t.same(plan.config.camera.biases, {})
})

t.test('nothing changed', async (t) => {
  const { live, restart } = planReload(parse({}), parse({}))
  t.same([live, restart], [[], []])
})
