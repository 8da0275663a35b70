import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import t from 'tap'
import { inspectRecording } from '../../src/sources/inspect.js'
import { SCENE, startService } from './service-bench.js'

t.test('the commands of a running daemon', async (t) => {
  const { dir, ask, listener, service, ended, notifier } = await startService(t, SCENE)
  await listener.next('/evtrackd/status', (p) => p['state'] === 'ready')

  const begun = await ask('record/start')
  t.equal(begun.ok, true)
  t.equal((await ask('record/start')).code, 'RECORDING_ACTIVE')

  const { result } = await ask('snapshot')
  const png = PNG.sync.read(Buffer.from(String(result['data']), 'base64'))
  t.same([png.width, png.height], [346, 260], 'a picture of the sensor')

  const changed = await ask('camera/configure', {
    filters: { regions: [{ mode: 'exclude', box: [0, 0, 346, 40] }] },
    mqtt: { tracks_per_second: 5 },
    tracking: { max_targets: 3 },
  })
  t.same(changed.result, {
    applied: ['filters.regions', 'mqtt.tracks_per_second'],
    restart: ['tracking.max_targets'],
  })
  t.same(service.report().restart_needed, ['tracking.max_targets'])
  const outside = await ask('camera/configure', { filters: { hot_pixels: [[999, 0]] } })
  t.equal(outside.code, 'CONFIG_INVALID')
  t.match(outside.message, 'hot pixel')
  const misspelt = await ask('camera/configure', { filters: { refractory: 1 } })
  t.match(misspelt.message, 'filters.refractory_us')

  await ask('camera/configure', { filters: { refractory_us: 7 }, persist: true })
  const kept = join(dir, 'state/camera-configure.json')
  t.same(JSON.parse(readFileSync(kept, 'utf8')), { filters: { refractoryUs: 7 } })
  const undone = await ask('camera/configure', { reset: true })
  t.match(undone.result['applied'], ['filters.refractory_us', 'filters.regions'])
  t.notOk(existsSync(kept))
  await ask('camera/configure', { tracking: { max_targets: 3 } })

  const stopped = await ask('record/stop')
  t.match(stopped.result, { name: begun.result['name'], stopped: 'request' })
  t.equal((await ask('record/stop')).code, 'RECORDING_NONE')
  const file = join(dir, 'state/recordings', String(begun.result['name']))
  const report = await inspectRecording(file)
  t.equal(report.events.count, stopped.result['events'], 'what was said is what is in the file')
  t.ok(report.events.count > 0)

  const boot = service.report().cameras[0]!.boot_id
  t.equal((await ask('restart')).ok, true)
  const next = await listener.next(
    '/evtrackd/status',
    (p) => p['state'] === 'ready' && p['boot_id'] !== boot,
  )
  t.not(next.json['boot_id'], boot)
  t.same(service.report().restart_needed, [], 'what waited has its time')
  service.stop()
  await ended
  t.equal(notifier.said.at(-1), 'STOPPING')
  t.equal(notifier.said.filter((each) => each.startsWith('READY')).length, 1)
})

t.test('a recording ends by itself, and is refused where there is no room', async (t) => {
  const { dir, ask, listener, write, service, lines } = await startService(t, SCENE)
  await listener.next('/evtrackd/status', (p) => p['state'] === 'ready')
  t.equal((await ask('record/start', { seconds: 0.2 })).ok, true)
  // Looked for at every window: requests in quick succession would be dropped.
  await listener.next('/tracks', () => lines.some((line) => /a recording has ended/.test(line)))
  t.equal((await ask('record/start', { seconds: 60 })).ok, true)
  t.equal(readdirSync(join(dir, 'state/recordings')).length, 2)
  await ask('record/stop')
  write(
    '[source]\nkind = "scene"\nscene = "clean"\n[recording]\nmin_free_bytes = 9007199254740991\n',
  )
  await service.reload()
  const refused = await ask('record/start')
  t.equal(refused.code, 'DISK_FULL')
})

t.test('a new configuration is taken on, an invalid one is not', async (t) => {
  const { write, service, lines, notifier, ask } = await startService(t, SCENE)
  await notifier.until(/^READY/)
  write(`${SCENE}[filters]\nrefractory_us = 500\n[tracking]\nmax_targets = 2\n`)
  await service.reload()
  t.match(lines.join(''), /configuration taken applied=filters.refractory_us restart=tracking/)
  t.same(service.report().restart_needed, ['tracking.max_targets'])
  write(`${SCENE}[filters]\nrefractory = 500\n`)
  await service.reload()
  t.match(
    lines.join(''),
    /error: the new configuration is not taken, the old one stays: .*refractory/,
  )
  t.equal(service.report().cameras[0]?.state, 'ready')
  const refused = await ask('restart')
  t.equal(refused.code, 'CONFIG_INVALID', 'nor is it restarted into')
  t.same(
    notifier.said.filter((each) => !each.startsWith('STATUS')).map((each) => each.split(' ')[0]),
    ['READY', 'RELOADING', 'READY', 'RELOADING', 'READY'],
  )
})
