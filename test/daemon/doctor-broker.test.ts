import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { checkBroker } from '../../src/daemon/doctor/broker.js'
import { checkClientCertificate } from '../../src/daemon/doctor/certificate.js'
import type { Check } from '../../src/daemon/doctor/check.js'
import { examine } from '../../src/daemon/doctor/doctor.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { systemClock } from '../../src/events/time.js'
import { hasOpenssl, type Pair, Pki } from '../publish/pki.js'
import { freePort, hasMosquitto, startMosquitto } from '../publish/real-brokers.js'

const missing = [!hasMosquitto && 'mosquitto', !hasOpenssl && 'openssl'].filter(Boolean)
const skip = missing.length > 0 && `${missing.join(' and ')} not installed`
const DAY_MS = 86_400_000

const check = (mqtt: object) => checkBroker(parseConfig({ mqtt }, 'test'))
const firstFailed = (checks: readonly Check[]) => checks.find(({ verdict }) => verdict === 'fail')
const verdicts = (checks: readonly Check[]) =>
  Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]))

function password(pki: Pki, text: string): string {
  const file = join(pki.dir, `password-${text}`)
  writeFileSync(file, `${text}\n`)
  return file
}

const listenWith = ({ cert, key }: Pair) => [`certfile ${cert}`, `keyfile ${key}`]

t.test('TLS: trusted, or why not', { skip }, async (t) => {
  const pki = new Pki()
  const ca = pki.authority('field-ca')
  const other = pki.authority('other-ca')
  const good = pki.certificate('mosquitto', ca, { names: 'IP:127.0.0.1' })
  const broker = await startMosquitto(listenWith(good))
  t.teardown(() => broker.stop())
  const url = `mqtts://127.0.0.1:${broker.port}`

  const trusted = await check({ url, caFile: ca.cert })
  t.same(verdicts(trusted), {
    'broker certificate': 'ok',
    broker: 'ok',
    'broker rights': 'ok',
    'broker security': 'ok',
  })
  t.match(trusted[0]!.message, /^Made out to 127\.0\.0\.1 by field-ca, valid until \d{4}-/)

  for (const [what, more] of [
    ['another authority', { caFile: other.cert }],
    ['the authorities of the system', {}],
  ] as const) {
    const [untrusted, ...rest] = await check({ url, ...more })
    t.match(untrusted, {
      name: 'broker certificate',
      verdict: 'fail',
      message: /signed by an authority that is not trusted here.*by field-ca/,
      next: /mqtt\.ca_file/,
    })
    t.same(rest, [], `${what}: nothing is sent to a broker that is not trusted`)
  }

  const plain = await check({ url: `mqtt://127.0.0.1:${broker.port}` })
  t.match(plain, [
    { name: 'broker', verdict: 'fail', message: /closed the connection/, next: /mqtts:\/\// },
  ])
})

t.test('a certificate that is too old, ends soon, or is for another name', { skip }, async (t) => {
  const pki = new Pki()
  const ca = pki.authority('field-ca')
  const names = 'IP:127.0.0.1'
  const first = async (pair: Pair): Promise<readonly Check[]> => {
    const broker = await startMosquitto(listenWith(pair))
    const checks = await check({ url: `mqtts://127.0.0.1:${broker.port}`, caFile: ca.cert })
    await broker.stop()
    return checks
  }
  const [expired] = await first(pki.certificate('old', ca, { names, days: -1 }))
  const date = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10)
  t.match(expired, {
    name: 'broker certificate',
    verdict: 'fail',
    message: new RegExp(`has expired.*until ${date}`),
    next: /Renew.*clock/,
  })
  const ending = await first(pki.certificate('ending', ca, { names, days: 7 }))
  t.match(ending[0], { verdict: 'warn', message: /ends in [67] days/, next: /Renew/ })
  t.equal(verdicts(ending)['broker'], 'ok', 'it still works')
  const [named] = await first(pki.certificate('named', ca, { names: 'DNS:broker.example' }))
  t.match(named, {
    verdict: 'fail',
    message: /No trust in 127\.0\.0\.1.*another name.*made out to broker\.example/,
    next: /name in mqtt\.url/,
  })
})

t.test('client certificates', { skip }, async (t) => {
  const pki = new Pki()
  const ca = pki.authority('field-ca')
  const other = pki.authority('other-ca')
  const server = pki.certificate('mosquitto', ca, { names: 'IP:127.0.0.1' })
  const broker = await startMosquitto([
    ...listenWith(server),
    `cafile ${ca.cert}`,
    'require_certificate true',
  ])
  t.teardown(() => broker.stop())
  const base = { url: `mqtts://127.0.0.1:${broker.port}`, caFile: ca.cert }
  const withPair = ({ cert, key }: Pair) => check({ ...base, certFile: cert, keyFile: key })

  const mine = pki.certificate('mast-3', ca)
  const taken = await withPair(mine)
  t.match(verdicts(taken), { 'client certificate': 'ok', broker: 'ok', 'broker rights': 'ok' })
  t.match(taken[0]!.message, /made out to mast-3 by field-ca/)

  const none = await check(base)
  t.match(none.at(-1), { name: 'broker', verdict: 'fail', next: /mqtt\.cert_file/ })
  t.match(none.at(-1)?.message, /client certificate|without an answer/)
  const strange = await withPair(pki.certificate('stranger', other))
  t.match(strange.at(-1), { name: 'broker', verdict: 'fail', next: /mqtt\.cert_file/ })
  t.match(strange.at(-1)?.message, /does not accept the client certificate|without an answer/)
  const old = await withPair(pki.certificate('old', ca, { days: -1 }))
  t.match(old[0], { name: 'client certificate', verdict: 'fail', message: /It has expired/ })
  t.equal(verdicts(old)['broker'], 'fail')

  const swapped = await check({ ...base, certFile: mine.cert, keyFile: server.key })
  t.match(swapped, [
    { name: 'broker', verdict: 'fail', message: /mqtt\.cert_file or mqtt\.key_file/ },
  ])
  const early = checkClientCertificate(readFileSync(mine.cert, 'utf8'), Date.now() - 9 * DAY_MS)
  t.match(early, { verdict: 'fail', message: /not valid before/, next: /clock/ })
})

const MOSQUITTO_PASSWD = '/usr/bin/mosquitto_passwd'
const skipLogin = skip || (!existsSync(MOSQUITTO_PASSWD) && 'mosquitto_passwd is not installed')

t.test('login and rights over TLS', { skip: skipLogin }, async (t) => {
  const pki = new Pki()
  const ca = pki.authority('field-ca')
  const server = pki.certificate('mosquitto', ca, { names: 'IP:127.0.0.1' })
  const users = join(pki.dir, 'users')
  writeFileSync(users, '')
  for (const name of ['mast-3', 'deaf', 'mute']) {
    execFileSync(MOSQUITTO_PASSWD, ['-b', users, name, 'right'])
  }
  const acl = join(pki.dir, 'acl')
  const own = 'evtrackd/v1/mast-3'
  writeFileSync(
    acl,
    `user mast-3\ntopic readwrite ${own}/#\nuser deaf\ntopic write ${own}/#\nuser mute\ntopic read ${own}/#\n`,
  )
  for (const file of [users, acl]) chmodSync(file, 0o600)
  const broker = await startMosquitto([
    ...listenWith(server),
    'allow_anonymous false',
    `password_file ${users}`,
    `acl_file ${acl}`,
  ])
  t.teardown(() => broker.stop())
  const base = {
    url: `mqtts://127.0.0.1:${broker.port}`,
    caFile: ca.cert,
    deviceName: 'mast-3',
  }
  const right = password(pki, 'right')
  const failure = async (mqtt: object) => firstFailed(await check({ ...base, ...mqtt }))
  for (const protocol of ['5', '3.1.1']) {
    const as = (username: string, passwordFile = right) => ({ protocol, username, passwordFile })
    const all = await check({ ...base, ...as('mast-3') })
    t.match(verdicts(all), { broker: 'ok', 'broker rights': 'ok' }, protocol)
    const wrong = await failure(as('mast-3', password(pki, 'wrong')))
    t.match(
      wrong,
      { name: 'broker', message: /refuses the login/, next: /password_file/ },
      protocol,
    )
    const nobody = await failure({ protocol })
    t.match(nobody, { name: 'broker', message: /wants a login and none/, next: /mqtt\.username/ })
    const mute = await failure(as('mute'))
    t.match(mute, { name: 'broker rights', verdict: 'fail', next: /write to its own/ }, protocol)
    t.match(mute?.message, protocol === '5' ? /may not publish/ : /delivers nothing/)
  }
  const deaf = await failure({ username: 'deaf', passwordFile: right })
  t.match(deaf, {
    name: 'broker rights',
    message: /may publish to .*, but not read it/,
    next: /mqtt-acl/,
  })
})

t.test('nothing there, no such name, something that is no broker', async (t) => {
  const port = await freePort()
  const failure = async (url: string) => firstFailed(await check({ url }))
  t.match(await failure(`mqtts://127.0.0.1:${port}`), {
    name: 'broker',
    message: /nothing listens there/,
    next: /Start the broker/,
  })
  // `invalid` is reserved: no resolver knows it, but one that cannot be asked says so instead.
  t.match(await failure('mqtts://broker.invalid'), {
    message: /no machine has that name|cannot be resolved now/,
    next: /name resolution/,
  })
  const mute = createServer(
    (socket) => void socket.on('error', () => {}).once('data', () => socket.destroy()),
  )
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => mute.close())
  const at = (mute.address() as { port: number }).port
  t.match(await failure(`mqtts://127.0.0.1:${at}`), { message: /hung up when TLS/, next: /8883/ })
})

t.test('every camera is a device of its own at the broker', { skip }, async (t) => {
  const pki = new Pki()
  const acl = join(pki.dir, 'acl')
  writeFileSync(acl, 'topic readwrite evtrackd/v1/mast-3-left/#\n')
  chmodSync(acl, 0o600)
  const broker = await startMosquitto([`acl_file ${acl}`])
  t.teardown(() => broker.stop())
  const file = join(pki.dir, 'evtrackd.toml')
  writeFileSync(
    file,
    `state_dir = "${pki.dir}/state"\n[source]\nkind = "scene"\n[tracking]\ntracker = "cluster"\n` +
      `[mqtt]\nurl = "mqtt://127.0.0.1:${broker.port}"\ndevice_name = "mast-3"\n` +
      '[[cameras]]\nid = "left"\n[[cameras]]\nid = "right"\n',
  )
  const port = createEmulatedPort({ cameras: [], clock: systemClock })
  t.teardown(() => port.close())
  const checks = await examine({ file, env: {} }, { port, onCheck: () => {} })
  t.match(verdicts(checks), {
    'left broker': 'ok',
    'left broker rights': 'ok',
    'right broker': 'ok',
    'right broker rights': 'fail',
    'left disk': 'ok',
    'right disk': 'ok',
  })
  t.same(
    checks.filter(({ name }) => name.endsWith('model')).map(({ name }) => name),
    ['model'],
    'the same one for all',
  )
})
