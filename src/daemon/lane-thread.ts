import { availableParallelism } from 'node:os'
import { EvtrackError } from '../events/errors.js'
import { type SearchJob, targetLayout } from '../inference/batch-memory.js'
import { createLanedSession, type Lane } from '../inference/lanes.js'
import type { ModelPackage } from '../inference/model-package.js'
import { createTrackerSession, type SessionOptions } from '../inference/session.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import type { LaneWorkerData } from './lane-worker.js'
import type { WireError } from './messages.js'
import { fromWire, startThread, type Thread } from './threads.js'

/** session → lane */
export type LaneCommand =
  | { readonly type: 'attach'; readonly buffer: SharedArrayBuffer }
  | { readonly type: 'run'; readonly job: SearchJob }
  | { readonly type: 'close' }

/** lane → session: 'done' and 'failed' answer the jobs in order; a 'failed' before 'ready' means that it never opened. */
export type LaneMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: WireError }

const STOP_GRACE_MS = 1000
/** Capture and the main thread (MQTT, health) keep a core each. */
const OTHER_BUSY_THREADS = 2
/** More than eight targets are rare, and a lane that gets a single one saves little. */
const MOST_LANES = 4

/** Lanes for a machine of that many cores, when the configuration leaves it open. */
export function lanesFor(cores: number): number {
  return Math.max(1, Math.min(MOST_LANES, cores - OTHER_BUSY_THREADS))
}

/**
 * A session over `lanes` threads, this one included; 0 chooses for this machine. Each lane opens the package and checks
 * its golden vectors at the same time.
 * @throws EvtrackError as createTrackerSession does; nothing stays open then.
 */
export async function openLanedSession(
  pkg: ModelPackage,
  options: SessionOptions & { readonly lanes: number },
): Promise<TrackerSession> {
  const count = options.lanes === 0 ? lanesFor(availableParallelism()) : options.lanes
  if (count === 1) return createTrackerSession(pkg, options)
  const { graph = 'int8', ortDir } = options
  const data: LaneWorkerData = { package: pkg, graph, ortDir }
  const lanes = Array.from({ length: count - 1 }, (_, i) => new LaneThread(`lane-${i + 2}`, data))
  const [session, ...ready] = await Promise.allSettled([
    createTrackerSession(pkg, options),
    ...lanes.map((lane) => lane.ready),
  ])
  const refused = [session, ...ready].find((outcome) => outcome.status === 'rejected')
  if (session.status === 'fulfilled' && refused === undefined) {
    return createLanedSession(session.value, { layout: targetLayout(pkg), lanes })
  }
  if (session.status === 'fulfilled') await session.value.close()
  await Promise.all(lanes.map((lane) => lane.close()))
  throw refused?.reason
}

/**
 * The golden run of a package on a thread of its own, so that whoever tracks meanwhile is not kept waiting.
 * @throws EvtrackError as createTrackerSession does
 */
export async function runGolden(
  pkg: ModelPackage,
  { graph, ortDir }: Omit<LaneWorkerData, 'package'>,
): Promise<void> {
  const lane = new LaneThread('golden run', { package: pkg, graph, ortDir })
  try {
    await lane.ready
  } finally {
    await lane.close()
  }
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The session's end of one lane. */
class LaneThread implements Lane {
  readonly ready: Promise<void>
  readonly #thread: Thread<LaneCommand>
  /** Who waits for an answer, oldest first; the first of all waits for 'ready'. */
  readonly #waiters: Waiter[] = []
  #gone: Error | undefined

  constructor(name: string, data: LaneWorkerData) {
    this.ready = this.#answer()
    this.#thread = startThread<LaneCommand, LaneMessage>('./lane-worker.js', {
      name,
      data,
      onMessage: (message) => {
        const waiter = this.#waiters.shift()
        if (message.type === 'failed') waiter?.reject(fromWire(message.error))
        else waiter?.resolve()
      },
      onFailed: (cause) => {
        this.#end(
          new EvtrackError('BACKEND_UNAVAILABLE', `An inference thread ended: ${cause.message}.`, {
            next: 'Restart evtrackd; if it happens again, set model.lanes = 1 and report it.',
            cause,
          }),
        )
      },
    })
  }

  attach(buffer: SharedArrayBuffer): void {
    this.#thread.send({ type: 'attach', buffer })
  }

  run(job: SearchJob): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    const answer = this.#answer()
    this.#thread.send({ type: 'run', job })
    return answer
  }

  async close(): Promise<void> {
    this.#thread.send({ type: 'close' })
    await this.#thread.stop(STOP_GRACE_MS)
    this.#end(
      new EvtrackError('BACKEND_UNAVAILABLE', 'The session is closed.', { next: 'Open it again.' }),
    )
  }

  #answer(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  #end(error: Error): void {
    this.#gone ??= error
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }
}
