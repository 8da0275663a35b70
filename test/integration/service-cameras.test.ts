import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../../src/daemon/log.js'
import { Service } from '../../src/daemon/service.js'
import { freePort } from '../publish/real-brokers.js'
import { NotingNotifier, SCENE, startService } from './service-bench.js'

t.test('two cameras in one daemon, each a device of its own', async (t) => {
  const { listener, service, ask, notifier } = await startService(
    t,
    `${SCENE}[[cameras]]\nid = "left"\n[[cameras]]\nid = "right"\nfilters = { refractory_us = 9 }\n`,
  )
  for (const id of ['left', 'right']) {
    await listener.next(`/evtrackd-${id}/status`, (p) => p['state'] === 'ready')
    await listener.next(`/evtrackd-${id}/camera/${id}/tracks`)
  }
  const [left, right] = service.report().cameras
  t.not(left?.boot_id, right?.boot_id)
  const target = await ask('target/start', { box: [100, 100, 40, 30] }, 'evtrackd-right')
  t.match(target.result['id'], new RegExp(`^${right?.boot_id}-`))
  const changed = await ask('camera/configure', { filters: { refractory_us: 1 } }, 'evtrackd-left')
  t.same(changed.result['applied'], ['filters.refractory_us'])
  await notifier.until(/^READY left ready, camera streaming; right|^STATUS left ready.*right ready/)
})

t.test('a camera takes another preset and other biases while it streams', async (t) => {
  const { ask, listener, service } = await startService(t, '[source]\nkind = "emulator"\n')
  await listener.next('/evtrackd/status', (p) => p['state'] === 'ready')
  const unknown = await ask('camera/configure', { camera: { preset: 'nigth' } })
  t.equal(unknown.code, 'CONFIG_INVALID')
  const OnBn = { coarse: 5, fine: 100, enabled: true, type: 'normal', level: 'normal' }
  const half = await ask('camera/configure', { camera: { biases: { OnBn: { coarse: 5 } } } })
  t.equal(half.code, 'CONFIG_INVALID', 'a bias is stated whole')
  const changed = await ask('camera/configure', { camera: { preset: 'night', biases: { OnBn } } })
  t.equal(changed.ok, true, JSON.stringify(changed))
  t.match(changed.result['applied'], ['camera.biases.OnBn.coarse'])
  t.match(service.report().cameras[0], { state: 'ready', camera_state: 'streaming' })
})

t.test('no camera and no broker: up, and says so', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-service-'))
  const file = join(dir, 'evtrackd.toml')
  const port = await freePort()
  writeFileSync(
    file,
    `state_dir = "${dir}"\n[source]\nkind = "camera"\n[camera]\nserial = "none"\n[mqtt]\nurl = "mqtt://127.0.0.1:${port}"\n`,
  )
  const notifier = new NotingNotifier(50)
  const log = createLog({ level: 'error', journal: false, write: () => {} })
  const service = new Service({ sources: { file, env: {} }, log, notifier })
  const ended = service.run()
  await notifier.until(/^READY/)
  await notifier.until(/^ALIVE/)
  t.match(service.report().cameras[0], { broker: { endpoint: `127.0.0.1:${port}` } })
  service.stop()
  await ended
})
