import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../../src/daemon/log.js'
import type { Notifier } from '../../src/daemon/notify.js'
import { Service } from '../../src/daemon/service.js'
import { Listener, startAedes } from '../publish/real-brokers.js'

/** What a test gives, to be told of its end. */
interface Tap {
  teardown(end: () => Promise<void>): void
}
export type Answer = {
  ok: boolean
  code?: string
  message?: string
  result: Record<string, unknown>
}

/** Tells a test what systemd would have been told, and lets it wait for it. */
export class NotingNotifier implements Notifier {
  readonly watchdogMs: number | undefined
  readonly said: string[] = []
  #wake: (() => void)[] = []

  constructor(watchdogMs?: number) {
    this.watchdogMs = watchdogMs
  }

  ready = (status: string) => this.#say(`READY ${status}`)
  status = (status: string) => this.#say(`STATUS ${status}`)
  reloading = () => this.#say('RELOADING')
  stopping = () => this.#say('STOPPING')
  alive = () => this.#say('ALIVE')
  close = () => Promise.resolve()

  async until(pattern: RegExp): Promise<void> {
    while (!this.said.some((each) => pattern.test(each))) {
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  #say(text: string): void {
    this.said.push(text)
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** A service with a configuration file of its own at a broker of its own, and a client that asks it. */
export async function startService(t: Tap, toml: string, notifier = new NotingNotifier()) {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-service-'))
  const broker = await startAedes()
  const file = join(dir, 'evtrackd.toml')
  const common = `state_dir = "${dir}/state"\n[mqtt]\nurl = "mqtt://127.0.0.1:${broker.port}"\n`
  const write = (text: string) => writeFileSync(file, `${common}${text}`)
  write(toml)
  const lines: string[] = []
  const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })
  const service = new Service({ sources: { file, env: {} }, log, notifier })
  const ended = service.run()
  const listener = await Listener.open(broker.port)
  t.teardown(async () => {
    service.stop()
    await ended.catch(() => {})
    await listener.close()
    await broker.stop()
  })
  let transaction = 0
  const ask = async (command: string, body: object = {}, device = 'evtrackd'): Promise<Answer> => {
    const number = ++transaction
    const base = `evtrackd/v1/${device}`
    await listener.client.publishAsync(
      `${base}/request/${command}`,
      JSON.stringify({ ...body, transaction: number }),
      { qos: 1 },
    )
    const { json } = await listener.next(
      `${device}/response/${command}`,
      (answer) => answer['transaction'] === number,
    )
    return json as unknown as Answer
  }
  return { dir, write, lines, service, ended, listener, ask, notifier, port: broker.port }
}

export const SCENE = '[source]\nkind = "scene"\nscene = "clean"\n[recording]\nmin_free_bytes = 0\n'
