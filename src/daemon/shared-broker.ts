import { systemClock } from '../events/time.js'
import { type OpenedBroker, openBroker } from '../publish/open-broker.js'
import type { Config } from './schema.js'

/** The broker inside, where several daemons share one: it outlives each of them. */
export interface SharedBroker {
  /** The configuration of a daemon that connects to it. */
  beside(config: Config): Config
  close(): Promise<void>
}

/** None unless several cameras ask for an embedded broker. Rejects with BROKER_UNREACHABLE when it cannot listen. */
export async function openSharedBroker(
  configs: readonly Config[],
): Promise<SharedBroker | undefined> {
  const first = configs[0]
  if (first === undefined || configs.length === 1 || first.mqtt.url !== 'embedded') return undefined
  // Of what is opened, the client is never started.
  const opened = await openBroker(first.mqtt, systemClock)
  return {
    beside: (config) => ({
      ...config,
      mqtt: { ...config.mqtt, url: urlOf(opened.endpoint) },
    }),
    close: () => opened.close(),
  }
}

/** A wildcard address is listened on, not connected to. */
function urlOf({ host, port }: OpenedBroker['endpoint']): string {
  const reach = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `mqtt://${reach.includes(':') ? `[${reach}]` : reach}:${port}`
}

/** A broker that was started inside has another address than the configuration names. */
export function sameBroker(next: Config, running: Config): Config['mqtt'] {
  const started = next.mqtt.url === 'embedded' && running.mqtt.url !== 'embedded'
  return started ? { ...next.mqtt, url: running.mqtt.url } : next.mqtt
}
