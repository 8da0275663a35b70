import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { nowUs, systemClock } from '../../src/events/time.js'
import { createRng, type Rng } from '../../src/sources/scene/rng.js'
import { Listener, startMosquitto, type TestMosquitto } from '../publish/real-brokers.js'

/** A daemon as a process, the broker it speaks to, and a subscriber that the broker keeps messages for. */
export class FaultBench {
  readonly dir: string
  readonly rng: Rng
  readonly broker: TestMosquitto
  readonly #store: string
  readonly #children = new Set<ChildProcess>()
  readonly #closers: (() => unknown)[] = []
  daemon!: DaemonProcess
  /** Hears everything, over restarts of the broker. */
  listener!: Listener

  private constructor(of: { dir: string; rng: Rng; broker: TestMosquitto; store: string }) {
    this.dir = of.dir
    this.rng = of.rng
    this.broker = of.broker
    this.#store = of.store
  }

  /** A broker whose store survives its death, and a subscriber; no daemon yet. */
  static async open(seed: number): Promise<FaultBench> {
    const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fault-'))
    const store = mkdtempSync(join(tmpdir(), 'evtrackd-store-'))
    const broker = await startMosquitto([
      'persistence true',
      `persistence_location ${store}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
      'max_queued_messages 100000',
    ])
    const bench = new FaultBench({ dir, rng: createRng(seed), broker, store })
    bench.listener = await Listener.open(broker.port, { clientId: 'watcher', clean: false })
    return bench
  }

  /** Starts `evtrackd run`; `toml` comes before the tables that the bench adds. */
  start(options: DaemonOptions = {}): DaemonProcess {
    const state = join(this.dir, options.state ?? 'state')
    mkdirSync(state, { recursive: true })
    const file = options.file ?? join(this.dir, `${options.device ?? 'evtrackd'}.toml`)
    const {
      source = 'kind = "scene"\nscene = "demo"',
      port = this.broker.port,
      toml = '',
    } = options
    const text =
      `state_dir = "${state}"\n[source]\n${source}\n[recording]\nmin_free_bytes = 0\n[mqtt]\n` +
      `${options.mqtt ?? `url = "mqtt://127.0.0.1:${port}"`}\nhealth_interval_ms = 1000\nkeepalive_seconds = 5\n` +
      `device_name = "${options.device ?? 'evtrackd'}"\n${toml}`
    if (options.file === undefined) writeFileSync(file, text)
    const [command, ...before] = options.wrap ?? []
    const program = [
      process.execPath,
      join(PACKAGE_ROOT, 'dist/src/cli/main.js'),
      'run',
      '-c',
      file,
    ]
    const all = command === undefined ? program : [command, ...before, ...program]
    const child = spawn(all[0]!, all.slice(1), {
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#children.add(child)
    const daemon = new DaemonProcess(child, { state, file, device: options.device ?? 'evtrackd' })
    this.daemon ??= daemon
    return daemon
  }

  async startReady(options: DaemonOptions = {}): Promise<DaemonProcess> {
    const from = this.listener.received.length
    const daemon = this.start(options)
    this.daemon = daemon
    await this.until(`${daemon.device} is ready`, () => this.#isReady(daemon.device, from))
    return daemon
  }

  /** What another subscriber, come just now, is told of the daemon's state. */
  async stateNow(device = 'evtrackd'): Promise<Record<string, unknown>> {
    const fresh = await Listener.open(this.broker.port, { filter: `evtrackd/v1/${device}/status` })
    try {
      return (await within(5000, 'a retained status', fresh.next('/status'))).json
    } finally {
      await fresh.close()
    }
  }

  /** Milliseconds until a fresh subscriber is told `state`; throws after `ms`. */
  async stateWithin(ms: number, state: string, device = 'evtrackd'): Promise<number> {
    const startUs = nowUs()
    for (;;) {
      const now = await this.stateNow(device)
      const tookMs = (nowUs() - startUs) / 1000
      if (now['state'] === state) return tookMs
      if (tookMs > ms)
        throw new Error(`status says ${JSON.stringify(now)} after ${tookMs} ms, not ${state}`)
      await systemClock.sleep(50)
    }
  }

  async ask(command: string, body: object = {}, device = 'evtrackd'): Promise<Answer> {
    const transaction = this.rng.int(1e9)
    const topic = `evtrackd/v1/${device}/request/${command}`
    await this.listener.client.publishAsync(topic, JSON.stringify({ ...body, transaction }), {
      qos: 1,
    })
    const answer = this.listener.next(
      `${device}/response/${command}`,
      (json) => json['transaction'] === transaction,
    )
    return (await within(20_000, `an answer to ${command}`, answer)).json as unknown as Answer
  }

  /** Waits for a condition, with a word for what did not come. */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    ms = 60_000,
  ): Promise<number> {
    const startUs = nowUs()
    while (!(await condition())) {
      if ((nowUs() - startUs) / 1000 > ms) throw new Error(`${what}: not within ${ms} ms`)
      await systemClock.sleep(25)
    }
    return (nowUs() - startUs) / 1000
  }

  /** Waits until `count` more track events than now have arrived. */
  async moreEvents(count: number): Promise<void> {
    const before = this.listener.on('/track_events').length
    await this.until(
      `${count} more events`,
      () => this.listener.on('/track_events').length >= before + count,
    )
  }

  onClose(closer: () => unknown): void {
    this.#closers.push(closer)
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await this.listener.close()
    await this.broker.stop()
    for (const closer of this.#closers.reverse()) await closer()
    for (const folder of [this.dir, this.#store]) rmSync(folder, { recursive: true, force: true })
  }

  #isReady(device: string, from: number): boolean {
    return this.listener.received
      .slice(from)
      .some(({ topic, json }) => topic.endsWith(`${device}/status`) && json['state'] === 'ready')
  }
}

export interface DaemonOptions {
  /** A configuration that is there already, in place of one of the bench. */
  readonly file?: string
  /** Lines of `[source]`. */
  readonly source?: string
  readonly device?: string
  readonly state?: string
  readonly port?: number
  /** Lines of `[mqtt]` that say where the broker is. */
  readonly mqtt?: string
  /** More tables. */
  readonly toml?: string
  readonly env?: Readonly<Record<string, string>>
  /** A program and its arguments that start the daemon. */
  readonly wrap?: readonly string[]
}

export interface Answer {
  readonly ok: boolean
  readonly code?: string
  readonly result: Record<string, unknown>
}

export class DaemonProcess {
  readonly child: ChildProcess
  readonly state: string
  readonly file: string
  readonly device: string
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  log = ''

  constructor(child: ChildProcess, of: { state: string; file: string; device: string }) {
    this.child = child
    this.state = of.state
    this.file = of.file
    this.device = of.device
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
    })
    this.exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  }

  get pid(): number {
    return this.child.pid!
  }

  /** SIGTERM, and how long the orderly end took, ms. Throws when it was none. */
  async stop(): Promise<number> {
    const startUs = nowUs()
    this.child.kill('SIGTERM')
    const { code, signal } = await within(20_000, 'the end after SIGTERM', this.exited)
    if (code !== 0)
      throw new Error(`the daemon ended with ${code ?? signal}: ${this.log.slice(-2000)}`)
    return (nowUs() - startUs) / 1000
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }

  /** Open file descriptors and resident megabytes. */
  usage(): { descriptors: number; rssMb: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return {
      descriptors: readdirSync(`/proc/${this.pid}/fd`).length,
      rssMb: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024,
    }
  }
}

export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const overdue = new AbortController()
  const late = systemClock.sleep(ms, overdue.signal).then(
    () => {
      throw new Error(`${what}: not within ${ms} ms`)
    },
    () => undefined as never,
  )
  try {
    return await Promise.race([work, late])
  } finally {
    overdue.abort()
  }
}
