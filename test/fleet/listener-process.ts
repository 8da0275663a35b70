import { connectAsync } from 'mqtt'
import { systemClock } from '../../src/events/time.js'
import { LatencyHistogram } from '../../src/publish/latency.js'

/** The centre's subscriber in a process of its own: counts what arrives of each device and how old it is. */

export interface ListenerOrders {
  readonly port: number
}
export type ToListener = { reset: true } | { report: true } | { stop: true }
export interface Heard {
  readonly received: number
  /** Windows that lie between two that arrived. */
  readonly missing: number
  readonly devices: number
  readonly events: number
  /** From the device's publication to here, milliseconds, by the one clock of this machine. */
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly cpuSeconds: number
}

const { port } = JSON.parse(process.argv[2]!) as ListenerOrders
const latency = new LatencyHistogram()
const lastSeq = new Map<string, number>()
let received = 0
let missing = 0
let events = 0

const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
  reconnectPeriod: 200,
  keepalive: 30,
  clientId: 'centre',
  clean: false,
})
client.on('error', () => {})
client.on('message', (topic, payload) => {
  if (topic.endsWith('/track_events')) {
    events += 1
    return
  }
  const nowUs = systemClock.wallUs()
  const { seq, at } = JSON.parse(payload.toString()) as { seq: number; at: number }
  const before = lastSeq.get(topic)
  if (before !== undefined && seq > before + 1) missing += seq - before - 1
  lastSeq.set(topic, seq)
  received += 1
  latency.record(Math.max(0, (nowUs - at) / 1000))
})
await client.subscribeAsync({
  'evtrackd/v1/+/camera/+/tracks': { qos: 0 },
  'evtrackd/v1/+/camera/+/track_events': { qos: 1 },
})

process.on('message', (message: ToListener) => {
  if ('reset' in message) {
    latency.reset()
    lastSeq.clear()
    received = 0
    missing = 0
    events = 0
  } else if ('report' in message) {
    const { user, system } = process.cpuUsage()
    const heard: Heard = {
      received,
      missing,
      devices: lastSeq.size,
      events,
      p50: latency.percentile(0.5),
      p95: latency.percentile(0.95),
      p99: latency.percentile(0.99),
      cpuSeconds: (user + system) / 1e6,
    }
    process.send!(heard)
  } else {
    void client.endAsync(true).then(() => process.disconnect())
  }
})
process.send!('listening')
