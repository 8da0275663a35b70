import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { statusText } from '../../src/cli/status.js'
import { metricsText, startMetrics } from '../../src/daemon/metrics.js'
import type { CameraStatus } from '../../src/daemon/status-report.js'
import { openStatusSocket, readStatus, STATUS_SOCKET } from '../../src/daemon/status-socket.js'
import { EvtrackError } from '../../src/events/errors.js'
import { evtrackd } from '../cli/run-cli.js'
import { REPORT } from './a-report.js'

const tempDir = () => mkdtempSync(join(tmpdir(), 'evtrackd-status-'))

async function refusal(work: Promise<unknown>): Promise<EvtrackError> {
  try {
    await work
  } catch (error) {
    if (error instanceof EvtrackError) return error
    throw error
  }
  throw new Error('was not refused')
}

t.test('the socket tells whoever may connect, and nobody else', async (t) => {
  const dir = join(tempDir(), 'run')
  const socket = await openStatusSocket(dir, () => REPORT)
  t.equal(statSync(socket.path).mode & 0o777, 0o660)
  t.same(await readStatus(socket.path), REPORT)
  await socket.close()
  t.throws(() => statSync(socket.path), { code: 'ENOENT' })
  const error = await refusal(readStatus(socket.path))
  t.equal(error.code, 'DAEMON_UNREACHABLE')
  t.match(error.next, 'systemctl start evtrackd')
})

t.test('clients that say much or never hang up cost nothing', async (t) => {
  const socket = await openStatusSocket(tempDir(), () => REPORT)
  t.teardown(() => socket.close())
  const mute = Array.from({ length: 20 }, () => createConnection(socket.path))
  for (const client of mute) client.on('error', () => {})
  await new Promise((resolve) => mute[19]!.once('close', resolve))
  for (const client of mute) client.destroy()
  const loud = createConnection(socket.path)
  loud.on('error', () => {})
  loud.write('x'.repeat(1_000_000))
  const closed = new Promise((resolve) => loud.once('close', resolve))
  loud.resume()
  await closed
  t.same(await readStatus(socket.path), REPORT)
})

t.test('what a killed daemon left behind is replaced, what another one holds is not', async (t) => {
  const dir = tempDir()
  writeFileSync(join(dir, STATUS_SOCKET), '')
  const socket = await openStatusSocket(dir, () => REPORT)
  t.teardown(() => socket.close())
  await t.rejects(
    openStatusSocket(dir, () => REPORT),
    { code: 'EADDRINUSE' },
  )
  t.same(await readStatus(socket.path), REPORT, 'and the first still answers')
})

t.test('status for people', async (t) => {
  const text = statusText(REPORT)
  t.match(text, 'waits for a restart: tracking.max_targets')
  t.match(text, 'degraded: CAMERA_LOST: it was unplugged')
  t.match(text, 'p50 2.5 ms, p99 8 ms')
  t.match(text, 'camera_events 7')
  t.notMatch(text, 'windows_skipped', 'what lost nothing is not listed')
  t.notMatch(text, 'failures', 'nor what never failed')
  t.notMatch(text, 'backend', 'nor a backend where only the CPU is configured')
})

t.test('who computes: said where another backend than the CPU is wanted', async (t) => {
  const [camera] = REPORT.cameras
  const shown = (backend: Partial<NonNullable<CameraStatus['health']['backend']>>) => {
    const all = { wanted: 'runner', in_use: 'runner', fallback: false, failures: 0, attempts: 1 }
    const own = { ...all, checks: 0, wrong: 0, reason: null, ...backend }
    const health = { ...camera!.health, backend: own }
    const text = statusText({ ...REPORT, cameras: [{ ...camera!, health }] })
    return /backend +(.*)/.exec(text)?.[1]
  }
  t.equal(shown({}), 'runner')
  t.equal(shown({ wanted: 'auto', in_use: 'cpu' }), 'cpu, chosen by auto')
  t.equal(
    shown({ in_use: 'cpu', fallback: true, failures: 2, reason: 'It hangs.' }),
    'cpu instead of runner, failed 2 times: It hangs.',
  )
})

t.test('a camera that failed: said to people and programs', async (t) => {
  const reason = 'CAMERA_LOST: it broke; failed 3 times in a row, started anew in 4 s'
  const [camera] = REPORT.cameras
  const report = { ...REPORT, cameras: [{ ...camera!, state: 'failed', reason, failures: 3 }] }
  const socket = await openStatusSocket(tempDir(), () => report)
  t.teardown(() => socket.close())
  const { code, stdout } = await evtrackd(['status', '--socket', socket.path])
  t.equal(code, 3)
  t.match(stdout, `failed: ${reason}`)
  t.match(stdout, /failures +3/)
  const metrics = await metricsText(report)
  t.match(metrics, 'evtrackd_camera_failures_total{device="mast-3",camera="davis346"} 3')
  t.match(metrics, 'evtrackd_ready{device="mast-3",camera="davis346"} 0')
})

t.test('figures in units of Prometheus; what is not known is left out', async (t) => {
  const lines = (await metricsText(REPORT)).split('\n')
  const labels = 'device="mast-3",camera="davis346"'
  for (const line of [
    'evtrackd_info{version="9.9.9"} 1',
    `evtrackd_ready{${labels}} 0`,
    `evtrackd_broker_connected{${labels}} 1`,
    `evtrackd_events_per_second{${labels}} 1234`,
    `evtrackd_latency_seconds{${labels},quantile="0.5"} 0.0025`,
    `evtrackd_drops_total{${labels},hop="camera_events"} 7`,
    `evtrackd_usb_errors_total{${labels}} 2`,
    `evtrackd_memory_bytes{${labels}} 200000000`,
    '# TYPE evtrackd_requests_dropped_total counter',
    `evtrackd_requests_dropped_total{${labels}} 6`,
  ]) {
    t.ok(lines.includes(line), line)
  }
  t.notOk(lines.some((line) => line.startsWith('evtrackd_last_event_age_seconds{')))
  t.notOk(lines.some((line) => line.startsWith('evtrackd_inference_seconds{')))
})

t.test('/metrics and nothing else is served', async (t) => {
  const server = await startMetrics({ host: '127.0.0.1', port: 0 }, () => REPORT)
  t.teardown(() => server.close())
  const base = `http://127.0.0.1:${server.port}`
  const answer = await fetch(`${base}/metrics`)
  t.equal(answer.status, 200)
  t.match(answer.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.equal(await answer.text(), await metricsText(REPORT))
  t.equal((await fetch(`${base}/`)).status, 404)
  t.equal((await fetch(`${base}/metrics`, { method: 'POST', body: 'x' })).status, 405)
  await t.rejects(
    startMetrics({ host: '127.0.0.1', port: server.port }, () => REPORT),
    { code: 'EADDRINUSE' },
  )
})
