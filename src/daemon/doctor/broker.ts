import { systemClock } from '../../events/time.js'
import type { Broker, IncomingMessage } from '../../publish/broker.js'
import { isOpenToAll } from '../../publish/config-schema.js'
import { openBroker } from '../../publish/open-broker.js'
import { createTopics } from '../../publish/topics.js'
import type { Config } from '../schema.js'
import { type Check, fail, failed, ok, warn } from './check.js'

const CONNECT_MS = 10_000
const ECHO_MS = 3000

/**
 * Connects as the daemon does, under a client id of its own, and sends a message to itself below `response/`: that is
 * where its rights to publish show, since a broker that speaks 3.1.1 acknowledges what it then drops.
 */
export async function checkBroker(config: Config): Promise<Check[]> {
  const { mqtt } = config
  if (mqtt.url === 'embedded') return [ok('broker', 'Embedded: it comes with the daemon.')]
  const checks: Check[] = []
  let opened: Awaited<ReturnType<typeof openBroker>>
  try {
    opened = await openBroker({ ...mqtt, deviceName: `${mqtt.deviceName}-doctor` }, systemClock)
  } catch (error) {
    return [failed('broker', error)]
  }
  const { broker, endpoint } = opened
  const topic = `${createTopics(mqtt.deviceName, mqtt.cameraId).base}/response/doctor`
  try {
    checks.push(...(await talk(broker, topic)))
    if (isOpenToAll(mqtt)) {
      checks.push(
        warn(
          'broker security',
          'Whoever reaches the broker may send requests (mqtt.allow_insecure).',
          'Use mqtts://, or username and password_file, or commands = false.',
        ),
      )
    } else if (mqtt.url.startsWith('mqtts:')) {
      checks.push(ok('broker security', 'The connection is encrypted.'))
    }
  } finally {
    await broker.close()
    await opened.close()
  }
  return checks.map((check) => ({ ...check, message: `${check.message} [${endpoint.host}]` }))
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
  const checks = [
    ok('broker', `Connected with MQTT ${broker.status.protocol ?? '?'}, login taken.`),
  ]
  const next =
    'Give the user of the daemon the rights in docs/mqtt-acl.example: write to its own topics, read on request/#.'
  const outcome = await broker.publish({ topic, payload: JSON.stringify({ token }), qos: 1 })
  if (outcome === 'sent' && (await within(ECHO_MS, echo, late)) !== late) {
    return [...checks, ok('broker rights', `It may publish to ${topic} and read it.`)]
  }
  const what = outcome === 'refused' ? 'refuses' : 'does not deliver'
  return [...checks, fail('broker rights', `The broker ${what} messages to ${topic}.`, next)]
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
