import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { OutgoingMessage } from '../../src/publish/broker.js'
import { mqttSchema } from '../../src/publish/config-schema.js'
import { openBroker } from '../../src/publish/open-broker.js'
import { Listener } from './real-brokers.js'

const will: OutgoingMessage = { topic: 'evtrackd/v1/d/status', payload: '{}', qos: 1 }

t.test('"embedded" starts a broker that others reach, guarded by the credentials', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-open-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, 'secret\n')
  const config = mqttSchema.parse({
    url: 'embedded',
    embedded: { port: 0 },
    username: 'gate',
    passwordFile,
  })
  const opened = await openBroker(config)
  t.teardown(async () => {
    await opened.broker.close()
    await opened.close()
  })
  const { port } = opened.endpoint
  t.match(opened.endpoint, { host: '127.0.0.1', embedded: true })
  await new Promise<void>((resolve) =>
    opened.broker.start({
      will,
      subscriptions: [],
      onConnect: resolve,
      onDisconnect: () => {},
      onMessage: () => {},
      onDrain: () => {},
    }),
  )
  t.equal(opened.broker.status.protocol, '3.1.1')
  const listener = await Listener.open(port, { username: 'gate', password: 'secret' })
  t.equal(await opened.broker.publish({ topic: 'evtrackd/x', payload: '{}', qos: 1 }), 'sent')
  t.equal((await listener.next('x')).text, '{}')
  await listener.close()
  await t.rejects(Listener.open(port, { reconnectPeriod: 0 }), /[Aa]uthori[sz]ed|[Bb]ad user/)

  const taken = mqttSchema.parse({ url: 'embedded', embedded: { port } })
  await t.rejects(openBroker(taken), {
    code: 'BROKER_UNREACHABLE',
    next: /mqtt\.embedded\.port/,
    data: { reason: 'EADDRINUSE' },
  })
})

t.test(
  'a file that cannot be read is a fault of the configuration, named by its key',
  async (t) => {
    const password = mqttSchema.parse({ username: 'u', passwordFile: '/nonexistent/password' })
    await t.rejects(openBroker(password), {
      code: 'CONFIG_INVALID',
      message: /mqtt\.password_file/,
    })
    const ca = mqttSchema.parse({ url: 'mqtts://b', caFile: '/nonexistent/ca.pem' })
    await t.rejects(openBroker(ca), { code: 'CONFIG_INVALID', message: /mqtt\.ca_file/ })
  },
)

t.test('addresses and default ports', async (t) => {
  const cases: [string, string, number][] = [
    ['mqtt://broker', 'broker', 1883],
    ['mqtts://broker.example', 'broker.example', 8883],
    ['mqtt://[::1]:1884', '::1', 1884],
  ]
  for (const [url, host, port] of cases) {
    const opened = await openBroker(mqttSchema.parse({ url, allowInsecure: true }))
    t.strictSame(opened.endpoint, { host, port, embedded: false })
    t.equal(opened.broker.status.state, 'idle', 'nothing connects before start')
    await opened.close()
  }
})
