import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../events/time.js'
import type { ViewState } from '../view/answer.js'
import type { ViewConfig } from '../view/schema.js'
import type { ViewCamera } from '../view/screen.js'
import { ViewServer } from '../view/server.js'
import type { Daemon } from './daemon-types.js'
import type { Log } from './log.js'
import { PACKAGE_ROOT, VERSION } from './version.js'

/** Serves the live page for the daemons of this process. Rejects with the system's error when it cannot listen. */
export async function openView(
  config: ViewConfig,
  parts: { readonly daemons: () => readonly Daemon[]; readonly log: Log },
): Promise<ViewServer> {
  const { daemons, log } = parts
  const cameras = new WeakMap<Daemon, ViewCamera>()
  const cameraOf = (daemon: Daemon): ViewCamera => {
    const camera = cameras.get(daemon) ?? viewCamera(daemon)
    cameras.set(daemon, camera)
    return camera
  }
  const server = new ViewServer({
    config,
    page: readFileSync(join(PACKAGE_ROOT, 'view/page.html'), 'utf8'),
    cameras: () => daemons().map(cameraOf),
    clock: systemClock,
  })
  const { host, port } = await server.listen()
  log.info('live page', { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/` })
  return server
}

function viewCamera(daemon: Daemon): ViewCamera {
  return {
    name: daemon.config.mqtt.cameraId,
    sensor: daemon.sensor,
    window: () => daemon.snapshot(),
    state: () => viewState(daemon),
    commands: daemon.targets,
  }
}

function viewState({ config, facts, publisher, brokerStatus }: Daemon): ViewState {
  const { state, reason } = publisher.status
  const health = facts.health()
  return {
    evtrackd: VERSION,
    device: config.mqtt.deviceName,
    camera: config.mqtt.cameraId,
    state,
    reason: reason ?? null,
    source: config.source.kind,
    tracker: config.tracking.tracker === 'spiking' ? config.model.name : config.tracking.tracker,
    broker: brokerStatus.state,
    events_per_second: health.events_per_second,
    latency_ms: publisher.recentLatency(),
    inference_ms: health.inference_ms,
    temperature_c: health.temperature_c,
    drops: health.drops,
    skipped_windows: health.skipped_windows,
  }
}
