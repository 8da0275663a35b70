import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readLayers, resolveLayers } from '../daemon/config-layers.js'
import { runtimeDir } from '../daemon/state-dir.js'
import type { CameraStatus, StatusReport } from '../daemon/status-report.js'
import { readStatus, STATUS_SOCKET } from '../daemon/status-socket.js'
import { print, printJson } from './output.js'

const AILING = new Set(['degraded', 'failed'])
/** Where the service puts its socket; see systemd/evtrackd.service. */
const SERVICE_DIR = '/run/evtrackd'

interface StatusOptions {
  readonly config?: string
  readonly socket?: string
  readonly json?: boolean
}

/** The socket named, that of the service, or that of a daemon of this user's own. */
export function socketPath(options: StatusOptions, name = STATUS_SOCKET): string {
  if (options.socket !== undefined) return options.socket
  const service = join(SERVICE_DIR, name)
  if (options.config === undefined && existsSync(service)) return service
  const layers = readLayers({ file: options.config, env: process.env })
  return join(runtimeDir(resolveLayers(layers).config), name)
}

export async function status(options: StatusOptions): Promise<void> {
  const report = await readStatus(socketPath(options))
  if (options.json) printJson(report)
  else print(statusText(report))
  // For scripts: running, but not as it should.
  if (report.cameras.some(({ state }) => AILING.has(state))) process.exitCode = 3
}

export function statusText(report: StatusReport): string {
  const { version, pid, config_file, restart_needed, cameras } = report
  const lines = [`evtrackd ${version}, process ${pid}, configuration ${config_file}`]
  if (restart_needed.length > 0) lines.push(`waits for a restart: ${restart_needed.join(', ')}`)
  return [...lines, ...cameras.flatMap(cameraText)].join('\n')
}

function cameraText(each: CameraStatus): string[] {
  const { health, broker } = each
  const lost = Object.entries(health.drops).filter(([, count]) => count > 0)
  const rows: readonly (readonly [string, string])[] = [
    ['state', each.reason === null ? each.state : `${each.state}: ${each.reason}`],
    ['up', `${Math.round(health.uptime_s)} s, boot ${each.boot_id}`],
    ...(each.failures === 0 ? [] : [['failures', String(each.failures)] as const]),
    [
      'source',
      `${each.source}, ${each.camera_state}${each.serial ? `, serial ${each.serial}` : ''}`,
    ],
    [
      'events',
      `${shown(health.events_per_second)} per second, newest ${shown(health.last_event_age_ms)} ms old`,
    ],
    ['targets', String(health.targets)],
    ['latency', `p50 ${shown(health.latency_ms.p50)} ms, p99 ${shown(health.latency_ms.p99)} ms`],
    [
      'inference',
      `p50 ${shown(health.inference_ms.p50)} ms, p99 ${shown(health.inference_ms.p99)} ms`,
    ],
    ...(health.backend === undefined ? [] : [['backend', backendText(health.backend)] as const]),
    [
      'lost',
      lost.length === 0 ? 'nothing' : lost.map(([hop, count]) => `${hop} ${count}`).join(', '),
    ],
    ['broker', `${broker.endpoint}, ${broker.state}${broker.error ? `: ${broker.error}` : ''}`],
    ['spool', `${health.spool.pending} waiting`],
    [
      'recording',
      health.recording === null
        ? 'none'
        : `${health.recording.name}, ${health.recording.seconds} s`,
    ],
  ]
  return ['', `${each.device}/${each.camera}`, ...rows.map(([k, v]) => `  ${k.padEnd(10)} ${v}`)]
}

function backendText(backend: NonNullable<CameraStatus['health']['backend']>): string {
  const { wanted, in_use, fallback, failures, reason } = backend
  const failed = failures === 0 ? '' : `, failed ${failures} times`
  return fallback
    ? `${in_use} instead of ${wanted}${failed}: ${reason}`
    : `${in_use}${wanted === in_use ? '' : `, chosen by ${wanted}`}${failed}`
}

function shown(value: number | null): string {
  return value === null ? '-' : String(value)
}
