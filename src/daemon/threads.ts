import { type MessagePort, Worker } from 'node:worker_threads'
import { ERROR_CODES, type ErrorCode, EvtrackError } from '../events/errors.js'
import type { WireError } from './messages.js'

type Transferable = ArrayBuffer | MessagePort

/**
 * One worker thread. `failed` is called at most once, for an exception that left the worker or an exit that nobody
 * asked for; messages arrive in order before it.
 */
export interface Thread<Command> {
  send(command: Command, transfer?: readonly Transferable[]): void
  /**
   * Resolves when the thread has ended by itself; after `graceMs` it is ended, or left behind where it holds what must not
   * be torn from it: then the answer is 'overdue'. Idempotent.
   */
  stop(graceMs: number): Promise<'ended' | 'overdue'>
}

export function startThread<Command, Message>(
  entry: string,
  options: {
    readonly name: string
    readonly data: unknown
    readonly transfer?: readonly MessagePort[]
    readonly onMessage: (message: Message) => void
    readonly onFailed: (error: Error) => void
    /** Its end with status 0 is no failure, though nobody asked for it. */
    readonly endsByItself?: boolean
    /** It has native transfers in flight: ending it in the middle of them ends the whole process. */
    readonly leaveWhenOverdue?: boolean
  },
): Thread<Command> {
  const worker = new Worker(new URL(entry, import.meta.url), {
    name: options.name,
    workerData: options.data,
    transferList: [...(options.transfer ?? [])],
    // The command line belongs to the main thread.
    argv: [],
    execArgv: [],
  })
  let stopping: Promise<'ended' | 'overdue'> | undefined
  let failed = false
  const fail = (error: Error) => {
    if (failed || stopping !== undefined) return
    failed = true
    options.onFailed(error)
  }
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      if (code !== 0 || options.endsByItself !== true) {
        fail(new Error(`thread ${options.name} ended with status ${code}`))
      }
      resolve()
    })
  })
  worker.on('message', (message: Message) => options.onMessage(message))
  worker.on('error', fail)
  return {
    send: (command, transfer = []) => worker.postMessage(command, [...transfer]),
    stop(graceMs) {
      stopping ??= new Promise((resolve) => {
        const timer = setTimeout(() => {
          if (options.leaveWhenOverdue !== true) {
            void worker.terminate()
            return
          }
          worker.unref()
          resolve('overdue')
        }, graceMs)
        void exited.then(() => {
          clearTimeout(timer)
          resolve('ended')
        })
      })
      return stopping
    },
  }
}

export function toWire(error: unknown): WireError {
  if (error instanceof EvtrackError) {
    return { code: error.code, message: error.message, next: error.next, ...stackOf(error) }
  }
  if (error instanceof Error) return { message: error.message, ...stackOf(error) }
  return { message: String(error) }
}

function stackOf(error: Error): { stack?: string } {
  return error.stack === undefined ? {} : { stack: error.stack }
}

export function fromWire(error: WireError): Error {
  const code = ERROR_CODES.find((known) => known === error.code) as ErrorCode | undefined
  if (code === undefined) {
    const plain = new Error(error.message)
    if (error.stack !== undefined) plain.stack = error.stack
    return plain
  }
  return new EvtrackError(code, error.message, { next: error.next ?? '' })
}
