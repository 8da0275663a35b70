import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, wallUs } from '../../events/time.js'
import { LatencyHistogram } from '../../publish/latency.js'
import { createMqttBroker } from '../../publish/mqtt.js'
import type { TracksPayload } from '../../publish/tracks-schema.js'
import { startDaemon } from '../daemon.js'
import { parseConfig } from '../load-config.js'
import { createLog } from '../log.js'

export interface LatencyResult {
  readonly seconds: number
  readonly messages: number
  readonly windowsPerSecond: number
  /** Last event of a window to the message at the subscriber, milliseconds. */
  readonly msP50: number | null
  readonly msP99: number | null
  /** Of the same windows: crops, inference, decision. */
  readonly inferenceMsP50: number | null
  readonly inferenceMsP99: number | null
  readonly skippedWindows: number
  readonly meanTargets: number
}

/**
 * The whole daemon with an emulated camera and its embedded broker, and a subscriber on a TCP connection of its own:
 * from the receipt of a window's last event to the subscriber's callback.
 */
export async function benchLatency(options: {
  readonly seconds: number
  readonly scene: string
  readonly maxTargets: number
}): Promise<LatencyResult> {
  const stateDir = await mkdtemp(join(tmpdir(), 'evtrackd-bench-'))
  const latency = new LatencyHistogram()
  const inference = new LatencyHistogram()
  let messages = 0
  let targets = 0
  let windows = 0
  let measuring = false
  const daemon = await startDaemon(
    parseConfig(
      {
        source: { kind: 'emulator', scene: options.scene },
        tracking: { maxTargets: options.maxTargets },
        mqtt: { url: 'embedded', embedded: { port: 0 } },
        stateDir,
        logLevel: 'error',
      },
      'the benchmark',
    ),
    {
      log: createLog({ level: 'error', journal: false, write: (l) => process.stderr.write(l) }),
      hooks: {
        onStep: (result) => {
          if (!measuring) return
          windows++
          if (result.inferences > 0) inference.record(result.inferenceMs)
        },
      },
    },
  )
  const { host, port } = daemon.broker
  const client = createMqttBroker({
    clientId: 'evtrackd-bench',
    keepaliveSeconds: 30,
    host,
    port,
    protocol: '3.1.1',
  })
  try {
    client.start({
      will: { topic: 'evtrackd-bench/status', payload: 'gone', qos: 0 },
      subscriptions: [daemon.publisher.topics.tracks],
      onConnect: () => {},
      onDisconnect: () => {},
      onDrain: () => {},
      onMessage: (message) => {
        const receivedUs = wallUs()
        if (!measuring) return
        const payload = JSON.parse(message.payload.toString('utf8')) as TracksPayload
        messages++
        targets += payload.tracks.length
        latency.record(payload.latency_ms + Math.max(0, receivedUs - payload.at) / 1000)
      },
    })
    await Promise.race([daemon.ready, daemon.done])
    // Targets are found and code is compiled before anything counts.
    await systemClock.sleep(3000)
    const before = daemon.facts.health().skipped_windows
    measuring = true
    await systemClock.sleep(options.seconds * 1000)
    measuring = false
    return {
      seconds: options.seconds,
      messages,
      windowsPerSecond: windows / options.seconds,
      msP50: latency.percentile(0.5),
      msP99: latency.percentile(0.99),
      inferenceMsP50: inference.percentile(0.5),
      inferenceMsP99: inference.percentile(0.99),
      skippedWindows: daemon.facts.health().skipped_windows - before,
      meanTargets: messages === 0 ? 0 : targets / messages,
    }
  } finally {
    await client.close()
    await daemon.stop()
    await rm(stateDir, { recursive: true, force: true })
  }
}
