import type { HealthPayload } from '../publish/schema.js'
import type { Daemon } from './daemon-types.js'
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
  readonly state: string
  readonly reason: string | null
  readonly camera_state: string
  readonly serial: string | null
  readonly broker: {
    readonly endpoint: string
    readonly state: string
    readonly error: string | null
  }
  readonly health: HealthPayload
}

export function cameraStatus(daemon: Daemon): CameraStatus {
  const { config, publisher, facts, broker, brokerStatus } = daemon
  const { state, reason } = publisher.status
  return {
    device: config.mqtt.deviceName,
    camera: config.mqtt.cameraId,
    source: config.source.kind,
    boot_id: daemon.bootId,
    state,
    reason: reason ?? null,
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
  daemons: readonly Daemon[],
  service: { readonly configFile: string; readonly restartNeeded: readonly string[] },
): StatusReport {
  return {
    version: VERSION,
    pid: process.pid,
    config_file: service.configFile,
    restart_needed: service.restartNeeded,
    cameras: daemons.map(cameraStatus),
  }
}

/** One line for systemd and people: "ready, camera streaming". */
export function statusLine(daemon: Daemon): string {
  const { state, reason } = daemon.publisher.status
  const camera = `camera ${daemon.facts.camera().state}`
  return reason === undefined ? `${state}, ${camera}` : `${state}: ${reason}`
}
