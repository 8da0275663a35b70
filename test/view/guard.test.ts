import t from 'tap'
import { hostName, knownHosts, refuse } from '../../src/view/guard.js'
import { viewSchema } from '../../src/view/schema.js'

const hosts = knownHosts({ host: '127.0.0.1', allowedHosts: ['mast-3.example'] })
const json = { 'content-type': 'application/json' }

t.test('host names', async (t) => {
  t.equal(hostName('127.0.0.1:8346'), '127.0.0.1')
  t.equal(hostName('LocalHost'), 'localhost')
  t.equal(hostName('[::1]:80'), '[::1]')
  for (const bad of [undefined, '', 'a b', 'a/b', 'user@localhost', 'localhost:99999999', ':80']) {
    t.equal(hostName(bad), undefined, String(bad))
  }
})

t.test('a name that was pointed at this machine is refused', async (t) => {
  for (const host of ['evil.example', 'localhost.evil.example', '192.168.1.4:8346', undefined]) {
    const headers = host === undefined ? {} : { host }
    for (const kind of ['page', 'data', 'command'] as const) {
      t.equal(refuse(headers, { hosts, kind })?.status, 403, `${host} ${kind}`)
    }
  }
})

t.test('loopback under any port and the configured names are served', async (t) => {
  for (const host of ['127.0.0.1:8346', 'localhost:9000', '[::1]:8346', 'mast-3.example']) {
    t.equal(refuse({ host }, { hosts, kind: 'data' }), undefined, host)
  }
  const six = knownHosts({ host: '::1', allowedHosts: [] })
  t.ok(six.has('[::1]'))
})

t.test('other sites get the page, but neither data nor commands', async (t) => {
  const host = '127.0.0.1:8346'
  const cross = { host, 'sec-fetch-site': 'cross-site' }
  t.equal(refuse(cross, { hosts, kind: 'page' }), undefined)
  t.equal(refuse(cross, { hosts, kind: 'data' })?.status, 403)
  t.equal(refuse({ ...cross, ...json }, { hosts, kind: 'command' })?.status, 403)
  const same = { host, 'sec-fetch-site': 'same-origin', origin: `http://${host}`, ...json }
  t.equal(refuse(same, { hosts, kind: 'command' }), undefined)
  for (const origin of ['http://evil.example', 'http://127.0.0.1:1', 'null']) {
    t.equal(refuse({ host, origin, ...json }, { hosts, kind: 'command' })?.status, 403, origin)
  }
})

t.test('a command has to be JSON, which a form of another site cannot send', async (t) => {
  const host = 'localhost'
  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded']) {
    const headers = { host, ...(type !== undefined && { 'content-type': type }) }
    t.equal(refuse(headers, { hosts, kind: 'command' })?.status, 415, String(type))
  }
  const utf8 = { host, 'content-type': 'application/json; charset=utf-8' }
  t.equal(refuse(utf8, { hosts, kind: 'command' }), undefined)
})

t.test('the page is for this machine', async (t) => {
  t.equal(viewSchema.parse({}).enabled, false)
  for (const host of ['0.0.0.0', '192.168.1.10', '::', 'example.org', '127.0.0.1.example.org']) {
    t.notOk(viewSchema.safeParse({ host }).success, host)
  }
  for (const host of ['127.0.0.1', '127.0.1.1', '::1', 'localhost']) {
    t.ok(viewSchema.safeParse({ host }).success, host)
  }
  for (const name of ['Mast', 'http://mast', 'mast:80', '*', '']) {
    t.notOk(viewSchema.safeParse({ allowedHosts: [name] }).success, name)
  }
})
