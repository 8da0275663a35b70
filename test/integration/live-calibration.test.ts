import { statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { KindName } from '../../src/calibration/kind.js'
import { CalibrationStore } from '../../src/calibration/store.js'
import type { CalibrateRequest } from '../../src/daemon/calibrate-request.js'
import { CalibrationPanels } from '../../src/daemon/calibration-panels.js'
import { calibrateByDaemon, rereadByDaemon } from '../../src/daemon/control-client.js'
import { openControlSocket } from '../../src/daemon/control-socket.js'
import { systemClock } from '../../src/events/time.js'
import { calibrationStateSchema } from '../../src/publish/calibration-schema.js'
import { PanelBoard, type PanelSummary } from '../../src/view/panels.js'
import { startService } from './service-bench.js'

t.setTimeout(60_000)

const EMULATOR =
  'health_interval_ms = 1000\n[source]\nkind = "emulator"\nscene = "covered"\n[tracking]\ntracker = "cluster"\n'
const TOPIC = 'camera/davis346/calibration'

type Json = Record<string, unknown>
const inState = (state: string) => (json: Json) => json['state'] === state

const measured = (json: Json) => Number((json['progress'] as Json | undefined)?.['share']) > 0

t.test('over MQTT: accepted, progress, result, in effect at once', async (t) => {
  const bench = await startService(t, EMULATOR)
  const { listener, ask, dir, service } = bench
  await listener.next('/evtrackd/status', inState('ready'))
  await listener.next(TOPIC, inState('idle'))
  const accepted = await ask('calibrate/start', { kind: 'imu', seconds: 1 })
  t.match(accepted, { ok: true, result: { kind: 'imu', seconds: 1, ask: /do not touch/ } })
  t.match(accepted.result['topic'], new RegExp(`${TOPIC}$`))
  const { id } = accepted.result
  const degraded = await listener.next('/evtrackd/status', inState('degraded'))
  t.equal(degraded.json['reason'], 'calibrating imu')
  const second = await ask('calibrate/start', { kind: 'time' })
  t.match(second, { ok: false, code: 'CALIBRATION_BUSY', message: /imu/ })
  const going = await listener.next(TOPIC, measured)
  t.match(going.json, { state: 'running', id, progress: { text: /./ } })
  calibrationStateSchema.parse(going.json)
  const done = await listener.next(TOPIC, inState('done'))
  calibrationStateSchema.parse(done.json)
  t.match(done.json, { id, kind: 'imu', origin: 'mqtt', result: { activated: true } })
  const daemon = service.daemons[0]!
  const result = done.json['result'] as Json
  t.same(daemon.facts.state(), { state: 'ready' })
  const store = new CalibrationStore(join(dir, 'state'), String(result['serial']))
  t.equal(store.active().get('imu')?.id, result['id'])
  const info = await listener.next('/evtrackd/info', (json) =>
    (json['calibration_ids'] as unknown[]).includes(result['id']),
  )
  t.ok(info)
  await listener.next(
    '/evtrackd/status',
    (json) => inState('ready')(json) && Number(json['seq']) > Number(degraded.json['seq']),
  )

  // Back to none, and told to look again.
  store.rollback('imu')
  const before = listener.received.length
  const none = (json: Json) => (json['calibration_ids'] as unknown[]).length === 0
  await service.reload()
  await listener.next('/evtrackd/info', none, before)
})

t.test('over the socket of the device, as `evtrackd calibrate` does it', async (t) => {
  const bench = await startService(t, EMULATOR)
  const { listener, dir, service } = bench
  const socketDir = join(dir, 'run')
  const socket = await openControlSocket(socketDir, service)
  const board = new PanelBoard()
  const panels = new CalibrationPanels(board, systemClock)
  const shown: PanelSummary[] = []
  service.calibrations.add((news, camera) => {
    panels.show(news, camera)
    shown.push(...board.summaries())
  })
  t.teardown(async () => {
    await panels.close()
    await socket.close()
  })
  await listener.next('/evtrackd/status', inState('ready'))
  const request = (kind: KindName, more: Partial<CalibrateRequest> = {}) => {
    return { kind, dryRun: false, signal: new AbortController().signal, ...more }
  }
  t.equal(statSync(socket.path).mode & 0o777, 0o660)

  const shares: number[] = []
  const asked: string[] = []
  const report = await calibrateByDaemon(
    socket.path,
    request('imu', {
      seconds: 1,
      onAsk: (ask) => void asked.push(ask),
      onProgress: ({ share }) => void shares.push(share),
    }),
  )
  t.match(report, { kind: 'imu', serial: '00000489', activated: true, stored: { id: /^imu-/ } })
  t.match(asked, [/do not touch/])
  t.ok(shares.length > 2 && shares.at(-1) === 1)
  t.match(service.daemons[0]?.calibration.running, undefined)

  const running = shown.filter(({ verdict }) => verdict === undefined)
  t.ok(
    running.some(({ progress = 0 }) => progress > 0 && progress < 1),
    'the page sees it run',
  )
  t.match(shown.at(-1), { name: 'calibration-davis346', verdict: report.verdict.toLowerCase() })
  await panels.close()
  t.same(board.summaries(), [], 'and go')

  const stop = new AbortController()
  const cancelled = calibrateByDaemon(
    socket.path,
    request('hot-pixels', { signal: stop.signal, onProgress: () => stop.abort() }),
  )
  await t.rejects(cancelled, { code: 'CALIBRATION_FAILED', data: { reason: 'interrupted' } })
  t.same(service.daemons[0]?.facts.state(), { state: 'ready' }, 'given back when it is answered')

  const other = calibrateByDaemon(socket.path, { ...request('imu'), serial: '00000007' })
  await t.rejects(other, { code: 'CAMERA_NOT_FOUND', next: /00000489/ })
  const wrong = calibrateByDaemon(socket.path, request('exposure', { options: { target: 999 } }))
  await t.rejects(wrong, { code: 'CONFIG_INVALID', message: /target/ })
  const nobody = calibrateByDaemon(`${socket.path}.not`, request('imu'))
  await t.rejects(nobody, { code: 'DAEMON_UNREACHABLE', data: { reason: 'ENOENT' } })

  const store = new CalibrationStore(join(dir, 'state'), '00000489')
  store.rollback('imu')
  await rereadByDaemon(socket.path)
  t.same(service.daemons[0]?.calibration.running, undefined)
  await listener.next('/evtrackd/info', (json) => (json['calibration_ids'] as []).length === 0)
})

t.test('what is no request is answered, and nothing else happens', async (t) => {
  const { dir, service } = await startService(t, EMULATOR)
  const socket = await openControlSocket(join(dir, 'run'), service)
  t.teardown(() => socket.close())
  for (const [line, message] of [
    ['{"command":"calibrate","kind":"imu","path":"/etc/passwd"}', /path/],
    ['{"command":"reboot"}', /command/],
    ['calibrate imu', /no JSON/],
    [`"${'x'.repeat(70_000)}"`, /too long/],
  ] as const) {
    const answer = await new Promise<string>((resolve, reject) => {
      const client = createConnection(socket.path, () => client.write(`${line}\n`))
      let text = ''
      client.on('data', (chunk) => {
        text += chunk
      })
      client.once('end', () => resolve(text))
      client.once('error', reject)
    })
    t.match(JSON.parse(answer), { type: 'error', code: 'CONFIG_INVALID', message })
  }
})

t.test('the guard and the use of calibrations change while running', async (t) => {
  const bench = await startService(t, EMULATOR.replace('covered', 'clean'))
  const { listener, write, service, lines } = bench
  await listener.next('/evtrackd/status', inState('ready'))
  const camera = () => service.daemons[0]!.facts.camera()
  t.equal(camera().guard, undefined)
  const guard = '[guard]\nenabled = true\nmax_events_per_second = 10000\n'
  write(`${EMULATOR.replace('covered', 'clean')}${guard}`)
  await service.reload()
  t.ok(
    lines.some((line) => /configuration taken .*applied="?guard/.test(line)),
    'without a restart',
  )
  const stepped = await listener.next('/davis346/status', (json) => {
    return Number((json['guard'] as Json | undefined)?.['level']) > 0
  })
  t.match(stepped.json, { guard: { measure: 'refractory' } })
  write(EMULATOR.replace('covered', 'clean'))
  await service.reload()
  await listener.next(
    '/davis346/status',
    (json) => json['guard'] === undefined,
    listener.received.length,
  )
  t.pass('and off again')
})
