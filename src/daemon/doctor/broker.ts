import { systemClock } from '../../events/time.js'
import type { Broker, IncomingMessage } from '../../publish/broker.js'
import { isOpenToAll } from '../../publish/config-schema.js'
import { openBroker, readTls } from '../../publish/open-broker.js'
import { createTopics } from '../../publish/topics.js'
import type { Config } from '../schema.js'
import { checkBrokerCertificate, checkClientCertificate } from './certificate.js'
import { type Check, fail, failed, ok, warn } from './check.js'

const CONNECT_MS = 10_000
const ECHO_MS = 3000
const RIGHTS = 'broker rights'
const MAY_WRITE =
  'Give the user of the daemon the rights in docs/mqtt-acl.example: write to its own topics, read on request/#.'
const MAY_READ =
  'Give the user of the daemon the right to read request/# and response/doctor: docs/mqtt-acl.example.'

/**
 * Connects as the daemon does, under a client id of its own, and sends a message to itself below `response/`: that is
 * where its rights to publish show, since a broker that speaks 3.1.1 acknowledges what it then drops. With TLS the
 * certificates of both sides come first.
 */
export async function checkBroker(config: Config): Promise<Check[]> {
  const { mqtt } = config
  if (mqtt.url === 'embedded') return [ok('broker', 'Embedded: it comes with the daemon.')]
  let opened: Awaited<ReturnType<typeof openBroker>>
  try {
    opened = await openBroker({ ...mqtt, deviceName: `${mqtt.deviceName}-doctor` }, systemClock)
  } catch (error) {
    return [failed('broker', error)]
  }
  const { broker, endpoint } = opened
  const checks: Check[] = []
  try {
    if (mqtt.url.startsWith('mqtts:')) {
      const pem = await readTls(mqtt)
      if (pem.cert !== undefined) checks.push(checkClientCertificate(pem.cert))
      checks.push(...(await checkBrokerCertificate(endpoint, pem)))
    }
    const topic = `${createTopics(mqtt.deviceName, mqtt.cameraId).base}/response/doctor`
    // To a broker that is not trusted nothing is sent, the password least of all.
    const trusted = checks.every(
      ({ name, verdict }) => name !== 'broker certificate' || verdict !== 'fail',
    )
    if (trusted) checks.push(...(await talk(broker, topic)))
    if (broker.status.state === 'connected') checks.push(...checkSecurity(mqtt))
  } finally {
    await broker.close()
    await opened.close()
  }
  return checks.map((check) => ({ ...check, message: `${check.message} [${endpoint.host}]` }))
}

function checkSecurity(mqtt: Config['mqtt']): Check[] {
  const name = 'broker security'
  if (mqtt.url.startsWith('mqtts:')) return [ok(name, 'The connection is encrypted.')]
  if (!isOpenToAll(mqtt)) return []
  return [
    warn(
      name,
      'Whoever reaches the broker may send requests (mqtt.allow_insecure).',
      'Use mqtts://, or username and password_file, or commands = false.',
    ),
  ]
}

async function talk(broker: Broker, topic: string): Promise<Check[]> {
  let heard: () => void = () => {}
  const echo = new Promise<void>((resolve) => {
    heard = resolve
  })
  let settle: (error: Error | undefined) => void = () => {}
  const connected = new Promise<Error | undefined>((resolve) => {
    settle = resolve
  })
  const token = `${process.pid}-${systemClock.nowUs()}`
  broker.start({
    will: { topic, payload: '{}', qos: 0 },
    subscriptions: [topic],
    onConnect: () => settle(undefined),
    onDisconnect: () => {},
    onUnreachable: (error) => settle(error),
    onMessage: (message: IncomingMessage) => {
      if (message.payload.toString().includes(token)) heard()
    },
    onDrain: () => {},
  })
  const late = Symbol('late')
  const error = await within(CONNECT_MS, connected, late)
  if (error === late) {
    return [
      fail('broker', `No answer within ${CONNECT_MS / 1000} s.`, 'Check address and firewall.'),
    ]
  }
  if (error !== undefined) return [failed('broker', error)]
  const { protocol = '?' } = broker.status
  const reached = ok('broker', `Connected with MQTT ${protocol}, login taken.`)
  const payload = JSON.stringify({ token })
  const outcome = await broker.publish({ topic, payload, qos: 1 })
  const returned = outcome === 'sent' && (await within(ECHO_MS, echo, late)) !== late
  return [reached, returned ? ok(RIGHTS, `It may publish to ${topic} and read it.`) : denied()]

  function denied(): Check {
    // Only MQTT 5 answers a message that is not permitted with a refusal.
    const [what, next] =
      outcome === 'refused'
        ? [`It may not publish to ${topic}.`, MAY_WRITE]
        : outcome === 'lost'
          ? ['The broker closed the connection when it was asked to deliver messages.', MAY_READ]
          : protocol === '5'
            ? [`It may publish to ${topic}, but not read it.`, MAY_READ]
            : [`The broker delivers nothing that is sent to ${topic}.`, MAY_WRITE]
    return fail(RIGHTS, what, next)
  }
}

async function within<T, L>(ms: number, work: Promise<T>, late: L): Promise<T | L> {
  const done = new AbortController()
  const deadline = systemClock.sleep(ms, done.signal).then(
    () => late,
    () => late,
  )
  try {
    return await Promise.race([work, deadline])
  } finally {
    done.abort()
  }
}
