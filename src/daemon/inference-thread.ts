import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../events/time.js'
import type { BackendReport } from '../inference/backends/backend.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { StepResult, TrackEvent } from '../tracking/track.js'
import type { InferenceWorkerData } from './inference-worker.js'
import type { InferenceCommand, InferenceMessage, ModelReport } from './messages.js'
import { TargetDesk } from './target-desk.js'
import { fromWire, startThread, type Thread } from './threads.js'

/** A copy of one window and what was tracked in it. */
export type Snapshot = Pick<Extract<InferenceMessage, { type: 'snapshot' }>, 'frame' | 'tracks'>

export interface InferenceEvents {
  /** The tracker is there, its golden vectors matched where it has any; `openedMs` says how long that took. */
  ready(openedMs: number): void
  /** `hostUs`: when the window's last event was received. */
  step(result: StepResult, hostUs: number): void
  counters(message: Extract<InferenceMessage, { type: 'counters' }>): void
  /** At every change, and with the counters. */
  backend(report: BackendReport): void
  /** Lifecycle events outside of a window: commands and the end. */
  events(events: readonly TrackEvent[]): void
  /** The first windows have decided about a package; `error` says why it was taken back. */
  judged(outcome: 'kept' | 'reverted', error: Error | undefined): void
  failed(error: Error): void
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const SNAPSHOT_TIMEOUT_MS = 2000
const STOP_GRACE_MS = 3000

/** The main thread's end of the inference thread. */
export class InferenceThread {
  readonly handlers: TargetDesk['handlers']
  readonly #thread: Thread<InferenceCommand>
  readonly #desk: TargetDesk
  readonly #events: InferenceEvents
  readonly #snapshots = new Set<(snapshot: Snapshot) => void>()
  /** Asked for and not answered: a camera may be gone for hours, and every question brings a copy. */
  #snapshotAsked = false
  /** Changes of the package that are not answered, by id. */
  readonly #switches = new Map<number, Waiting>()
  #switchId = 0
  #closed: () => void = () => {}

  constructor(
    data: InferenceWorkerData & { readonly windows: MessagePort },
    events: InferenceEvents,
  ) {
    this.#events = events
    this.#desk = new TargetDesk({
      send: (command) => this.#thread.send(command),
      publish: (list) => events.events(list),
    })
    this.handlers = this.#desk.handlers
    this.#thread = startThread<InferenceCommand, InferenceMessage>('./inference-worker.js', {
      name: 'inference',
      data,
      transfer: [data.windows],
      onMessage: (message) => this.#receive(message),
      onFailed: (error) => {
        this.#giveUp(error)
        events.failed(error)
      },
    })
  }

  /** A copy of the next window, shared by all who ask before it comes. Rejects when none comes within 2 s. */
  async snapshot(): Promise<Snapshot> {
    const timeout = new AbortController()
    let take: (snapshot: Snapshot) => void = () => {}
    const snapshot = new Promise<Snapshot>((resolve) => {
      take = resolve
    })
    this.#snapshots.add(take)
    if (!this.#snapshotAsked) this.#thread.send({ type: 'snapshot' })
    this.#snapshotAsked = true
    const late = systemClock.sleep(SNAPSHOT_TIMEOUT_MS, timeout.signal).then(() => {
      throw new Error(`no window came within ${SNAPSHOT_TIMEOUT_MS} ms`)
    })
    try {
      return await Promise.race([snapshot, late])
    } finally {
      this.#snapshots.delete(take)
      timeout.abort(new Error('answered'))
      late.catch(() => {})
    }
  }

  /**
   * Changes over to another package. Resolves when it is in use, with its trial still to come; rejects with what its
   * golden run or its opening rejected with, and everything is as before then.
   */
  switchModel(pkg: ModelPackage): Promise<void> {
    const id = ++this.#switchId
    return new Promise((resolve, reject) => {
      this.#switches.set(id, { resolve, reject })
      this.#thread.send({ type: 'switch-model', id, package: pkg })
    })
  }

  /** Ends all targets, so that their last events are handed out, and then the thread. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#closed = resolve
    })
    this.#thread.send({ type: 'close' })
    await Promise.race([closed, this.#thread.stop(STOP_GRACE_MS)])
    await this.#thread.stop(STOP_GRACE_MS)
    this.#desk.close()
    this.#giveUp(new Error('evtrackd is stopping'))
  }

  #giveUp(error: Error): void {
    for (const { reject } of this.#switches.values()) reject(error)
    this.#switches.clear()
  }

  #model({ id, outcome, events, error }: ModelReport): void {
    if (events.length > 0) this.#events.events(events)
    const reason = error && fromWire(error)
    if (outcome === 'kept' || outcome === 'reverted') {
      this.#events.judged(outcome, reason)
      return
    }
    const waiting = this.#switches.get(id)
    this.#switches.delete(id)
    if (outcome === 'switched') waiting?.resolve()
    else waiting?.reject(reason ?? new Error('the package was refused'))
  }

  #receive(message: InferenceMessage): void {
    switch (message.type) {
      case 'ready':
        this.#events.ready(message.openedMs)
        break
      case 'step':
        this.#events.step(message.result, message.hostUs)
        break
      case 'counters':
        this.#events.counters(message)
        break
      case 'reply':
        this.#desk.reply(message)
        break
      case 'snapshot':
        this.#snapshotAsked = false
        for (const take of this.#snapshots) take(message)
        break
      case 'backend':
        this.#events.backend(message.report)
        break
      case 'model':
        this.#model(message)
        break
      case 'closed':
        this.#events.events(message.events)
        this.#closed()
        break
      case 'failed':
        this.#events.failed(fromWire(message.error))
        break
    }
  }
}
