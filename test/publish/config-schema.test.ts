import t from 'tap'
import { mqttSchema } from '../../src/publish/config-schema.js'

function problem(config: object): string | undefined {
  const result = mqttSchema.safeParse(config)
  const issue = result.error?.issues[0]
  return issue && `${issue.path.join('.')}: ${issue.message}`
}

t.test('an empty slice gets every default', async (t) => {
  const config = mqttSchema.parse({})
  t.match(config, {
    url: 'mqtt://127.0.0.1:1883',
    deviceName: 'evtrackd',
    protocol: 'auto',
    healthIntervalMs: 10_000,
    embedded: { host: '127.0.0.1', port: 1883 },
  })
  t.ok(config.spool.maxBytes > 0)
})

t.test('brokers that can be named', async (t) => {
  for (const url of [
    'embedded',
    'mqtt://broker',
    'mqtt://10.0.0.1:1884',
    'mqtts://b.example/',
    'mqtt://[::1]:1883',
  ]) {
    t.equal(problem({ url, username: 'u' }), undefined, url)
  }
  for (const url of [
    '',
    'broker',
    'http://broker',
    'mqtt://',
    'mqtt://user:secret@broker',
    'mqtt://b/path',
    'ws://b',
  ]) {
    t.match(problem({ url }) ?? '', /^url: expected mqtt/, url)
  }
})

t.test('names that would break a topic are refused', async (t) => {
  for (const deviceName of ['', 'Gate', 'a/b', '+', '#', 'a b']) {
    t.match(problem({ deviceName }), /^deviceName: /, deviceName)
  }
})

t.test('settings that belong together', async (t) => {
  t.match(problem({ url: 'mqtts://b', certFile: 'c.pem' }), /^keyFile: /)
  t.match(problem({ url: 'mqtt://b', caFile: 'ca.pem' }), /^url: .*mqtts/)
  t.match(problem({ passwordFile: 'p' }), /^username: /)
  t.match(problem({ url: 'embedded', embedded: { host: '0.0.0.0' } }), /^embedded.host: /)
  const guarded = {
    url: 'embedded',
    embedded: { host: '0.0.0.0' },
    username: 'u',
    passwordFile: 'p',
  }
  t.equal(problem(guarded), undefined)
  t.match(problem({ keepalive: 3 }), /keepalive/, 'unknown keys are named')
})

t.test('requests from anybody on the network must be asked for', async (t) => {
  const open = { url: 'mqtt://10.0.0.1' }
  t.match(problem(open), /^url: anyone on the network could send requests/)
  t.match(problem({ url: 'mqtt://[2001:db8::1]' }), /^url: anyone/)
  for (const closed of [
    { ...open, allowInsecure: true },
    { ...open, username: 'u' },
    { ...open, commands: false },
    { url: 'mqtts://10.0.0.1' },
    { url: 'mqtt://localhost' },
    { url: 'mqtt://127.0.1.1' },
    { url: 'mqtt://[::1]' },
  ]) {
    t.equal(problem(closed), undefined, JSON.stringify(closed))
  }
})
