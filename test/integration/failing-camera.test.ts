import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../../src/daemon/log.js'
import { Service } from '../../src/daemon/service.js'
import { freePort, Listener } from '../publish/real-brokers.js'
import { NotingNotifier, SCENE, startService } from './service-bench.js'

const CAMERAS = (right: string) =>
  `${SCENE}[[cameras]]\nid = "left"\n[[cameras]]\nid = "right"\n${right}`

t.test('one of two cameras fails: the other goes on, and a reload mends it', async (t) => {
  // Found out by the capture thread alone: which pixels there are is known when the source is open.
  const broken = CAMERAS('filters = { hot_pixels = [[999, 0]] }\n')
  const { service, listener, notifier, lines, write } = await startService(t, broken)
  await listener.next('/evtrackd-left/status', (p) => p['state'] === 'ready')
  const gone = await listener.next('/evtrackd-right/status', (p) => p['state'] === 'stopped')
  t.match(gone.json['reason'], /^CONFIG_INVALID: .*hot pixel \[999, 0\]/, 'said over MQTT')
  await notifier.until(/^(READY|STATUS) left .*; right failed: CONFIG_INVALID: /)
  await notifier.until(/^READY/)
  const [left, right] = service.report().cameras
  t.match(right, { state: 'failed', reason: /CONFIG_INVALID.*in a row/ })
  t.ok(right!.failures >= 1)
  t.match(left, { failures: 0, reason: null })
  t.same(
    service.daemons.map(({ config }) => config.mqtt.cameraId),
    ['left'],
  )
  t.match(lines.join(''), /error: camera failed, the others go on.*camera=right/)

  write(CAMERAS('filters = { hot_pixels = [[99, 0]] }\n'))
  await service.reload()
  await listener.next('/evtrackd-right/status', (p) => p['state'] === 'ready')
  await listener.next('/evtrackd-right/camera/right/tracks')
  await notifier.until(/left ready.*right ready/)
  t.match(service.report().cameras[1], { state: 'ready', reason: null })
  t.equal(service.report().cameras[0]!.boot_id, left!.boot_id, 'the other was not started anew')
})

t.test('all cameras fail: the service ends with the error', async (t) => {
  const pixel = '[filters]\nhot_pixels = [[999, 0]]\n'
  const { ended, notifier } = await startService(t, `${pixel}${CAMERAS('')}`)
  await t.rejects(ended, { code: 'CONFIG_INVALID' })
  t.equal(notifier.said.at(-1), 'STOPPING')
})

t.test('a broker inside outlives the camera that fails first', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-failing-'))
  const file = join(dir, 'evtrackd.toml')
  const port = await freePort()
  const write = (pixel: number) =>
    writeFileSync(
      file,
      `state_dir = "${dir}"\n${SCENE}[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = ${port}\n` +
        `[[cameras]]\nid = "left"\nfilters = { hot_pixels = [[${pixel}, 0]] }\n[[cameras]]\nid = "right"\n`,
    )
  write(999)
  const notifier = new NotingNotifier()
  const log = createLog({ level: 'error', journal: false, write: () => {} })
  const service = new Service({ sources: { file, env: {} }, log, notifier })
  const ended = service.run()
  await notifier.until(/left failed: CONFIG_INVALID.*; right ready/)
  const listener = await Listener.open(port)
  t.teardown(async () => {
    await listener.close()
    service.stop()
    await ended
  })
  await listener.next('/evtrackd-right/camera/right/tracks')
  write(99)
  await service.reload()
  await listener.next('/evtrackd-left/camera/left/tracks')
  t.match(service.report().cameras[0], { state: 'ready', broker: { state: 'connected' } })
})
