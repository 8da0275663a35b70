import { EvtrackError } from '../events/errors.js'
import type { CommandHandlers, CommandResult } from '../publish/requests.js'
import type { TrackEvent } from '../tracking/track.js'
import type { InferenceCommand, InferenceMessage } from './messages.js'
import { fromWire } from './threads.js'

type Reply = Extract<InferenceMessage, { type: 'reply' }>
type Ask =
  | Omit<Extract<InferenceCommand, { type: 'start-target' }>, 'id'>
  | Omit<Extract<InferenceCommand, { type: 'stop-target' }>, 'id'>

/** Carries target commands to the inference thread and their answers back, and publishes the events they cause. */
export class TargetDesk {
  readonly handlers: Pick<CommandHandlers, 'target/start' | 'target/stop'>
  readonly #send: (command: InferenceCommand) => void
  readonly #publish: (events: readonly TrackEvent[]) => void
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  #nextId = 1
  #closed = false

  constructor(options: {
    send: (command: InferenceCommand) => void
    publish: (events: readonly TrackEvent[]) => void
  }) {
    this.#send = options.send
    this.#publish = options.publish
    this.handlers = {
      'target/start': async ({ box, label }) => {
        const reply = await this.#ask({
          type: 'start-target',
          box,
          ...(label === undefined ? {} : { label }),
        })
        return this.#result(reply, 'The target was not started.')
      },
      'target/stop': async ({ id }) => {
        const reply = await this.#ask({ type: 'stop-target', target: id })
        return this.#result(reply, `There is no track ${id}.`)
      },
    }
  }

  reply(reply: Reply): void {
    this.#waiting.get(reply.id)?.(reply)
    this.#waiting.delete(reply.id)
  }

  close(): void {
    this.#closed = true
    for (const [id, resolve] of this.#waiting) {
      resolve({ type: 'reply', id, error: { message: 'evtrackd is stopping' } })
    }
    this.#waiting.clear()
  }

  #ask(command: Ask): Promise<Reply> {
    const id = this.#nextId++
    if (this.#closed) {
      return Promise.resolve({ type: 'reply', id, error: { message: 'evtrackd is stopping' } })
    }
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#send({ ...command, id } as InferenceCommand)
    })
  }

  #result(reply: Reply, nobody: string): CommandResult {
    if (reply.error !== undefined) {
      const error = fromWire(reply.error)
      if (error instanceof EvtrackError) {
        return { ok: false, code: error.code, message: error.message, next: error.next }
      }
      return { ok: false, code: 'NOT_READY', message: error.message }
    }
    if (reply.event === undefined) return { ok: false, code: 'TARGET_UNKNOWN', message: nobody }
    this.#publish([reply.event])
    return { ok: true, result: { id: reply.event.after.id } }
  }
}
