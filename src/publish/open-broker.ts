import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { EvtrackError } from '../events/errors.js'
import type { Clock } from '../events/time.js'
import type { Broker } from './broker.js'
import type { MqttConfig } from './config-schema.js'
import { startEmbeddedBroker } from './embedded-broker.js'
import { createMqttBroker } from './mqtt.js'

export interface OpenedBroker {
  /** Not started: the publisher starts it. */
  readonly broker: Broker
  /** Where it is, for people: host and port. */
  readonly endpoint: { readonly host: string; readonly port: number; readonly embedded: boolean }
  /** Closes the embedded broker, if there is one. Call it after the publisher has closed. */
  close(): Promise<void>
}

/**
 * The broker the configuration names, started inside this process for `url = "embedded"`. Reads password and
 * certificate files once: rejects with CONFIG_INVALID when one cannot be read, BROKER_UNREACHABLE when the embedded
 * broker cannot listen. A remote broker that does not answer is no error here.
 */
export async function openBroker(config: MqttConfig, clock?: Clock): Promise<OpenedBroker> {
  const password = (await read(config, 'passwordFile'))?.replace(/\r?\n$/, '')
  const { username } = config
  const common = {
    clientId: `evtrackd-${config.deviceName}`,
    keepaliveSeconds: config.keepaliveSeconds,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(clock && { clock }),
  }
  if (config.url === 'embedded') {
    const credentials =
      username !== undefined && password !== undefined
        ? { credentials: { username, password } }
        : {}
    const embedded = await startEmbeddedBroker({ ...config.embedded, ...credentials })
    const { host, port } = embedded
    // A wildcard address is listened on, not connected to.
    const reach = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
    return {
      broker: createMqttBroker({ ...common, host: reach, port, protocol: '3.1.1' }),
      endpoint: { host, port, embedded: true },
      close: () => embedded.close(),
    }
  }
  const url = new URL(config.url)
  const secure = url.protocol === 'mqtts:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = Number(url.port) || (secure ? 8883 : 1883)
  const tls = secure ? { tls: await readTls(config) } : {}
  return {
    broker: createMqttBroker({ ...common, ...tls, host, port, protocol: config.protocol }),
    endpoint: { host, port, embedded: false },
    close: () => Promise.resolve(),
  }
}

/** The PEM texts that the configuration names. Rejects with CONFIG_INVALID for what cannot be read or used. */
export async function readTls(config: MqttConfig) {
  const ca = await read(config, 'caFile')
  const cert = await read(config, 'certFile')
  const key = await read(config, 'keyFile')
  checkPem({ ca, cert, key })
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
}

/** A PEM file with the wrong content is found here, not when the first connection is tried. */
function checkPem(pem: {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}): void {
  const refuse = (keys: string, cause?: unknown) =>
    new EvtrackError('CONFIG_INVALID', `${keys} is not usable: ${reasonOf(cause)}.`, {
      next: `Give PEM files: ${keys} must hold what its name says, and a certificate goes with its own key.`,
      cause,
    })
  if (pem.ca !== undefined && !pem.ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw refuse('mqtt.ca_file', new Error('it holds no certificate'))
  }
  try {
    createSecureContext({
      ...(pem.ca !== undefined && { ca: pem.ca }),
      ...(pem.cert !== undefined && { cert: pem.cert }),
      ...(pem.key !== undefined && { key: pem.key }),
    })
  } catch (cause) {
    throw refuse(pem.cert === undefined ? 'mqtt.ca_file' : 'mqtt.cert_file or mqtt.key_file', cause)
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

async function read(
  config: MqttConfig,
  name: 'passwordFile' | 'caFile' | 'certFile' | 'keyFile',
): Promise<string | undefined> {
  const path = config[name]
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    // As the configuration file writes it.
    const key = `mqtt.${name.replace('File', '_file')}`
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new EvtrackError('CONFIG_INVALID', `${key} cannot be read: ${path} (${reason}).`, {
      next: `Put the file there, readable for the user evtrackd runs as, or correct ${key}.`,
      cause,
      data: { key, path, reason },
    })
  }
}
