import type { SourceInfo, SourceState } from '../sources/source.js'
import { CaptureDesk, type CaptureDeskOptions } from './capture-desk.js'
import type { GuardState } from './capture-guard.js'
import type { RecordingReport } from './capture-recorder.js'
import type { CaptureWorkerData } from './capture-worker.js'
import type { CaptureCommand, CaptureCounters, CaptureMessage } from './messages.js'
import { fromWire, startThread, type Thread } from './threads.js'

export interface CaptureEvents {
  started(info: SourceInfo): void
  state(state: SourceState): void
  counters(counters: CaptureCounters): void
  /** A recording to a file has ended by itself. */
  recorded(report: RecordingReport): void
  /** The event-rate guard took a step. */
  guarded(state: GuardState): void
  /** The source has nothing more. */
  ended(): void
  failed(error: Error): void
}

/** Registers are written and transfers end one by one; on a busy board that takes seconds. */
const STOP_GRACE_MS = 10_000

/** The main thread's end of the capture thread. */
export class CaptureThread {
  readonly desk: CaptureDesk
  readonly #thread: Thread<CaptureCommand>
  readonly #events: CaptureEvents

  constructor(
    data: CaptureWorkerData,
    events: CaptureEvents,
    recordings: CaptureDeskOptions['recordings'],
  ) {
    this.#events = events
    this.desk = new CaptureDesk({
      send: (command, transfer) => this.#thread.send(command, transfer),
      recordings,
    })
    this.#thread = startThread<CaptureCommand, CaptureMessage>('./capture-worker.js', {
      name: 'capture',
      data,
      transfer: [data.windows],
      onMessage: (message) => this.#receive(message),
      onFailed: (error) => events.failed(error),
      leaveWhenOverdue: true,
    })
  }

  /** Closes the source and completes a recording; 'overdue' when that does not come to its end. */
  async close(): Promise<'ended' | 'overdue'> {
    this.#thread.send({ type: 'close' })
    const outcome = await this.#thread.stop(STOP_GRACE_MS)
    this.desk.close()
    return outcome
  }

  #receive(message: CaptureMessage): void {
    switch (message.type) {
      case 'started':
        this.#events.started(message.info)
        break
      case 'state':
        this.#events.state(message.state)
        break
      case 'counters':
        this.#events.counters(message)
        break
      case 'reply':
        this.desk.reply(message)
        break
      case 'recorded':
        this.#events.recorded(message.report)
        break
      case 'guard':
        this.#events.guarded(message.state)
        break
      case 'ended':
        if (message.how === 'end') this.#events.ended()
        break
      case 'failed':
        this.#events.failed(fromWire(message.error))
        break
    }
  }
}
