import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { nowUs, systemClock } from '../../src/events/time.js'
import { healthSchema } from '../../src/publish/health-schema.js'
import { createMqttBroker } from '../../src/publish/mqtt.js'
import { Publisher, type PublisherOptions } from '../../src/publish/publisher.js'
import { responseSchema } from '../../src/publish/request-schema.js'
import { cameraStatusSchema, infoSchema, statusSchema } from '../../src/publish/schema.js'
import { Spool } from '../../src/publish/spool.js'
import { trackEventSchema, tracksSchema } from '../../src/publish/tracks-schema.js'
import { notingHandlers } from './handlers.js'
import { Listener, type Received, type TestBroker, VARIANTS, type Variant } from './real-brokers.js'
import { CAMERA, HEALTH } from './reports.js'
import { aNew, anEnd, aStep, aTrack, SENSOR } from './tracks.js'

const SCHEMAS = [
  ['/camera/cam/status', cameraStatusSchema],
  ['/d/status', statusSchema],
  ['/info', infoSchema],
  ['/health', healthSchema],
  ['/tracks', tracksSchema],
  ['/track_events', trackEventSchema],
  ['/response/target/start', responseSchema],
] as const

const RATES = { replayPerSecond: 1000, healthIntervalMs: 60_000, tracksPerSecond: 0 }

type Tap = Pick<typeof t, 'teardown'>

function tempDir(t: Tap): string {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-publisher-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function open(
  t: Tap,
  on: { port: number; variant: Variant; dir?: string },
  over: Partial<PublisherOptions> = {},
) {
  const broker = createMqttBroker({
    host: '127.0.0.1',
    port: on.port,
    clientId: 'evtrackd-d',
    protocol: on.variant.ask,
    keepaliveSeconds: 30,
    random: () => 0,
  })
  const publisher = new Publisher({
    deviceName: 'd',
    cameraId: 'cam',
    bootId: 'boot-1',
    sensor: SENSOR,
    broker,
    spool: new Spool({
      dir: on.dir ?? tempDir(t),
      maxBytes: 1e6,
      maxAgeMs: 1e9,
      clock: systemClock,
    }),
    rates: RATES,
    handlers: {
      ...notingHandlers([]),
      'target/start': async ({ label }) => ({ ok: true, result: { id: 'b1-1', label } }),
      'target/stop': async ({ id }) => ({ ok: true, result: { id } }),
    },
    health: () => HEALTH,
    camera: () => CAMERA,
    ...over,
  })
  t.teardown(() => publisher.close())
  return publisher
}

/** Everything received follows its schema and has no key the schema does not know. */
function conforms(listener: Listener): string[] {
  const wrong = ({ topic, json }: Received) => {
    const schema = SCHEMAS.find(([end]) => topic.endsWith(end))?.[1]
    if (schema === undefined) return false
    const result = schema.safeParse(json)
    return !result.success || JSON.stringify(sorted(result.data)) !== JSON.stringify(sorted(json))
  }
  return listener.received.filter(wrong).map(({ topic, text }) => `${topic} ${text}`)
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)]),
  )
}

const isState = (state: string) => (json: Record<string, unknown>) => json['state'] === state

for (const variant of VARIANTS) {
  t.test(variant.name, { skip: variant.skip }, async (t) => {
    const server: TestBroker = await variant.start()
    const { port } = server
    t.teardown(() => server.stop())
    const protocolVersion = variant.protocol === '5' ? 5 : 4
    const listen = async (t: Tap) => {
      const listener = await Listener.open(port, { protocolVersion })
      t.teardown(() => listener.close())
      return listener
    }

    t.test('announces itself, follows its states, says when it stops', async (t) => {
      const listener = await listen(t)
      const publisher = open(t, { port, variant }, { rates: { ...RATES, healthIntervalMs: 20 } })
      publisher.setInfo({
        evtrackd: '0.1.0',
        model: { name: 'm', sha256: 'ab' },
        backend: 'cpu',
        camera: {
          id: 'cam',
          source: 'scene',
          serial: null,
          firmware: null,
          logic: null,
          image_size: [346, 260],
        },
        calibration_ids: [],
        clock_source: 'scene',
      })
      publisher.start()
      await listener.next('/d/status', isState('init'))
      publisher.setState('ready')
      publisher.setState('ready')
      const ready = await listener.next('/d/status', isState('ready'))
      t.match(ready.json, { boot_id: 'boot-1', seq: 1 })
      await listener.next('/info')
      await listener.next('/camera/cam/status', isState('streaming'))
      const health = await listener.next(
        '/health',
        ({ seq, mqtt }) => (seq as number) >= 2 && (mqtt as { connects: number }).connects > 0,
      )
      t.match(health.json, {
        mqtt: { protocol: variant.protocol, connects: 1 },
        drops: { frame_pool: 3 },
      })
      publisher.setState('degraded', 'CAMERA_LOST: The camera was unplugged.')
      t.match((await listener.next('/d/status', isState('degraded'))).json, {
        seq: 2,
        reason: /CAMERA_LOST/,
      })
      await publisher.close()
      await listener.next('/d/status', isState('stopped'))
      t.strictSame(conforms(listener), [])

      const late = await listen(t)
      await late.next('/health')
      t.strictSame(
        late.received
          .filter(({ packet }) => packet.retain)
          .map(({ topic }) => topic)
          .sort(),
        ['camera/cam/status', 'health', 'info', 'status'].map((end) => `evtrackd/v1/d/${end}`),
      )
      t.equal(late.on('/d/status')[0]?.json['state'], 'stopped')
    })

    t.test(
      'after a last will and after a restart of the broker it announces itself again',
      async (t) => {
        const listener = await listen(t)
        const publisher = open(t, { port, variant })
        publisher.start()
        publisher.setState('ready')
        await listener.next('/d/status', isState('ready'))
        const seen = listener.received.length
        const intruder = await Listener.open(port, { clientId: 'evtrackd-d', filter: 'none' })
        await listener.next('/d/status', isState('offline'), seen)
        await intruder.close()
        await listener.next('/d/status', isState('ready'), listener.received.length)
        t.strictSame(conforms(listener), [])

        await server.restart()
        const late = await listen(t)
        await late.next('/d/status', isState('ready'))
        await late.next('/camera/cam/status')
        await late.next('/health')
        t.pass('all of it, though this broker forgot everything')
      },
    )

    t.test('tracks: each window that has some, once when the last goes', async (t) => {
      const listener = await listen(t)
      const publisher = open(t, { port, variant })
      publisher.start()
      publisher.setState('ready')
      await listener.next('/d/status', isState('ready'))
      publisher.publishStep(aStep(1, []), nowUs())
      publisher.publishStep(aStep(2, [aTrack()]), nowUs() - 5000)
      publisher.publishStep(aStep(3, [aTrack(), aTrack({ id: 'b1-2' })]), nowUs())
      publisher.publishStep(aStep(4, []), nowUs())
      publisher.publishStep(aStep(5, []), nowUs())
      publisher.publishStep(aStep(6, [aTrack()]), nowUs())
      await listener.next('/tracks', ({ seq }) => seq === 6)
      const messages = listener.on('/tracks').map(({ json }) => json)
      t.strictSame(
        messages.map(({ seq, tracks }) => [seq, (tracks as []).length]),
        [
          [2, 1],
          [3, 2],
          [4, 0],
          [6, 1],
        ],
      )
      t.ok((messages[0]!['latency_ms'] as number) >= 5, 'from the receipt of the last event')
      t.equal(publisher.latency.percentiles().count, 4)
      t.strictSame(conforms(listener), [])
    })

    t.test('an outage: only the newest tracks, every lifecycle event, in order', async (t) => {
      const first = await listen(t)
      let lost: () => void = () => {}
      const outage = new Promise<void>((resolve) => {
        lost = resolve
      })
      const publisher = open(t, { port, variant }, { onBrokerError: () => lost() })
      publisher.start()
      publisher.setState('ready')
      await first.next('/d/status', isState('ready'))
      publisher.publishStep(aStep(1, [aTrack()], [aNew('b1-1')]), nowUs())
      const live = await first.next('/track_events')
      t.notOk('replayed' in live.json)

      // A listener must be there before the daemon is back, so the daemon is shut out rather than the broker shut down.
      const intruder = await Listener.open(port, { clientId: 'evtrackd-d', filter: 'none' })
      await outage
      const before = systemClock.wallUs()
      for (let seq = 2; seq <= 40; seq++) {
        publisher.publishStep(aStep(seq, [aTrack()], [aNew(`b1-${seq}`)]), nowUs())
      }
      publisher.publishStep(aStep(41, [aTrack()], [anEnd('b1-41')]), nowUs())
      const after = systemClock.wallUs()
      await intruder.close()
      const last = await first.next('/track_events', ({ event }) => event === 'end')
      t.ok(
        (last.json['at'] as number) >= before && (last.json['at'] as number) <= after,
        'original time',
      )
      const events = first.on('/track_events').map(({ json }) => json)
      t.strictSame(
        events.map(({ seq, replayed }) => [seq, replayed]),
        Array.from({ length: 41 }, (_, i) => [i, i === 0 ? undefined : true]),
      )
      await first.next('/tracks', ({ seq }) => seq === 41)
      t.strictSame(
        first.on('/tracks').map(({ json }) => json['seq']),
        [1, 41],
      )
      publisher.publishEvents([aNew('b1-99')])
      const again = await first.next('/track_events', ({ track }) => track === 'b1-99')
      t.notOk('replayed' in again.json, 'live again')
      t.strictSame(conforms(first), [])
    })

    t.test('lifecycle events outlive the process', async (t) => {
      const dir = tempDir(t)
      const listener = await listen(t)
      const first = open(t, { port: 1, variant, dir })
      first.start()
      first.publishEvents([aNew('b1-1'), aNew('b1-2'), anEnd('b1-1')])
      await first.close()
      const second = open(t, { port, variant, dir }, { bootId: 'boot-2' })
      second.start()
      second.publishEvents([aNew('b2-1')])
      await listener.next('/track_events', ({ boot_id }) => boot_id === 'boot-2')
      t.strictSame(
        listener
          .on('/track_events')
          .map(({ json }) => [json['boot_id'], json['seq'], json['replayed']]),
        [
          ['boot-1', 0, true],
          ['boot-1', 1, true],
          ['boot-1', 2, true],
          ['boot-2', 0, true],
        ],
      )
      t.strictSame(conforms(listener), [])
    })

    t.test('without handlers nothing is subscribed to, so no request is taken', async (t) => {
      const listener = await listen(t)
      const deaf = open(t, { port, variant }, { handlers: undefined } as never)
      deaf.start()
      await listener.next('/d/status')
      await listener.client.publishAsync(deaf.topics.requests[1]!, '{"id":"x"}', { qos: 1 })
      deaf.setState('ready')
      await listener.next('/d/status', isState('ready'))
      t.same(listener.on('/response/target/stop'), [])
    })

    t.test('Home Assistant is told, and told again when it starts', async (t) => {
      const listener = await Listener.open(port, {
        protocolVersion,
        filter: 'homeassistant/device/#',
      })
      t.teardown(() => listener.close())
      open(
        t,
        { port, variant },
        { homeAssistant: { prefix: 'homeassistant', version: '1' } },
      ).start()
      const first = await listener.next('/evtrackd_d/config')
      t.match(first.json, { device: { name: 'd' } })
      const from = listener.received.length
      await listener.client.publishAsync('homeassistant/status', 'online', { qos: 1 })
      t.same((await listener.next('/evtrackd_d/config', () => true, from)).json, first.json)
    })

    t.test('requests are answered', async (t) => {
      const listener = await listen(t)
      const publisher = open(t, { port, variant })
      publisher.start()
      publisher.setState('ready')
      await listener.next('/d/status', isState('ready'))
      const topic = 'evtrackd/v1/d/request/target/start'
      const ask = (body: string, properties = {}) =>
        listener.client.publishAsync(topic, body, { qos: 1, properties })
      await ask('{"box":[1,2,30,40],"label":"van","transaction":"q1"}')
      t.strictSame((await listener.next('/response/target/start')).json, {
        ok: true,
        command: 'target/start',
        transaction: 'q1',
        result: { id: 'b1-1', label: 'van' },
      })
      await ask('{"box":"nonsense","transaction":"q2"}')
      const answer = await listener.next('/response/target/start', ({ ok }) => ok === false)
      t.match(answer.json, { code: 'REQUEST_INVALID', transaction: 'q2', message: /^box/ })
      if (protocolVersion === 5) {
        const correlationData = Buffer.from('c-7')
        await ask('{"box":[1,2,3,4]}', { responseTopic: 'evtrackd/app/inbox', correlationData })
        const direct = await listener.next('/app/inbox')
        t.equal(direct.json['ok'], true)
        t.strictSame(direct.packet.properties?.correlationData, correlationData)
      }
      t.strictSame(conforms(listener), [])
    })
  })
}
