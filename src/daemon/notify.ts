import { spawn } from 'node:child_process'

/**
 * What the service tells systemd. Node has no datagram sockets in the file system, so each message goes through
 * `systemd-notify`, which every machine has whose systemd asks to be told: no native code of our own, and the unit
 * needs NotifyAccess=all, because the helper sends it. Messages are rare (a state, or a sign of life every few seconds).
 */
export interface Notifier {
  /** How often a sign of life is due, milliseconds; undefined when systemd does not watch. */
  readonly watchdogMs: number | undefined
  ready(status: string): void
  status(status: string): void
  reloading(monotonicUs: number): void
  stopping(): void
  alive(): void
  /** Resolves when all was handed over. */
  close(): Promise<void>
}

type Message = Readonly<Record<string, string>>

/** A helper that hangs is ended: systemd is busy, and the next message says more. */
const HELPER_TIMEOUT_MS = 10_000
/** Drop policy: beyond this the oldest that waits goes, counted in `dropped`. */
const MAX_WAITING = 8

export interface NotifierOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  /** Called once, with why systemd cannot be told. */
  readonly onFailure: (reason: string) => void
  readonly helper?: string
}

export function createNotifier(options: NotifierOptions): Notifier & { readonly dropped: number } {
  return new SystemdNotifier(options)
}

class SystemdNotifier implements Notifier {
  readonly watchdogMs: number | undefined
  readonly #options: NotifierOptions
  readonly #active: boolean
  #waiting: Message[] = []
  #running: Promise<void> | undefined
  #failed = false
  dropped = 0

  constructor(options: NotifierOptions) {
    const { env, pid } = options
    this.#options = options
    this.#active = (env['NOTIFY_SOCKET'] ?? '') !== ''
    const us = Number(env['WATCHDOG_USEC'])
    const forUs = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === pid
    // A third of the limit leaves room for one late message.
    this.watchdogMs = this.#active && forUs && us > 0 ? us / 3000 : undefined
  }

  ready(status: string): void {
    this.#offer({ READY: '1', STATUS: oneLine(status) })
  }

  status(status: string): void {
    this.#offer({ STATUS: oneLine(status) })
  }

  reloading(monotonicUs: number): void {
    this.#offer({ RELOADING: '1', MONOTONIC_USEC: String(monotonicUs) })
  }

  stopping(): void {
    this.#offer({ STOPPING: '1', STATUS: 'stopping' })
  }

  alive(): void {
    this.#offer({ WATCHDOG: '1' })
  }

  async close(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  #offer(message: Message): void {
    if (!this.#active || this.#failed) return
    const last = this.#waiting.at(-1)
    // READY and RELOADING each are a step of their own; a newer status replaces one that waits.
    const isStep = 'READY' in message || 'RELOADING' in message || 'STOPPING' in message
    if (last !== undefined && !isStep) this.#waiting.splice(-1, 1, { ...last, ...message })
    else this.#waiting.push(message)
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.dropped += 1
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const reason = await this.#tell(next)
      if (reason === undefined) continue
      this.#failed = true
      this.#waiting = []
      this.#options.onFailure(reason)
    }
  }

  /** Resolves with why it did not work. */
  #tell(message: Message): Promise<string | undefined> {
    const assignments = Object.entries(message).map(([key, value]) => `${key}=${value}`)
    const { helper = 'systemd-notify', env } = this.#options
    return new Promise((resolve) => {
      const child = spawn(helper, assignments, {
        stdio: 'ignore',
        env: { PATH: env['PATH'], NOTIFY_SOCKET: env['NOTIFY_SOCKET'] },
        timeout: HELPER_TIMEOUT_MS,
      })
      child.once('error', (error) => resolve(error.message))
      // A helper that was refused once may succeed next time; one that is not there will not.
      child.once('exit', () => resolve(undefined))
    })
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
