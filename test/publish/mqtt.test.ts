import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { EvtrackError } from '../../src/events/errors.js'
import type { Broker, BrokerSession, IncomingMessage } from '../../src/publish/broker.js'
import { startEmbeddedBroker } from '../../src/publish/embedded-broker.js'
import { createMqttBroker, type MqttBrokerOptions } from '../../src/publish/mqtt.js'
import { freePort, hasMosquitto, Listener, startMosquitto, VARIANTS } from './real-brokers.js'

const WILL = {
  topic: 'evtrackd/v1/d/status',
  payload: '{"state":"offline"}',
  qos: 1,
  retain: true,
} as const

function open(t: Tap, port: number, over: Partial<MqttBrokerOptions> = {}) {
  const broker = createMqttBroker({
    host: '127.0.0.1',
    port,
    clientId: 'evtrackd-d',
    protocol: 'auto',
    keepaliveSeconds: 30,
    random: () => 0,
    ...over,
  })
  t.teardown(() => broker.close())
  return broker
}
type Tap = Pick<typeof t, 'teardown'>

/** Starts the session and gives promises of what happens next. */
function run(broker: Broker) {
  const waiting: Record<string, ((value: never) => void)[]> = {}
  const happened = (name: string, value: unknown) => {
    for (const resolve of (waiting[name] ?? []).splice(0)) resolve(value as never)
  }
  const session: BrokerSession = {
    will: WILL,
    subscriptions: ['evtrackd/v1/d/request/target/start'],
    onConnect: () => happened('connect', undefined),
    onDisconnect: (error) => happened('disconnect', error),
    onUnreachable: (error) => happened('unreachable', error),
    onMessage: (message) => happened('message', message),
    onDrain: () => happened('drain', undefined),
  }
  const next = <T>(name: string) =>
    new Promise<T>((resolve) => (waiting[name] ??= []).push(resolve as (value: never) => void))
  return {
    start: () => broker.start(session),
    connect: () => next<void>('connect'),
    disconnect: () => next<EvtrackError | undefined>('disconnect'),
    unreachable: () => next<EvtrackError>('unreachable'),
    message: () => next<IncomingMessage>('message'),
    drain: () => next<void>('drain'),
  }
}

for (const variant of VARIANTS) {
  t.test(variant.name, { skip: variant.skip }, async (t) => {
    const server = await variant.start()
    t.teardown(() => server.stop())
    const protocolVersion = variant.protocol === '5' ? 5 : 4
    const listener = await Listener.open(server.port, { protocolVersion })
    t.teardown(() => listener.close())

    t.test('publishes at both qualities and receives requests', async (t) => {
      const broker = open(t, server.port, { protocol: variant.ask })
      t.equal(await broker.publish({ topic: 'x', payload: '{}', qos: 1 }), 'lost', 'before start')
      const session = run(broker)
      const connected = session.connect()
      session.start()
      await connected
      t.match(broker.status, { state: 'connected', protocol: variant.protocol, connects: 1 })
      t.ok(broker.writable)
      const topic = 'evtrackd/v1/d/x'
      t.equal(await broker.publish({ topic, payload: '{"n":0}', qos: 0, expirySeconds: 2 }), 'sent')
      t.equal(await broker.publish({ topic, payload: '{"n":1}', qos: 1 }), 'sent')
      await listener.next('/x', ({ n }) => n === 1)
      const live = await listener.next('/x', ({ n }) => n === 0)
      if (variant.protocol === '5') {
        t.match(live.packet.properties, {
          contentType: 'application/json',
          messageExpiryInterval: 2,
        })
      }
      const request = session.message()
      await listener.client.publishAsync('evtrackd/v1/d/request/target/start', '{"a":1}', {
        qos: 1,
      })
      t.match(await request, { payload: Buffer.from('{"a":1}'), retain: false })
      await broker.close()
      await broker.close()
      t.equal(broker.status.state, 'closed')
      t.equal(await broker.publish({ topic, payload: '{}', qos: 1 }), 'lost')
      t.strictSame(listener.on('/status'), [], 'no last will after an orderly end')
    })

    t.test('a broken connection leaves the last will; the next one takes over', async (t) => {
      const first = run(open(t, server.port, { protocol: variant.ask }))
      const connected = first.connect()
      first.start()
      await connected
      const broken = first.disconnect()
      // The same client id: the broker closes the first connection and publishes its will.
      const intruder = await Listener.open(server.port, { clientId: 'evtrackd-d', filter: 'none' })
      const error = await broken
      t.equal(error?.code, 'BROKER_UNREACHABLE')
      t.equal((await listener.next('/status')).text, WILL.payload)
      await intruder.close()
      await first.connect()
      const late = await Listener.open(server.port)
      t.equal((await late.next('/status')).packet.retain, true)
      await late.close()
    })

    t.test(
      'a killed broker is waited for, and publishes under way are lost, not stuck',
      async (t) => {
        const broker = open(t, server.port, { protocol: variant.ask })
        const session = run(broker)
        const connected = session.connect()
        session.start()
        await connected
        const disconnected = session.disconnect()
        const again = session.connect()
        const restarted = server.restart()
        await disconnected
        t.notOk(broker.writable)
        t.equal(await broker.publish({ topic: 'x', payload: '{}', qos: 1 }), 'lost')
        await restarted
        await again
        t.match(broker.status, { state: 'connected', protocol: variant.protocol, connects: 2 })
        t.equal(broker.status.error, undefined)
      },
    )
  })
}

t.test('a broker that is not there is a state, said once', async (t) => {
  const port = await freePort()
  const broker = open(t, port)
  const session = run(broker)
  const unreachable = session.unreachable()
  session.start()
  const error = await unreachable
  t.equal(error.code, 'BROKER_UNREACHABLE')
  t.match(error.message, `127.0.0.1:${port}`)
  t.match(error.next, /mqtt\.url/)
  t.equal(broker.status.error, error)
  let repeated = false
  void session.unreachable().then(() => {
    repeated = true
  })
  const embedded = await startEmbeddedBroker({ host: '127.0.0.1', port })
  t.teardown(() => embedded.close())
  await session.connect()
  t.notOk(repeated)
})

t.test('wrong credentials are named, and mended without a restart of the daemon', async (t) => {
  const credentials = { username: 'gate', password: 'right' }
  const embedded = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, credentials })
  t.teardown(() => embedded.close())
  for (const wrong of [
    {},
    { username: 'gate', password: 'wrong' },
    { username: 'x', password: 'right' },
  ]) {
    const session = run(open(t, embedded.port, { ...wrong, protocol: '3.1.1' }))
    const unreachable = session.unreachable()
    session.start()
    t.match((await unreachable).next, /mqtt\.username/)
  }
  const session = run(open(t, embedded.port, { ...credentials, clientId: 'evtrackd-e' }))
  const connected = session.connect()
  session.start()
  await connected
})

t.test('a broker that closes on version 5 without a word is asked for 3.1.1', async (t) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('data', (connect) => {
      // Byte 8 of CONNECT is the protocol level.
      if (connect[8] === 4) socket.write(Buffer.from([0x20, 2, 0, 0]))
      else socket.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const broker = open(t, typeof address === 'object' ? address!.port : 0)
  const session = run(broker)
  const connected = session.connect()
  session.start()
  await connected
  t.equal(broker.status.protocol, '3.1.1')

  t.test('and when it stops reading, that shows, and close() still ends', async (t) => {
    for (const socket of sockets) socket.pause()
    const payload = JSON.stringify({ pad: 'x'.repeat(1_000_000) })
    let sent = 0
    while (broker.writable && sent < 100) {
      void broker.publish({ topic: 'x', payload, qos: 0 })
      sent += 1
    }
    t.ok(sent < 100, `not writable after ${sent} MB`)
    const drained = session.drain()
    for (const socket of sockets) socket.resume()
    await drained
    t.ok(broker.writable)
    const unanswered = broker.publish({ topic: 'x', payload: '{}', qos: 1 })
    await broker.close()
    t.equal(await unanswered, 'lost')
  })
})

const noMosquitto = !hasMosquitto && 'mosquitto is not installed'

t.test('a message larger than the broker takes is refused', { skip: noMosquitto }, async (t) => {
  const server = await startMosquitto(['max_packet_size 2000'])
  t.teardown(() => server.stop())
  const broker = open(t, server.port)
  const session = run(broker)
  const connected = session.connect()
  session.start()
  await connected
  const large = JSON.stringify({ pad: 'x'.repeat(3000) })
  t.equal(await broker.publish({ topic: 'evtrackd/x', payload: large, qos: 1 }), 'refused')
  t.equal(await broker.publish({ topic: 'evtrackd/x', payload: '{}', qos: 1 }), 'sent')
})

t.test('a message against the access rules is refused', { skip: noMosquitto }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-acl-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const rules = join(dir, 'acl')
  writeFileSync(rules, 'topic readwrite evtrackd/#\n', { mode: 0o600 })
  const server = await startMosquitto([`acl_file ${rules}`])
  t.teardown(() => server.stop())
  const broker = open(t, server.port)
  const session = run(broker)
  const connected = session.connect()
  session.start()
  await connected
  t.equal(await broker.publish({ topic: 'other/x', payload: '{}', qos: 1 }), 'refused')
  t.equal(await broker.publish({ topic: 'evtrackd/x', payload: '{}', qos: 1 }), 'sent')
})

t.test('a broker without QoS 1 or retained messages is named', { skip: noMosquitto }, async (t) => {
  for (const setting of ['max_qos 0', 'retain_available false']) {
    const server = await startMosquitto([setting])
    t.teardown(() => server.stop())
    const session = run(open(t, server.port))
    const unreachable = session.unreachable()
    session.start()
    t.match((await unreachable).next, /QoS 1 and retained/, setting)
  }
})

t.test(
  'TLS',
  { skip: !(hasMosquitto && existsSync('/usr/bin/openssl')) && 'needs mosquitto and openssl' },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'evtrackd-tls-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    const key = join(dir, 'key.pem')
    const cert = join(dir, 'cert.pem')
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=DNS:localhost',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    )
    const server = await startMosquitto([`certfile ${cert}`, `keyfile ${key}`])
    t.teardown(() => server.stop())

    t.test('a broker with a trusted certificate', async (t) => {
      const tls = { ca: readFileSync(cert, 'utf8') }
      const broker = open(t, server.port, { host: 'localhost', tls })
      const session = run(broker)
      const connected = session.connect()
      session.start()
      await connected
      t.equal(await broker.publish({ topic: 'x', payload: '{}', qos: 1 }), 'sent')
    })

    t.test('an unknown certificate is refused, with the way out', async (t) => {
      const session = run(open(t, server.port, { host: 'localhost', tls: {} }))
      const unreachable = session.unreachable()
      session.start()
      t.match((await unreachable).next, /mqtt\.ca_file/)
    })

    t.test('a certificate made out to another name is refused', async (t) => {
      const tls = { ca: readFileSync(cert, 'utf8') }
      const session = run(open(t, server.port, { host: '127.0.0.1', tls }))
      const unreachable = session.unreachable()
      session.start()
      t.match((await unreachable).next, /certificate is made out to/)
    })
  },
)
