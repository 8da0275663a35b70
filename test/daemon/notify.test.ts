import t from 'tap'
import { createNotifier } from '../../src/daemon/notify.js'
import { openNotifySocket, skipNotify } from './notify-socket.js'

const pid = process.pid
const noFailure = (reason: string) => t.fail(reason)

t.test('systemd hears every step in its order', { skip: skipNotify }, async (t) => {
  const socket = await openNotifySocket()
  t.teardown(() => socket.close())
  const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket.path }
  const notifier = createNotifier({ env, pid, onFailure: noFailure })
  notifier.ready('ready,\ncamera streaming')
  notifier.reloading(123)
  notifier.ready('ready again')
  notifier.alive()
  notifier.stopping()
  await notifier.close()
  await socket.next(/STOPPING/)
  t.same(socket.messages, [
    'READY=1|STATUS=ready, camera streaming',
    'RELOADING=1|MONOTONIC_USEC=123',
    'READY=1|STATUS=ready again|WATCHDOG=1',
    'STOPPING=1|STATUS=stopping',
  ])
  t.equal(notifier.dropped, 0)
})

t.test('what waits is replaced by what is newer', { skip: skipNotify }, async (t) => {
  const socket = await openNotifySocket()
  t.teardown(() => socket.close())
  const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket.path }
  const notifier = createNotifier({ env, pid, onFailure: noFailure })
  for (let i = 0; i < 100; i++) notifier.status(`state ${i}`)
  for (let i = 0; i < 100; i++) notifier.alive()
  await notifier.close()
  await socket.next(/state 99/)
  t.ok(socket.messages.length <= 2, 'the first, and one for all that came meanwhile')
  t.match(socket.messages.at(-1), /WATCHDOG=1/)
})

t.test('the watchdog is fed three times within its limit, by the process it watches', async (t) => {
  const onFailure = noFailure
  const env = { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '30000000' }
  const watchdog = (more: object) =>
    createNotifier({ env: { ...env, ...more }, pid, onFailure }).watchdogMs
  t.equal(watchdog({}), 10_000)
  t.equal(watchdog({ WATCHDOG_PID: String(pid) }), 10_000)
  t.equal(watchdog({ WATCHDOG_PID: String(pid + 1) }), undefined, 'it is for another process')
  t.equal(watchdog({ WATCHDOG_USEC: undefined }), undefined)
  t.equal(watchdog({ WATCHDOG_USEC: 'soon' }), undefined)
  t.equal(watchdog({ NOTIFY_SOCKET: '' }), undefined)
})

t.test('without systemd nothing is spawned, without a helper it is told once', async (t) => {
  const failures: string[] = []
  const onFailure = (reason: string) => failures.push(reason)
  const helper = '/nowhere/systemd-notify'
  const silent = createNotifier({ env: {}, pid, onFailure, helper })
  silent.ready('x')
  await silent.close()
  t.same(failures, [])
  const env = { NOTIFY_SOCKET: '/nowhere' }
  const failing = createNotifier({ env, pid, onFailure, helper })
  failing.ready('x')
  failing.stopping()
  await failing.close()
  failing.status('y')
  await failing.close()
  t.equal(failures.length, 1)
  t.match(failures[0], /ENOENT/)
})
