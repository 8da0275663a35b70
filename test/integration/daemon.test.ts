import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'
import { systemClock } from '../../src/events/time.js'
import type { Broker, IncomingMessage } from '../../src/publish/broker.js'
import { calibrationStateSchema } from '../../src/publish/calibration-schema.js'
import { healthSchema } from '../../src/publish/health-schema.js'
import { createMqttBroker } from '../../src/publish/mqtt.js'
import { cameraStatusSchema, infoSchema, statusSchema } from '../../src/publish/schema.js'
import { trackEventSchema, tracksSchema } from '../../src/publish/tracks-schema.js'

const quiet = createLog({ level: 'error', journal: false, write: () => {} })

async function start(source: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const stateDir = mkdtempSync(join(tmpdir(), 'evtrackd-daemon-'))
  const config = parseConfig(
    {
      source,
      mqtt: { url: 'embedded', embedded: { port: 0 }, healthIntervalMs: 1000 },
      stateDir,
      ...more,
    },
    'test',
  )
  return startDaemon(config, { log: quiet })
}

/** A client that keeps every message and lets a test wait for one. */
function subscribe(daemon: Daemon, topics: readonly string[]) {
  const { host, port } = daemon.broker
  const broker: Broker = createMqttBroker({
    clientId: `test-${Math.floor(performance.now() * 1000)}`,
    keepaliveSeconds: 30,
    host,
    port,
    protocol: '3.1.1',
  })
  const messages: { topic: string; payload: unknown; retain: boolean }[] = []
  const waiting = new Set<() => void>()
  const connected = new Promise<void>((resolve) => {
    broker.start({
      will: { topic: 'test/gone', payload: '', qos: 0 },
      subscriptions: topics,
      onConnect: resolve,
      onDisconnect: () => {},
      onDrain: () => {},
      onMessage: (message: IncomingMessage) => {
        const payload = JSON.parse(message.payload.toString('utf8'))
        messages.push({ topic: message.topic, payload, retain: message.retain })
        for (const wake of [...waiting]) wake()
      },
    })
  })
  const find = <T>(topic: string, test: (payload: T) => boolean) =>
    messages.find((m) => m.topic === topic && test(m.payload as T))?.payload as T | undefined
  return {
    broker,
    messages,
    connected,
    async until<T>(topic: string, test: (payload: T) => boolean = () => true): Promise<T> {
      for (;;) {
        const found = find(topic, test)
        if (found !== undefined) return found
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
        })
      }
    },
  }
}

t.test('emulated camera to MQTT: every payload is as its schema says', async (t) => {
  const daemon = await start({ kind: 'emulator', scene: 'demo' })
  const { topics } = daemon.publisher
  const client = subscribe(daemon, [`${topics.base}/#`])
  await client.connected
  await daemon.ready
  await client.until(topics.status, (p: { state: string }) => p.state === 'ready')
  await client.until(topics.tracks, (p: { tracks: unknown[] }) => p.tracks.length > 0)
  await client.until(topics.trackEvents, (p: { event: string }) => p.event === 'new')
  await client.until(topics.cameraStatus, (p: { state: string }) => p.state === 'streaming')
  await client.until(
    topics.health,
    (p: { events_per_second: number | null }) => (p.events_per_second ?? 0) > 0,
  )
  await client.until(topics.info, (p: { camera: { serial: string | null } }) => {
    return p.camera.serial !== null
  })
  const stopped = client.until(topics.status, (p: { state: string }) => p.state === 'stopped')
  const end = client.until(topics.trackEvents, (p: { event: string }) => p.event === 'end')
  await daemon.stop()
  await Promise.all([stopped, end])
  await client.broker.close()

  const schemas = {
    [topics.status]: statusSchema,
    [topics.info]: infoSchema,
    [topics.health]: healthSchema,
    [topics.cameraStatus]: cameraStatusSchema,
    [topics.calibration]: calibrationStateSchema,
    [topics.tracks]: tracksSchema,
    [topics.trackEvents]: trackEventSchema,
  }
  const strangers = client.messages.filter((m) => schemas[m.topic] === undefined)
  t.same(strangers, [], 'nothing on any other topic')
  for (const { topic, payload } of client.messages) {
    const result = schemas[topic]!.safeParse(payload)
    if (!result.success) t.fail(`${topic}: ${result.error.message}`)
  }
  const tracks = client.messages.filter((m) => m.topic === topics.tracks)
  t.ok(tracks.length > 0)
  t.notOk(
    tracks.some((m) => m.retain),
    'tracks are not retained',
  )
})

t.test('target/start and target/stop over MQTT', async (t) => {
  const daemon = await start(
    { kind: 'scene', scene: 'clean' },
    { tracking: { proposals: { enabled: false } } },
  )
  const { base, trackEvents } = daemon.publisher.topics
  const answers = `${base}/response`
  const client = subscribe(daemon, [`${answers}/#`, trackEvents])
  await client.connected
  await daemon.ready
  const ask = (command: string, payload: unknown) =>
    client.broker.publish({
      topic: `${base}/request/${command}`,
      payload: JSON.stringify(payload),
      qos: 1,
    })
  type Answer = { ok: boolean; transaction?: number; code?: string; result?: { id: string } }
  const answer = (command: string, transaction: number) =>
    client.until<Answer>(`${answers}/${command}`, (p) => p.transaction === transaction)

  await ask('target/start', { box: [100, 100, 40, 30], label: 'lorry', transaction: 1 })
  const started = await answer('target/start', 1)
  t.equal(started.ok, true)
  const id = started.result!.id
  t.match(id, new RegExp(`^${daemon.bootId}-`), 'ids carry the boot, so they are never reused')
  const born = await client.until<{ track: string; after: { label?: string } }>(
    trackEvents,
    (p) => p.track === id,
  )
  t.equal(born.after.label, 'lorry')

  await ask('target/start', { box: [400, 300, 40, 30], transaction: 2 })
  t.equal((await answer('target/start', 2)).ok, false, 'outside the sensor')
  await ask('target/start', { box: 'here', transaction: 3 })
  t.equal((await answer('target/start', 3)).code, 'REQUEST_INVALID')
  await ask('target/stop', { id: 'nobody', transaction: 4 })
  t.equal((await answer('target/stop', 4)).code, 'TARGET_UNKNOWN')
  await ask('target/stop', { id, transaction: 5 })
  t.same((await answer('target/stop', 5)).result, { id })
  const end = await client.until<{ event: string; summary?: { reason: string } }>(
    trackEvents,
    (p) => p.event === 'end',
  )
  t.equal(end.summary?.reason, 'stopped')
  await client.broker.close()
  await daemon.stop()
})

t.test('a snapshot is the window and its tracks', async (t) => {
  const daemon = await start({ kind: 'scene', scene: 'clean' })
  await daemon.ready
  const { frame } = await daemon.snapshot()
  t.equal(frame.planes.length, 3 * 346 * 260)
  t.ok(frame.header.tEndUs > frame.header.tStartUs)
  await daemon.stop()
  t.equal(await daemon.done, 'stopped')
})

t.test('an unreachable broker is a state: the daemon tracks on', async (t) => {
  // Nothing listens on the discard port of this machine.
  const daemon = await start(
    { kind: 'scene', scene: 'demo' },
    { mqtt: { url: 'mqtt://127.0.0.1:9', healthIntervalMs: 1000 } },
  )
  await daemon.ready
  const steps = daemon.facts
  while (steps.health().inference_ms.count === 0) await systemClock.sleep(20)
  t.pass('windows are tracked without a broker')
  await daemon.stop()
})
