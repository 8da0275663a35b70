import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { systemClock } from '../../src/events/time.js'
import { createMqttBroker } from '../../src/publish/mqtt.js'
import { Publisher } from '../../src/publish/publisher.js'
import { Spool } from '../../src/publish/spool.js'
import { notingHandlers } from '../publish/handlers.js'
import { freePort, hasMosquitto, Listener, startMosquitto } from '../publish/real-brokers.js'
import { CAMERA, HEALTH } from '../publish/reports.js'
import { aNew, aStep, aTrack, SENSOR } from '../publish/tracks.js'

const openssl = (args: string[]) => spawnSync('openssl', args, { encoding: 'utf8' })
const skip = !hasMosquitto
  ? 'mosquitto is not installed'
  : openssl(['version']).status !== 0
    ? 'openssl is not installed'
    : false

/** A certificate authority and what it signed: PEM files NAME.pem and NAME.key in `dir`. */
function certificates(dir: string, names: readonly string[]): void {
  const at = (name: string) => join(dir, name)
  const run = (...args: string[]) => {
    const { status, stderr } = openssl(args)
    if (status !== 0) throw new Error(stderr)
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=fleet ca']
  run('req', '-x509', ...key, ...ca)
  for (const name of names) {
    run('req', ...key, '-keyout', at(`${name}.key`), '-out', at('csr'), '-subj', `/CN=${name}`)
    writeFileSync(at('ext'), `subjectAltName=DNS:${name},IP:127.0.0.1\n`)
    const sign = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial']
    run('x509', '-req', '-in', at('csr'), ...sign, '-out', at(`${name}.pem`), '-extfile', at('ext'))
  }
}

const example = (name: string) => readFileSync(join(PACKAGE_ROOT, 'docs', name), 'utf8')
const lines = (text: string) => text.split('\n').filter((line) => line !== '' && line[0] !== '#')

t.test(
  'a board speaks to the centre and hears it over the bridge of the docs',
  { skip },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'evtrackd-bridge-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    certificates(dir, ['centre', 'mast-007', 'mast-008'])
    const acl = join(dir, 'acl')
    writeFileSync(acl, example('mqtt-central-acl.example'), { mode: 0o600 })

    const tlsPort = await freePort()
    const central = lines(example('mqtt-central.example'))
      .map((line) =>
        line
          .replace('listener 8883', `listener ${tlsPort} 127.0.0.1`)
          .replace('/etc/mosquitto/certs/fleet-ca', `${dir}/ca`)
          .replace('/etc/mosquitto/certs', dir)
          .replace('/etc/mosquitto/evtrackd-central-acl', acl),
      )
      .filter((line) => line !== 'persistence true')
    // The applications of the centre come in by the first listener, without TLS, as the operator.
    const centre = await startMosquitto([
      'per_listener_settings true',
      'allow_anonymous true',
      ...central,
    ])
    t.teardown(() => centre.stop())

    const bridgeFor = (name: string) =>
      lines(example('mqtt-bridge.example')).map((line) =>
        line
          .replaceAll('mast-007', name)
          .replace('centre.example:8883', `127.0.0.1:${tlsPort}`)
          .replace('/etc/mosquitto/certs/centre-ca', `${dir}/ca`)
          .replace('/etc/mosquitto/certs', dir),
      )
    const board = await startMosquitto(bridgeFor('mast-007'))
    t.teardown(() => board.stop())

    const operator = await Listener.open(centre.port, { filter: '#' })
    t.teardown(() => operator.close())
    const publisher = new Publisher({
      deviceName: 'mast-007',
      cameraId: 'cam0',
      bootId: '0badcafe',
      sensor: SENSOR,
      broker: createMqttBroker({
        host: '127.0.0.1',
        port: board.port,
        clientId: 'evtrackd-mast-007',
        protocol: '5',
        keepaliveSeconds: 30,
      }),
      spool: new Spool({ maxBytes: 1e6, maxAgeMs: 1e9, clock: systemClock }),
      rates: { replayPerSecond: 100, healthIntervalMs: 60_000, tracksPerSecond: 0 },
      handlers: {
        ...notingHandlers([]),
        'target/start': async ({ label }) => ({ ok: true, result: { id: 'b1-1', label } }),
      },
      health: () => HEALTH,
      camera: () => CAMERA,
    })
    t.teardown(() => publisher.close())
    publisher.start()
    publisher.setState('ready')
    await operator.next('mast-007/status', ({ state }) => state === 'ready')
    await operator.next('mast-007/bridge', (up) => (up as unknown) === 1)

    publisher.publishStep(aStep(1, [aTrack()], [aNew('b1-1')]), systemClock.nowUs())
    t.equal((await operator.next('mast-007/camera/cam0/tracks')).json['seq'], 1)
    t.equal((await operator.next('mast-007/camera/cam0/track_events')).json['event'], 'new')

    await operator.client.publishAsync(
      'evtrackd/v1/mast-007/request/target/start',
      JSON.stringify({ box: [1, 2, 30, 40], label: 'van', transaction: 7 }),
      { qos: 1 },
    )
    const answer = await operator.next('mast-007/response/target/start')
    t.match(answer.json, { ok: true, transaction: 7, result: { label: 'van' } })

    // A board's certificate does not speak for another board: what it may say arrives, what it said before does not.
    const thief = await startMosquitto(
      bridgeFor('mast-007').flatMap((line) => {
        if (line.endsWith('/info out 1')) return [line, line.replace('mast-007', 'mast-008')]
        return [
          line
            .replace(/mast-007\.(pem|key)$/, 'mast-008.$1')
            .replace('evtrackd-bridge-mast-007', 'evtrackd-bridge-thief'),
        ]
      }),
    )
    t.teardown(() => thief.stop())
    const inside = await Listener.open(thief.port)
    t.teardown(() => inside.close())
    const say = (topic: string, payload: string) =>
      inside.client.publishAsync(`evtrackd/v1/${topic}`, payload, { qos: 1 })
    await say('mast-007/camera/cam0/track_events', '{"event":"forged"}')
    await say('mast-008/info', '{"own":true}')
    await operator.next('mast-008/info', ({ own }) => own === true)
    t.same(
      operator.received.filter(({ text }) => text.includes('forged')),
      [],
    )
  },
)
