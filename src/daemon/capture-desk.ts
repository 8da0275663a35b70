import { mkdir, statfs } from 'node:fs/promises'
import type { MessagePort } from 'node:worker_threads'
import type { GuardOptions } from '../calibration/guard/schema.js'
import type { Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import type { FiltersConfig } from '../pipeline/schema.js'
import type { CommandHandlers, CommandResult } from '../publish/requests.js'
import type { WorldRequest } from './calibration-world.js'
import type { RecordingReport } from './capture-recorder.js'
import type { CaptureCommand, CaptureReply } from './messages.js'
import { fromWire } from './threads.js'

type WithoutId<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never
type Order = WithoutId<CaptureCommand>

/** What of the capture thread may change while it runs. */
export interface CaptureChange {
  readonly filters?: FiltersConfig
  readonly preset?: Preset
  readonly guard?: GuardOptions
}

export interface CaptureDeskOptions {
  readonly send: (command: CaptureCommand, transfer?: readonly MessagePort[]) => void
  /** Asked for each recording: where it goes and what limits it. */
  readonly recordings: () => {
    readonly directory: string
    readonly minFreeBytes: number
    readonly maxBytes: number
    readonly serial?: string
  }
}

/** Carries commands to the capture thread and its answers back. */
export class CaptureDesk {
  readonly handlers: Pick<CommandHandlers, 'record/start' | 'record/stop'>
  readonly #options: CaptureDeskOptions
  readonly #waiting = new Map<number, (reply: CaptureReply) => void>()
  #nextId = 1
  #closed = false

  constructor(options: CaptureDeskOptions) {
    this.#options = options
    this.handlers = {
      'record/start': ({ seconds }) => this.#record(seconds),
      'record/stop': async () => {
        const { report } = await this.#ask({ type: 'record-stop' })
        return report === undefined
          ? { ok: false, code: 'RECORDING_NONE', message: 'Nothing is being recorded.' }
          : { ok: true, result: recordingResult(report) }
      },
    }
  }

  /** Rejects with the camera's error when it did not take the preset; it gets it again when it reconnects. */
  async configure(change: CaptureChange): Promise<void> {
    await this.#ask({ type: 'configure', ...change })
  }

  /** Gives the camera to a calibration, which is sent what it sends. Rejects when it did not take the preset. */
  async lend(preset: Preset, signals: MessagePort, show?: WorldRequest): Promise<void> {
    const more = show === undefined ? {} : { show }
    await this.#ask({ type: 'lend', preset, signals, ...more }, [signals])
  }

  /** Rejects when the camera did not take the preset. */
  async set(preset: Preset): Promise<void> {
    await this.#ask({ type: 'set', preset })
  }

  /** Takes the camera back from a calibration, and gives what that did not get. Rejects when the camera is gone. */
  async giveBack(): Promise<{ readonly events: number; readonly images: number }> {
    const { lost } = await this.#ask({ type: 'give-back' })
    return lost ?? { events: 0, images: 0 }
  }

  reply(reply: CaptureReply): void {
    this.#waiting.get(reply.id)?.(reply)
    this.#waiting.delete(reply.id)
  }

  close(): void {
    this.#closed = true
    for (const id of [...this.#waiting.keys()]) this.reply(stopping(id))
  }

  async #record(seconds: number | undefined): Promise<CommandResult> {
    const { directory, minFreeBytes, maxBytes, serial } = this.#options.recordings()
    try {
      await mkdir(directory, { recursive: true, mode: 0o750 })
      const { bavail, bsize } = await statfs(directory)
      const free = bavail * bsize
      if (free < minFreeBytes) {
        return {
          ok: false,
          code: 'DISK_FULL',
          message: `${megabytes(free)} are free, and a recording leaves ${megabytes(minFreeBytes)} free.`,
          next: 'Remove old recordings, or lower recording.min_free_bytes.',
        }
      }
    } catch (cause) {
      const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
      throw new EvtrackError('CONFIG_INVALID', `Nothing can be recorded there (${reason}).`, {
        next: 'Make the state directory writable for the user evtrackd runs as.',
        cause,
      })
    }
    const { report } = await this.#ask({
      type: 'record-start',
      order: {
        directory,
        ...(serial !== undefined && { serial }),
        limits: {
          maxFileBytes: maxBytes,
          minFreeBytes,
          ...(seconds !== undefined && { maxDurationUs: seconds * 1e6 }),
        },
      },
    })
    return report === undefined
      ? { ok: false, code: 'RECORDING_ACTIVE', message: 'A recording is under way.' }
      : { ok: true, result: { name: report.name } }
  }

  async #ask(order: Order, transfer: readonly MessagePort[] = []): Promise<CaptureReply> {
    const id = this.#nextId++
    const reply = await (this.#closed
      ? stopping(id)
      : new Promise<CaptureReply>((resolve) => {
          this.#waiting.set(id, resolve)
          this.#options.send({ ...order, id } as CaptureCommand, transfer)
        }))
    if (reply.error !== undefined) throw fromWire(reply.error)
    return reply
  }
}

function stopping(id: number): CaptureReply {
  return { type: 'reply', id, error: { message: 'evtrackd is stopping' } }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}

/** A finished recording, as it is published. */
export function recordingResult(report: RecordingReport): Readonly<Record<string, unknown>> {
  const { name, seconds, bytes, events, eventsDropped, stopped = 'request' } = report
  return {
    name,
    seconds: Math.round(seconds * 1000) / 1000,
    bytes,
    events,
    events_dropped: eventsDropped,
    stopped,
  }
}
