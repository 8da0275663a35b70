import { z } from 'zod'

/** The `mqtt` slice of the configuration. */

const topicLevel = (what: string) =>
  z
    .string()
    .regex(/^[a-z0-9-]+$/, 'use lower-case letters, digits and dashes only')
    .max(64)
    .describe(what)
const file = (what: string) => z.string().min(1).describe(what).optional()

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

function isBrokerUrl(url: string): boolean {
  if (url === 'embedded') return true
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password, pathname, search } = new URL(url)
  return (
    /^mqtts?:$/.test(protocol) &&
    hostname !== '' &&
    `${username}${password}${search}` === '' &&
    (pathname === '' || pathname === '/')
  )
}

/**
 * Whether requests would be taken from anybody: over an unencrypted connection to another machine and without a login.
 * A broker on this machine is guarded by this machine.
 */
export function isOpenToAll(mqtt: {
  readonly url: string
  readonly commands: boolean
  readonly username?: string | undefined
}): boolean {
  if (!mqtt.commands || !mqtt.url.startsWith('mqtt:') || !URL.canParse(mqtt.url)) return false
  const host = new URL(mqtt.url).hostname.replace(/^\[|\]$/g, '')
  return !LOOPBACK.test(host) && mqtt.username === undefined
}

export const mqttSchema = z
  .strictObject({
    url: z
      .string()
      .refine(isBrokerUrl, {
        message:
          'expected mqtt://host[:port], mqtts://host[:port] or "embedded"; credentials belong in username and passwordFile',
      })
      .default('mqtt://127.0.0.1:1883')
      .describe(
        'The broker: mqtt://host[:1883], mqtts://host[:8883], or "embedded" to run one inside.',
      ),
    deviceName: topicLevel('Names this device in every topic: evtrackd/v1/<deviceName>/…').default(
      'evtrackd',
    ),
    cameraId: topicLevel('Names the camera in its topics: …/camera/<cameraId>/…').default(
      'davis346',
    ),
    protocol: z
      .enum(['auto', '5', '3.1.1'])
      .default('auto')
      .describe(
        'MQTT version. auto asks for 5 and falls back to 3.1.1 where the broker refuses it.',
      ),
    username: z.string().min(1).optional().describe('User name at the broker.'),
    passwordFile: file('File that holds the password (a trailing line break is ignored).'),
    caFile: file('PEM file of the authorities to trust instead of the system ones; mqtts only.'),
    certFile: file('PEM file of the client certificate; mqtts only.'),
    keyFile: file('PEM file of the key of the client certificate; mqtts only.'),
    keepaliveSeconds: z
      .number()
      .int()
      .min(1)
      .max(3600)
      .default(30)
      .describe('A dead connection is noticed after at most one and a half times this, seconds.'),
    commands: z
      .boolean()
      .default(true)
      .describe('Take requests over MQTT; false subscribes to nothing and only publishes.'),
    allowInsecure: z
      .boolean()
      .default(false)
      .describe(
        'Take requests without a login over a plain connection to another machine, so from anyone on that network.',
      ),
    tracksPerSecond: z
      .number()
      .min(0)
      .max(10_000)
      .default(0)
      .describe('Tracks messages a second at most, the newest windows; 0: one for every window.'),
    homeAssistant: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe('Announce the device to Home Assistant (MQTT discovery).'),
        prefix: topicLevel('First level of its discovery topics.').default('homeassistant'),
      })
      .prefault({})
      .describe('Home Assistant discovery.'),
    healthIntervalMs: z
      .number()
      .int()
      .min(1000)
      .max(3_600_000)
      .default(10_000)
      .describe('Time between two health messages, milliseconds.'),
    embedded: z
      .strictObject({
        host: z
          .string()
          .min(1)
          .default('127.0.0.1')
          .describe('Address the embedded broker listens on.'),
        port: z
          .number()
          .int()
          .min(0)
          .max(65_535)
          .default(1883)
          .describe('Its TCP port; 0 takes any free one.'),
      })
      .prefault({})
      .describe('The embedded broker (MQTT 3.1.1), for url = "embedded".'),
    spool: z
      .strictObject({
        dir: file('Folder of the spool; without it, `spool` in the state directory.'),
        maxBytes: z
          .number()
          .int()
          .min(65_536)
          .max(1_073_741_824)
          .default(16_777_216)
          .describe(
            'Size of the spool, bytes; beyond it the oldest events are dropped and counted.',
          ),
        maxAgeMs: z
          .number()
          .int()
          .min(1000)
          .default(7 * 86_400_000)
          .describe('Events older than this are dropped and counted, milliseconds.'),
        replayPerSecond: z
          .number()
          .min(1)
          .max(10_000)
          .default(50)
          .describe('How fast spooled events are sent once the broker is back.'),
      })
      .prefault({})
      .describe('Where lifecycle events wait while the broker is away.'),
  })
  .refine((mqtt) => (mqtt.certFile === undefined) === (mqtt.keyFile === undefined), {
    path: ['keyFile'],
    message: 'certFile and keyFile go together',
  })
  .refine(
    (mqtt) => mqtt.url.startsWith('mqtts:') || !(mqtt.caFile ?? mqtt.certFile ?? mqtt.keyFile),
    { path: ['url'], message: 'caFile, certFile and keyFile need an mqtts:// url' },
  )
  .refine((mqtt) => mqtt.passwordFile === undefined || mqtt.username !== undefined, {
    path: ['username'],
    message: 'passwordFile needs a username',
  })
  .refine(
    (mqtt) =>
      mqtt.url !== 'embedded' ||
      LOOPBACK.test(mqtt.embedded.host) ||
      (mqtt.username !== undefined && mqtt.passwordFile !== undefined),
    {
      path: ['embedded', 'host'],
      message: 'an embedded broker that other machines reach needs username and passwordFile',
    },
  )
  .refine((mqtt) => !isOpenToAll(mqtt) || mqtt.allowInsecure, {
    path: ['url'],
    message:
      'anyone on the network could send requests to this device: use mqtts://, or username and passwordFile, or commands = false, or accept it with allowInsecure = true',
  })
  .describe('Where and how tracks are published.')

export type MqttConfig = z.infer<typeof mqttSchema>
