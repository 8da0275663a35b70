import type { Daemon } from './daemon-types.js'
import type { Config } from './schema.js'

/** The others connect to the broker that the first has started. */
export function besideEmbedded(config: Config, at: Daemon['broker']): Config {
  const host = at.host === '0.0.0.0' ? '127.0.0.1' : at.host
  return { ...config, mqtt: { ...config.mqtt, url: `mqtt://${host}:${at.port}` } }
}

/** A broker that was started inside has another address than the configuration names. */
export function sameBroker(next: Config, running: Config): Config['mqtt'] {
  const started = next.mqtt.url === 'embedded' && running.mqtt.url !== 'embedded'
  return started ? { ...next.mqtt, url: running.mqtt.url } : next.mqtt
}
