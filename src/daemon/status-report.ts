import { nowUs } from '../events/time.js'
import type { HealthPayload } from '../publish/health-schema.js'
import type { CameraFailure, CameraRun } from './supervision.js'
import { VERSION } from './version.js'

/** What `evtrackd status` shows and /metrics is made of. */
export interface StatusReport {
  readonly version: string
  readonly pid: number
  readonly config_file: string
  /** Keys whose new values wait for a restart. */
  readonly restart_needed: readonly string[]
  readonly cameras: readonly CameraStatus[]
}

export interface CameraStatus {
  readonly device: string
  readonly camera: string
  readonly source: string
  readonly boot_id: string
  /** As published; `failed` while its daemon waits to be started anew. */
  readonly state: string
  readonly reason: string | null
  readonly camera_state: string
  readonly serial: string | null
  /** How often its daemon failed since the process started. */
  readonly failures: number
  readonly broker: {
    readonly endpoint: string
    readonly state: string
    readonly error: string | null
  }
  readonly health: HealthPayload
}

type Run = Pick<CameraRun, 'daemon' | 'failure' | 'failures'>

export function cameraStatus({ daemon, failure, failures }: Run): CameraStatus {
  const { config, publisher, facts, broker, brokerStatus } = daemon
  const { state, reason } = publisher.status
  return {
    device: config.mqtt.deviceName,
    camera: config.mqtt.cameraId,
    source: config.source.kind,
    boot_id: daemon.bootId,
    state: failure === undefined ? state : 'failed',
    reason: failure === undefined ? (reason ?? null) : failureText(failure),
    failures,
    camera_state: facts.camera().state,
    serial: facts.sourceState.serial ?? null,
    broker: {
      endpoint: broker.embedded
        ? `embedded, ${broker.host}:${broker.port}`
        : `${broker.host}:${broker.port}`,
      state: brokerStatus.state,
      error: brokerStatus.error?.message ?? null,
    },
    health: publisher.health(),
  }
}

export function statusReport(
  cameras: readonly Run[],
  service: { readonly configFile: string; readonly restartNeeded: readonly string[] },
): StatusReport {
  return {
    version: VERSION,
    pid: process.pid,
    config_file: service.configFile,
    restart_needed: service.restartNeeded,
    cameras: cameras.map(cameraStatus),
  }
}

/** One line for systemd and people: "ready, camera streaming", with their ids where there are several cameras. */
export function statusLine(cameras: readonly (Run & Pick<CameraRun, 'id'>)[]): string {
  return cameras
    .map((camera) => `${camera.id === '' ? '' : `${camera.id} `}${lineOf(camera)}`)
    .join('; ')
}

function lineOf({ daemon, failure }: Run): string {
  if (failure !== undefined) return `failed: ${failureText(failure)}`
  const { state, reason } = daemon.publisher.status
  const camera = `camera ${daemon.facts.camera().state}`
  return reason === undefined ? `${state}, ${camera}` : `${state}: ${reason}`
}

function failureText({ code, message, attempts, retryAtUs }: CameraFailure): string {
  const seconds = Math.ceil((retryAtUs - nowUs()) / 1e6)
  const when = seconds > 0 ? `started anew in ${seconds} s` : 'being started anew'
  return `${code}: ${message.replace(/\.$/, '')}; failed ${attempts} times in a row, ${when}`
}
