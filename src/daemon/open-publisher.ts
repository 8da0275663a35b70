import { join } from 'node:path'
import type { Size } from '../events/geometry.js'
import { systemClock } from '../events/time.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { Broker } from '../publish/broker.js'
import { Publisher, type PublishRates } from '../publish/publisher.js'
import type { CommandHandlers } from '../publish/requests.js'
import { Spool } from '../publish/spool.js'
import type { SourceInfo } from '../sources/source.js'
import type { DaemonFacts } from './facts.js'
import type { Log } from './log.js'
import type { ModelChange } from './model-desk.js'
import type { Config } from './schema.js'
import { stateDir } from './state-dir.js'
import { VERSION } from './version.js'

/** What of the publisher may change while it runs. */
export function ratesOf({ mqtt }: Pick<Config, 'mqtt'>): PublishRates {
  const { healthIntervalMs, tracksPerSecond, spool } = mqtt
  return { healthIntervalMs, tracksPerSecond, replayPerSecond: spool.replayPerSecond }
}

/** The publisher of this configuration, with its spool; not started. */
export function openPublisher(
  config: Config,
  parts: {
    readonly bootId: string
    readonly sensor: Size
    readonly broker: Broker
    readonly handlers: CommandHandlers
    readonly facts: DaemonFacts
    readonly log: Log
  },
): Publisher {
  const { mqtt } = config
  const { facts, log } = parts
  return new Publisher({
    deviceName: mqtt.deviceName,
    cameraId: mqtt.cameraId,
    bootId: parts.bootId,
    sensor: parts.sensor,
    broker: parts.broker,
    spool: new Spool({
      dir: mqtt.spool.dir ?? join(stateDir(config), 'spool'),
      maxBytes: mqtt.spool.maxBytes,
      maxAgeMs: mqtt.spool.maxAgeMs,
      clock: systemClock,
    }),
    rates: ratesOf(config),
    ...(mqtt.commands && { handlers: parts.handlers }),
    ...(mqtt.homeAssistant.enabled && {
      homeAssistant: { prefix: mqtt.homeAssistant.prefix, version: VERSION },
    }),
    health: () => facts.health(),
    camera: () => facts.camera(),
    onBrokerError: (error) => log.warning(error.message, { code: error.code, next: error.next }),
    onBrokerConnected: (status) => log.info('broker connected', { protocol: status.protocol }),
  })
}

function backendOf({ model }: Config, { backend }: DaemonFacts): string {
  return backend?.description ?? `onnxruntime cpu ${model.graph}`
}

/** What is published under `info`. */
export function infoOf(
  config: Config,
  now: {
    readonly pkg: ModelPackage | undefined
    readonly modelChange?: ModelChange | undefined
    readonly facts: DaemonFacts
    readonly source: SourceInfo | undefined
    readonly size: Size
    readonly calibrationIds: readonly string[]
  },
): Parameters<Publisher['setInfo']>[0] {
  const { pkg, facts, source, size } = now
  const { serial, firmware, logic } = facts.sourceState
  const ready = facts.inference === 'ready'
  return {
    evtrackd: VERSION,
    model: ready && pkg ? { name: pkg.spec.name, sha256: pkg.spec.sha256 } : null,
    ...(now.modelChange && { model_change: now.modelChange }),
    backend: ready ? (pkg ? backendOf(config, facts) : 'event clusters') : null,
    camera: {
      id: config.mqtt.cameraId,
      source: source?.kind === 'recording' ? source.name : config.source.kind,
      serial: serial ?? source?.serial ?? null,
      firmware: firmware === undefined ? null : String(firmware),
      logic: logic === undefined ? null : String(logic),
      image_size: [size.width, size.height],
    },
    calibration_ids: [...now.calibrationIds],
    clock_source: config.source.kind,
  }
}
