import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import { startEmbeddedBroker } from '../../src/publish/embedded-broker.js'

/** A real broker on a loopback port that can be killed and started again there. */
export interface TestBroker {
  readonly port: number
  stop(): Promise<void>
  restart(): Promise<void>
}

export interface TestMosquitto extends TestBroker {
  readonly pid: number
  /** As a power cut does it; `restart` brings it back. */
  kill(): Promise<void>
}

const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find(
  existsSync,
)
export const hasMosquitto = MOSQUITTO !== undefined

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

/** `settings` are lines of mosquitto.conf that follow the listener. */
export async function startMosquitto(settings: readonly string[] = []): Promise<TestMosquitto> {
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-mosquitto-'))
  const file = join(dir, 'mosquitto.conf')
  const anonymous = settings.some((line) => line.startsWith('allow_anonymous'))
    ? []
    : ['allow_anonymous true']
  // Started by root it would become another user, who may not read the files of the test.
  const user = process.getuid?.() === 0 ? ['user root'] : []
  const lines = [
    ...user,
    ...(settings.includes('persistence true') ? [] : ['persistence false']),
    `listener ${port} 127.0.0.1`,
    ...anonymous,
    ...settings,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  let child: ChildProcess | undefined
  const start = async () => {
    const started = spawn(MOSQUITTO!, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    let log = ''
    await new Promise<void>((resolve, reject) => {
      started.stderr!.on('data', (data) => {
        log += data
        if (/ running/.test(log)) resolve()
      })
      started.once('exit', () => reject(new Error(`mosquitto ended: ${log}`)))
    })
  }
  const stop = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    // Killed, not asked: that is what an outage looks like.
    child.kill('SIGKILL')
    await exited
  }
  await start()
  return {
    port,
    get pid() {
      return child!.pid!
    },
    kill: stop,
    stop: async () => {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
    restart: async () => {
      await stop()
      await start()
    },
  }
}

export async function startAedes(): Promise<TestBroker> {
  let broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0 })
  const { port } = broker
  return {
    port,
    stop: () => broker.close(),
    restart: async () => {
      await broker.close()
      broker = await startEmbeddedBroker({ host: '127.0.0.1', port })
    },
  }
}

export interface Variant {
  readonly name: string
  /** What the connection is expected to use. */
  readonly protocol: '5' | '3.1.1'
  /** What the daemon is configured to use; aedes refuses 5, so auto falls back there. */
  readonly ask: 'auto' | '3.1.1'
  /** A reason not to run, or false. */
  readonly skip: string | false
  start(): Promise<TestBroker>
}

const skip = hasMosquitto ? false : 'mosquitto is not installed'
export const VARIANTS: readonly Variant[] = [
  { name: 'aedes, MQTT 3.1.1', protocol: '3.1.1', ask: 'auto', skip: false, start: startAedes },
  { name: 'mosquitto, MQTT 5', protocol: '5', ask: 'auto', skip, start: () => startMosquitto() },
  {
    name: 'mosquitto, MQTT 3.1.1',
    protocol: '3.1.1',
    ask: '3.1.1',
    skip,
    start: () => startMosquitto(),
  },
]

export interface Received {
  readonly topic: string
  readonly text: string
  readonly json: Record<string, unknown>
  readonly packet: IPublishPacket
}

/** A client of the broker that remembers what it received and waits for what it has not. */
export class Listener {
  readonly received: Received[] = []
  readonly client: MqttClient
  #wake: (() => void)[] = []

  private constructor(client: MqttClient) {
    this.client = client
    client.on('message', (topic, payload, packet) => {
      const text = payload.toString()
      this.received.push({ topic, text, json: JSON.parse(text), packet })
      for (const wake of this.#wake.splice(0)) wake()
    })
    client.on('error', () => {})
  }

  static async open(
    port: number,
    options: IClientOptions & { filter?: string } = {},
  ): Promise<Listener> {
    const { filter = 'evtrackd/#', ...rest } = options
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50, ...rest })
    const listener = new Listener(client)
    await client.subscribeAsync(filter, { qos: 1 })
    return listener
  }

  /** The first message, from index `from`, on a topic with this end that passes `test`. */
  async next(
    topicEnd: string,
    test: (json: Record<string, unknown>) => boolean = () => true,
    from = 0,
  ): Promise<Received> {
    for (;;) {
      const found = this.received
        .slice(from)
        .find(({ topic, json }) => topic.endsWith(topicEnd) && test(json))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  on(topicEnd: string): Received[] {
    return this.received.filter(({ topic }) => topic.endsWith(topicEnd))
  }

  async close(): Promise<void> {
    await this.client.endAsync(true)
  }
}
