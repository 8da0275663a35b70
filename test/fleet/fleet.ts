import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/events/time.js'
import { cpuSeconds } from '../load/processes.js'
import { startMosquitto, type TestMosquitto } from '../publish/real-brokers.js'
import type { DeviceCounts, FromDevices, Orders, ToDevices } from './device-process.js'
import type { Heard, ToListener } from './listener-process.js'

export interface FleetPlan {
  readonly devices: number
  /** Tracks messages a second of each device. */
  readonly rate: number
  readonly seconds: number
  /** Processes that share the devices. */
  readonly processes: number
}

export interface Sustained {
  readonly plan: FleetPlan
  readonly offered: number
  /** Messages a second at the subscriber. */
  readonly received: number
  readonly dropped: number
  readonly missing: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  /** How late the device processes were at worst, ms. */
  readonly lateMs: number
  /** Shares of one core. */
  readonly cpu: { readonly broker: number; readonly devices: number; readonly subscriber: number }
}

export interface Storm {
  readonly devices: number
  readonly downSeconds: number
  /** Attempts that failed while the broker was down. */
  readonly failedAttempts: number
  /** From the broker's return until the first, half and all of the devices were connected, ms. */
  readonly firstMs: number
  readonly halfMs: number
  readonly allMs: number
  /** Connections in the busiest 100 ms. */
  readonly busiest: number
  /** Track events published while the broker was down, and how many of them arrived afterwards. */
  readonly eventsOffered: number
  readonly eventsArrived: number
}

const MODULE = (name: string) => new URL(`./${name}.js`, import.meta.url)

/** Two processes of clients, one broker, one subscriber: a fleet on one machine. */
export class Fleet {
  readonly plan: FleetPlan
  readonly #broker: TestMosquitto
  readonly #store: string
  readonly #children: ChildProcess[] = []
  readonly #connected: { device: string; us: number }[] = []
  #failed = 0
  #listener: ChildProcess | undefined

  private constructor(plan: FleetPlan, broker: TestMosquitto, store: string) {
    this.plan = plan
    this.#store = store
    this.#broker = broker
  }

  static async start(plan: FleetPlan): Promise<Fleet> {
    // The broker's store outlives its death, so that what arrives while the subscriber is away is kept for it.
    const store = mkdtempSync(join(tmpdir(), 'evtrackd-fleet-'))
    const broker = await startMosquitto([
      'max_queued_messages 100000',
      'set_tcp_nodelay true',
      'persistence true',
      `persistence_location ${store}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
    ])
    const fleet = new Fleet(plan, broker, store)
    fleet.#listener = fork(MODULE('listener-process'), [JSON.stringify({ port: broker.port })])
    await once(fleet.#listener, 'message')
    const { devices, rate, processes } = plan
    for (let i = 0, first = 0; i < processes; i++) {
      const share = Math.floor((devices * (i + 1)) / processes) - first
      const orders: Orders = { port: broker.port, first, devices: share, rate }
      first += share
      const child = fork(MODULE('device-process'), [JSON.stringify(orders)])
      child.on('message', (message: FromDevices) => {
        if ('connected' in message) {
          fleet.#connected.push({ device: message.device, us: message.connected })
        } else if ('failed' in message) fleet.#failed += 1
      })
      fleet.#children.push(child)
    }
    while (fleet.#connected.length < devices) await systemClock.sleep(20)
    return fleet
  }

  /** Everybody publishes for the plan's time; ends the devices. */
  async sustain(): Promise<Sustained> {
    const { plan } = this
    const brokerBefore = cpuSeconds(this.#broker.pid)
    const subscriberBefore = (await this.#heard()).cpuSeconds
    this.#tellListener({ reset: true })
    this.#tellDevices({ go: true })
    const startUs = systemClock.nowUs()
    await systemClock.sleep(plan.seconds * 1000)
    const elapsed = (systemClock.nowUs() - startUs) / 1e6
    const brokerCpu = cpuSeconds(this.#broker.pid) - brokerBefore
    const heard = await this.#heard()
    const counts = await this.#stopDevices()
    const sum = (of: (each: DeviceCounts) => number) =>
      counts.reduce((all, each) => all + of(each), 0)
    return {
      plan,
      offered: sum((each) => each.windows) / elapsed,
      received: heard.received / elapsed,
      dropped: sum((each) => each.dropped),
      missing: heard.missing,
      p50: heard.p50,
      p95: heard.p95,
      p99: heard.p99,
      lateMs: Math.max(...counts.map((each) => each.lateMs)),
      cpu: {
        broker: brokerCpu / elapsed,
        devices: sum((each) => each.cpuSeconds) / elapsed,
        subscriber: (heard.cpuSeconds - subscriberBefore) / elapsed,
      },
    }
  }

  /** The broker is killed under all devices, each of which then has an event to tell, and comes back. */
  async storm(downSeconds: number): Promise<Storm> {
    const { devices } = this.plan
    this.#tellListener({ reset: true })
    this.#connected.length = 0
    this.#failed = 0
    await this.#broker.kill()
    this.#tellDevices({ event: true })
    await systemClock.sleep(downSeconds * 1000)
    const failedAttempts = this.#failed
    await this.#broker.restart()
    const upUs = systemClock.wallUs()
    while (new Set(this.#connected.map((each) => each.device)).size < devices) {
      await systemClock.sleep(50)
    }
    const times = this.#connected.map(({ us }) => Math.max(0, (us - upUs) / 1000)).sort(byNumber)
    let heard = await this.#heard()
    for (let i = 0; i < 200 && heard.events < devices; i++) {
      await systemClock.sleep(50)
      heard = await this.#heard()
    }
    return {
      devices,
      downSeconds,
      failedAttempts,
      firstMs: times[0]!,
      halfMs: times[Math.floor(times.length / 2)]!,
      allMs: times.at(-1)!,
      busiest: busiest(times, 100),
      eventsOffered: devices,
      eventsArrived: heard.events,
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    this.#listener?.kill('SIGKILL')
    await this.#broker.stop()
    rmSync(this.#store, { recursive: true, force: true })
  }

  #tellDevices(message: ToDevices): void {
    for (const child of this.#children) child.send(message)
  }

  #tellListener(message: ToListener): void {
    this.#listener!.send(message)
  }

  async #heard(): Promise<Heard> {
    const answer = once(this.#listener!, 'message')
    this.#tellListener({ report: true })
    return (await answer)[0] as Heard
  }

  #stopDevices(): Promise<DeviceCounts[]> {
    const stopped = this.#children.map(
      (child) =>
        new Promise<DeviceCounts>((resolve) => {
          child.on('message', (message: FromDevices) => {
            if ('stopped' in message) resolve(message.stopped)
          })
        }),
    )
    this.#tellDevices({ stop: true })
    return Promise.all(stopped)
  }
}

/** The most values within `span` of each other; `times` ascend. */
export function busiest(times: readonly number[], span: number): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! >= span) from += 1
    most = Math.max(most, to - from + 1)
  }
  return most
}

const byNumber = (a: number, b: number) => a - b
