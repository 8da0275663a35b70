import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { EvtrackError } from '../../events/errors.js'
import { LineSplitter } from './lines.js'
import type { MemoryFile } from './memory-file.js'
import { type Answer, MAX_LINE_BYTES, type Request } from './protocol.js'

/** Of what a runner writes to its standard error, the newest is kept; older text is dropped. */
const LAST_WORDS = 2000

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * A runner as a process: one request at a time, each with a deadline. Whatever goes wrong is final: the process group is
 * killed, and this and every later request rejects with BACKEND_UNAVAILABLE saying why. Start another one then.
 */
export class RunnerProcess {
  readonly #child: ChildProcess
  readonly #input: Writable
  readonly #name: string
  #pending: Pending | undefined
  #failure: EvtrackError | undefined
  #lastWords = ''
  readonly #exited: Promise<void>
  /** Resolves with the first failure; never when it was closed. */
  readonly gone: Promise<EvtrackError>
  #tellGone: (error: EvtrackError) => void = () => {}

  constructor(command: readonly [string, ...string[]], memory: MemoryFile) {
    const [program, ...args] = command
    this.#name = command.join(' ')
    this.gone = new Promise((resolve) => {
      this.#tellGone = resolve
    })
    this.#child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe', memory.fd],
      env: environment(),
      // A group of its own, so that what it starts goes with it.
      detached: true,
    })
    const { stdin, stdout, stderr } = this.#child
    this.#input = stdin!
    // Its end is noticed by 'close'.
    stdin!.on('error', () => {})
    const lines = new LineSplitter(MAX_LINE_BYTES)
    stdout!.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) this.#receive(line)
      } catch (error) {
        this.#fail((error as Error).message)
      }
    })
    stderr!.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-LAST_WORDS)
    })
    this.#child.once('error', (error) => this.#fail(`it cannot be started: ${error.message}`))
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.#fail(`it ended with ${signal ?? `status ${code}`}${this.#said()}`)
        resolve()
      })
      this.#child.once('error', () => resolve())
    })
  }

  /** Why it answers no more. */
  get failure(): EvtrackError | undefined {
    return this.#failure
  }

  /** Undefined for one that could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Resolves with the answer, whatever its type; the caller says what it expected. Calls must not overlap. */
  ask(request: Request, deadlineMs: number): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const late = () => {
        this.#fail(`it did not answer within ${deadlineMs} ms`)
      }
      // An answer may have come while this thread was busy: it is read first.
      const timer = setTimeout(
        () => setImmediate(() => this.#pending === pending && late()),
        deadlineMs,
      )
      const pending = { resolve, reject, timer }
      this.#pending = pending
      this.#input.write(`${JSON.stringify(request)}\n`)
    })
  }

  /** Ends it for a reason that only the caller can see. Gives the error that all requests fail with from now on. */
  refuse(why: string): EvtrackError {
    this.#fail(why)
    return this.#failure!
  }

  /** Asks it to stop, and kills it after `graceMs`. Idempotent. */
  async close(graceMs: number): Promise<void> {
    this.#failure ??= this.#error('it was closed')
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#input.end(`${JSON.stringify({ type: 'stop' } satisfies Request)}\n`)
      const timer = setTimeout(() => this.#kill(), graceMs)
      await this.#exited
      clearTimeout(timer)
    }
    this.#settle(this.#failure)
  }

  #receive(line: string): void {
    let answer: Answer
    try {
      answer = JSON.parse(line)
    } catch {
      this.#fail(`it answered with no JSON: ${line.slice(0, 80)}`)
      return
    }
    const pending = this.#pending
    if (pending === undefined) {
      this.#fail(`it answered without being asked: ${line.slice(0, 80)}`)
      return
    }
    this.#pending = undefined
    clearTimeout(pending.timer)
    pending.resolve(answer)
  }

  #fail(why: string): void {
    if (this.#failure === undefined) {
      this.#failure = this.#error(why)
      this.#kill()
      this.#tellGone(this.#failure)
    }
    this.#settle(this.#failure)
  }

  #settle(error: Error): void {
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined) return
    clearTimeout(pending.timer)
    pending.reject(error)
  }

  #kill(): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has gone by itself.
    }
  }

  #said(): string {
    const line = this.#lastWords.trim().split('\n').at(-1) ?? ''
    return line === '' ? '' : `, saying: ${line.slice(0, 300)}`
  }

  #error(why: string): EvtrackError {
    // What a runner says often ends like a sentence.
    const reason = why.trim().replace(/\.+$/, '')
    return new EvtrackError('BACKEND_UNAVAILABLE', `The runner failed: ${reason}.`, {
      next: 'Run `evtrackd doctor`; it starts the runner of inference.runner.command and says what it finds.',
      data: { command: this.#name, reason },
    })
  }
}

/** Without what belongs to the daemon alone: its configuration, which may hold secrets, and its line to systemd. */
function environment(): NodeJS.ProcessEnv {
  const own = /^(EVTRACKD_|NOTIFY_SOCKET$|WATCHDOG_|CREDENTIALS_DIRECTORY$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}
