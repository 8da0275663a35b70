import { systemClock } from '../../src/events/time.js'
import { createMqttBroker } from '../../src/publish/mqtt.js'
import { Publisher } from '../../src/publish/publisher.js'
import { Spool } from '../../src/publish/spool.js'
import { CAMERA, HEALTH } from '../publish/reports.js'
import { aNew, aStep, aTrack, SENSOR } from '../publish/tracks.js'

/**
 * Many simulated devices in one process: each has the publisher, the spool and the MQTT connection that the daemon has;
 * only the tracker is replaced by boxes that move. Talks with fleet.ts over IPC.
 */

export interface Orders {
  readonly port: number
  readonly first: number
  readonly devices: number
  /** Tracks messages a second of each device. */
  readonly rate: number
}
export type ToDevices = { go: true } | { stop: true } | { event: true }
export type FromDevices =
  | { connected: number; device: string }
  | { failed: number; device: string }
  | { stopped: DeviceCounts }

export interface DeviceCounts {
  /** Windows that were due. */
  windows: number
  published: number
  /** Windows that gave way to newer ones because the connection took nothing. */
  dropped: number
  /** How late the newest windows were handed over at worst, milliseconds: beyond a window the process is at its limit. */
  lateMs: number
  /** CPU seconds of this process. */
  cpuSeconds: number
  pendingEvents: number
}

const TICK_MS = 4

class Device {
  readonly name: string
  readonly publisher: Publisher
  readonly spool: Spool
  readonly #periodUs: number
  #dueUs = 0
  #seq = 0

  constructor({ port, rate }: Orders, number: number) {
    this.name = `mast-${String(number).padStart(3, '0')}`
    this.#periodUs = 1e6 / rate
    this.spool = new Spool({ maxBytes: 1 << 20, maxAgeMs: 3_600_000, clock: systemClock })
    this.publisher = new Publisher({
      deviceName: this.name,
      cameraId: 'cam0',
      bootId: '0badcafe',
      sensor: SENSOR,
      broker: createMqttBroker({
        host: '127.0.0.1',
        port,
        clientId: `evtrackd-${this.name}`,
        protocol: '5',
        keepaliveSeconds: 30,
      }),
      spool: this.spool,
      rates: { replayPerSecond: 200, healthIntervalMs: 10_000, tracksPerSecond: 0 },
      health: () => HEALTH,
      camera: () => CAMERA,
      onBrokerConnected: () => tell({ connected: systemClock.wallUs(), device: this.name }),
      onBrokerError: () => tell({ failed: systemClock.wallUs(), device: this.name }),
    })
  }

  start(): void {
    this.publisher.start()
    this.publisher.setState('ready')
  }

  begin(nowUs: number): void {
    // Spread over the period, as devices that were never synchronised are.
    this.#dueUs = nowUs + Math.random() * this.#periodUs
  }

  /** A track begins: an event that must arrive. */
  event(): void {
    this.publisher.publishEvents([aNew(`0badcafe-${this.#seq}`)])
  }

  /** Publishes the windows that are due; returns how late the newest is, microseconds. */
  step(nowUs: number): number {
    let lateUs = 0
    while (this.#dueUs <= nowUs) {
      lateUs = nowUs - this.#dueUs
      const seq = this.#seq++
      const x = (seq * 3) % 300
      const tracks = [
        aTrack({ id: '0badcafe-1', box: { x, y: 40.25, w: 31.5, h: 22.75 } }),
        aTrack({ id: '0badcafe-2', box: { x: 300 - x, y: 140.5, w: 18, h: 40 } }),
      ]
      this.publisher.publishStep(aStep(seq, tracks), this.#dueUs)
      this.#dueUs += this.#periodUs
    }
    return lateUs
  }

  get windows(): number {
    return this.#seq
  }
}

function tell(message: FromDevices): void {
  if (process.connected) process.send!(message)
}

const orders = JSON.parse(process.argv[2]!) as Orders
const devices = Array.from(
  { length: orders.devices },
  (_, i) => new Device(orders, orders.first + i),
)
for (const device of devices) device.start()

let timer: NodeJS.Timeout | undefined
let lateUs = 0

process.on('message', async (message: ToDevices) => {
  if ('go' in message) {
    const nowUs = systemClock.nowUs()
    for (const device of devices) device.begin(nowUs)
    timer = setInterval(() => {
      for (const device of devices) lateUs = Math.max(lateUs, device.step(systemClock.nowUs()))
    }, TICK_MS)
  } else if ('event' in message) {
    for (const device of devices) device.event()
  } else {
    clearInterval(timer)
    const counts: DeviceCounts = {
      windows: 0,
      published: 0,
      dropped: 0,
      lateMs: lateUs / 1000,
      cpuSeconds: 0,
      pendingEvents: 0,
    }
    for (const { publisher, spool, windows } of devices) {
      const { tracks_published, tracks_dropped } = publisher.health().mqtt
      counts.windows += windows
      counts.published += tracks_published
      counts.dropped += tracks_dropped
      counts.pendingEvents += spool.stats().pending
    }
    await Promise.all(devices.map(({ publisher }) => publisher.close()))
    const { user, system } = process.cpuUsage()
    counts.cpuSeconds = (user + system) / 1e6
    tell({ stopped: counts })
    process.disconnect()
  }
})
