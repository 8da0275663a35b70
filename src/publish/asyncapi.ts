import type { PayloadName } from './json-schema.js'
import { COMMANDS, type Command } from './topics.js'

interface Channel {
  readonly address: string
  readonly payload: PayloadName
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly summary: string
}

const BASE = 'evtrackd/v1/{device}'

const PUBLISHED: Readonly<Record<string, Channel>> = {
  status: {
    address: `${BASE}/status`,
    payload: 'status',
    qos: 1,
    retain: true,
    summary: 'State of the daemon; also its last will.',
  },
  info: {
    address: `${BASE}/info`,
    payload: 'info',
    qos: 1,
    retain: true,
    summary: 'Versions and identities.',
  },
  health: {
    address: `${BASE}/health`,
    payload: 'health',
    qos: 1,
    retain: true,
    summary: 'Rates, losses, latencies; every 10 s unless configured otherwise.',
  },
  cameraStatus: {
    address: `${BASE}/camera/{camera}/status`,
    payload: 'camera-status',
    qos: 1,
    retain: true,
    summary: 'State of the camera.',
  },
  tracks: {
    address: `${BASE}/camera/{camera}/tracks`,
    payload: 'tracks',
    qos: 0,
    retain: false,
    summary: 'Tracks of one window; expires after 2 s.',
  },
  trackEvents: {
    address: `${BASE}/camera/{camera}/track_events`,
    payload: 'track-event',
    qos: 1,
    retain: false,
    summary: 'The life of tracks; spooled while the broker is away.',
  },
  calibration: {
    address: `${BASE}/camera/{camera}/calibration`,
    payload: 'calibration',
    qos: 1,
    retain: true,
    summary: 'How the newest calibration of the camera stands: progress, then its result.',
  },
}

const REQUEST_PAYLOADS: Readonly<Record<Command, PayloadName>> = {
  'target/start': 'request-target-start',
  'target/stop': 'request-target-stop',
  'camera/configure': 'request-camera-configure',
  'calibrate/start': 'request-calibrate-start',
  'calibrate/cancel': 'request-calibrate-cancel',
  'record/start': 'request-record-start',
  'record/stop': 'request-plain',
  snapshot: 'request-plain',
  restart: 'request-plain',
}

const COMMAND_SUMMARIES: Readonly<Record<Command, string>> = {
  'target/start': 'Start to follow what is inside a box. The result is {id}.',
  'target/stop': 'End a track. The result is {id}.',
  'camera/configure': 'Change what can change while running. The result is {applied, restart}.',
  'calibrate/start':
    'Calibrate the camera. The result is {id, kind, ask, seconds, topic}; the rest is told on the topic.',
  'calibrate/cancel': 'Stop the calibration under way. The result is {kind}.',
  'record/start': 'Record the events as they come. The result is {name}.',
  'record/stop': 'End the recording. The result is {name, seconds, bytes, events, stopped}.',
  snapshot: 'A picture of the next window. The result is {media_type, width, height, …, data}.',
  restart: 'Start again with the configuration as it is on disk. The result is empty.',
}

/** The AsyncAPI 3 document of the contract. Payload schemas are referred to as files beside it. */
export function asyncApi(): Readonly<Record<string, unknown>> {
  const channels: Record<string, unknown> = {}
  const operations: Record<string, unknown> = {}
  for (const [name, channel] of Object.entries(PUBLISHED)) {
    channels[name] = channelOf(channel)
    operations[`publish_${name}`] = {
      action: 'send',
      channel: { $ref: `#/channels/${name}` },
      summary: channel.summary,
      bindings: { mqtt: { qos: channel.qos, retain: channel.retain } },
    }
  }
  for (const command of COMMANDS) {
    const key = command.replace('/', '_')
    const requestName = `request_${key}`
    const responseName = `response_${key}`
    const payload = REQUEST_PAYLOADS[command]
    const summary = COMMAND_SUMMARIES[command]
    channels[requestName] = channelOf({ address: `${BASE}/request/${command}`, payload, summary })
    channels[responseName] = channelOf({
      address: `${BASE}/response/${command}`,
      payload: 'response',
      summary: `Answers to ${command} whose request named no Response Topic.`,
    })
    operations[`receive_${key}`] = {
      action: 'receive',
      channel: { $ref: `#/channels/${requestName}` },
      summary,
      bindings: { mqtt: { qos: 1, retain: false } },
      reply: {
        channel: { $ref: `#/channels/${responseName}` },
      },
    }
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'evtrackd over MQTT',
      version: '1.0.0',
      description: 'What evtrackd publishes and the requests it takes. See docs/mqtt.md.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: {
      parameters: {
        device: { description: 'mqtt.deviceName of the configuration: [a-z0-9-].' },
        camera: { description: 'mqtt.cameraId of the configuration: [a-z0-9-].' },
      },
    },
  }
}

function channelOf(channel: Pick<Channel, 'address' | 'payload' | 'summary'>) {
  const parameters = [...channel.address.matchAll(/\{(\w+)\}/g)].map(([, name]) => [
    name,
    { $ref: `#/components/parameters/${name}` },
  ])
  return {
    address: channel.address,
    description: channel.summary,
    parameters: Object.fromEntries(parameters),
    messages: {
      [channel.payload]: {
        name: channel.payload,
        contentType: 'application/json',
        payload: { $ref: `./${channel.payload}.schema.json` },
      },
    },
  }
}
