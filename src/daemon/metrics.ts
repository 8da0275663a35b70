import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import type { CameraStatus, StatusReport } from './status-report.js'

const LABELS = ['device', 'camera'] as const
const MAX_CONNECTIONS = 8
const TIMEOUT_MS = 5000

type Read = (camera: CameraStatus) => number | null | undefined

/** Figures that go up and down. Durations in seconds and sizes in bytes, as Prometheus has them. */
const GAUGES: readonly (readonly [string, string, Read])[] = [
  ['evtrackd_ready', '1 when the state is ready.', (c) => (c.state === 'ready' ? 1 : 0)],
  [
    'evtrackd_camera_streaming',
    '1 while the camera streams.',
    (c) => (c.camera_state === 'streaming' ? 1 : 0),
  ],
  [
    'evtrackd_broker_connected',
    '1 while the broker is connected.',
    (c) => (c.broker.state === 'connected' ? 1 : 0),
  ],
  ['evtrackd_uptime_seconds', 'Since the daemon started.', (c) => c.health.uptime_s],
  ['evtrackd_targets', 'Confirmed tracks in the newest window.', (c) => c.health.targets],
  ['evtrackd_events_per_second', 'Events before the filters.', (c) => c.health.events_per_second],
  [
    'evtrackd_last_event_age_seconds',
    'Age of the newest event.',
    (c) => seconds(c.health.last_event_age_ms),
  ],
  [
    'evtrackd_energy_joules_per_inference',
    'Estimate; its convention is in the health message.',
    (c) => seconds(c.health.energy?.mj_per_inference),
  ],
  [
    'evtrackd_backend_fallback',
    '1 while the CPU computes because the wanted backend cannot.',
    (c) => flag(c.health.backend?.fallback),
  ],
  ['evtrackd_spool_pending', 'Events that wait for the broker.', (c) => c.health.spool.pending],
  ['evtrackd_clock_drift_ppm', 'Drift of the device clock.', (c) => c.health.clock?.drift_ppm],
  ['evtrackd_camera_celsius', 'Temperature of the camera.', (c) => c.health.temperature_c],
  ['evtrackd_memory_bytes', 'Resident memory.', (c) => c.health.memory.rss_bytes],
  ['evtrackd_recording', '1 while a recording is made.', (c) => (c.health.recording ? 1 : 0)],
]

const COUNTERS: readonly (readonly [string, string, Read])[] = [
  ['evtrackd_usb_errors_total', 'Failed transfers.', (c) => c.health.usb?.errors],
  ['evtrackd_usb_reconnects_total', 'Times the camera came back.', (c) => c.health.usb?.reconnects],
  ['evtrackd_skipped_windows_total', 'Windows never tracked.', (c) => c.health.skipped_windows],
  [
    'evtrackd_backend_failures_total',
    'Times that the backend in use has failed.',
    (c) => c.health.backend?.failures,
  ],
  [
    'evtrackd_backend_attempts_total',
    'Times that backends were tried.',
    (c) => c.health.backend?.attempts,
  ],
  [
    'evtrackd_backend_checks_total',
    'Answers compared with those of the CPU.',
    (c) => c.health.backend?.checks,
  ],
  ['evtrackd_backend_wrong_total', 'Those that differed.', (c) => c.health.backend?.wrong],
  ['evtrackd_tracks_published_total', 'Tracks messages.', (c) => c.health.mqtt.tracks_published],
  ['evtrackd_tracks_dropped_total', 'Tracks messages lost.', (c) => c.health.mqtt.tracks_dropped],
  ['evtrackd_requests_total', 'Requests answered.', (c) => c.health.mqtt.requests],
  [
    'evtrackd_requests_dropped_total',
    'Requests dropped unanswered.',
    (c) => c.health.mqtt.requests_dropped,
  ],
  ['evtrackd_broker_connects_total', 'Connections made.', (c) => c.health.mqtt.connects],
  ['evtrackd_camera_failures_total', 'Times its daemon failed.', (c) => c.failures],
]

function flag(is: boolean | undefined): number | undefined {
  return is === undefined ? undefined : Number(is)
}

/** Milli-units as units; what is not known stays unknown. */
function seconds(milli: number | null | undefined): number | null {
  return milli === null || milli === undefined ? null : milli / 1000
}

/** The figures of a report in the Prometheus text format. What is not known is left out. */
export async function metricsText(report: StatusReport): Promise<string> {
  const registry = new Registry()
  const registers = [registry]
  const gauge = (name: string, help: string, more: readonly string[] = []) =>
    new Gauge({ name, help, labelNames: [...LABELS, ...more], registers })
  const counter = (name: string, help: string, more: readonly string[] = []) =>
    new Counter({ name, help, labelNames: [...LABELS, ...more], registers })
  const info = new Gauge({
    name: 'evtrackd_info',
    help: 'Always 1; the version is a label.',
    labelNames: ['version'],
    registers,
  })
  info.set({ version: report.version }, 1)
  for (const [name, help, read] of GAUGES) {
    const metric = gauge(name, help)
    for (const each of report.cameras) {
      const value = read(each)
      if (typeof value === 'number') metric.set(labelsOf(each), value)
    }
  }
  for (const [name, help, read] of COUNTERS) {
    const metric = counter(name, help)
    for (const each of report.cameras) {
      const value = read(each)
      if (typeof value === 'number') metric.inc(labelsOf(each), value)
    }
  }
  const drops = counter('evtrackd_drops_total', 'Lost, by the hop that lost it.', ['hop'])
  const latency = gauge('evtrackd_latency_seconds', 'Last event of a window to publication.', [
    'quantile',
  ])
  const inference = gauge('evtrackd_inference_seconds', 'Inference of one window.', ['quantile'])
  for (const each of report.cameras) {
    const { health } = each
    for (const [hop, lost] of Object.entries(health.drops)) {
      drops.inc({ ...labelsOf(each), hop }, lost)
    }
    const pairs = [
      [latency, health.latency_ms],
      [inference, health.inference_ms],
    ] as const
    for (const [metric, { p50, p99 }] of pairs) {
      if (p50 !== null) metric.set({ ...labelsOf(each), quantile: '0.5' }, p50 / 1000)
      if (p99 !== null) metric.set({ ...labelsOf(each), quantile: '0.99' }, p99 / 1000)
    }
  }
  return registry.metrics()
}

function labelsOf({ device, camera }: CameraStatus) {
  return { device, camera }
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** Serves GET /metrics on an address of this machine. Rejects with the system's error when it cannot listen. */
export async function startMetrics(
  at: { readonly host: string; readonly port: number },
  report: () => StatusReport,
): Promise<MetricsServer> {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end('See /metrics.\n')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else {
      const text = await metricsText(report())
      response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE })
      response.end(request.method === 'HEAD' ? undefined : text)
    }
  }
  const server = createServer(
    { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, maxHeaderSize: 8192 },
    (request, response) => {
      serve(request, response).catch(() => response.destroy())
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at.port, at.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
