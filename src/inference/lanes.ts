import {
  allocateMaps,
  BatchMemory,
  JOB_IDS,
  LaneWork,
  MAX_BATCH,
  type SearchJob,
  type TargetLayout,
} from './batch-memory.js'
import type { SearchMaps, TemplateState, TrackerSession } from './tracker-session.js'

/** A helper that searches on a thread of its own. */
export interface Lane {
  /** The memory of all jobs from now on. */
  attach(buffer: SharedArrayBuffer): void
  /**
   * Resolves when it has no more work in this job, which it may find out long after the job has ended. Jobs are taken
   * up in order, and never before the caller's next turn: the batch is put down after the lanes are told.
   * @throws EvtrackError BACKEND_UNAVAILABLE, also when its thread is gone
   */
  run(job: SearchJob): Promise<unknown>
  /** Idempotent. */
  close(): Promise<void>
}

/** Enough for most; the memory doubles when more targets come. */
const FIRST_CAPACITY = 8
/**
 * Lanes end within a portion of each other. For that long this thread, which an inference blocks anyway, waits without
 * its event loop, whose messages take longer than a wake-up.
 */
const BLOCK_MS = 2

/**
 * One session over several threads: the targets of a batch are handed out in small portions to whoever is free, this
 * thread included, so a lane whose core is busy elsewhere costs nothing but the portion it holds. The answer does not
 * depend on who searched what. A batch of one never leaves this thread. Closes the session and the lanes.
 */
export function createLanedSession(
  session: TrackerSession,
  options: { readonly layout: TargetLayout; readonly lanes: readonly Lane[] },
): TrackerSession {
  return new LanedSession(session, options)
}

class LanedSession implements TrackerSession {
  readonly spec: TrackerSession['spec']
  readonly #session: TrackerSession
  readonly #layout: TargetLayout
  readonly #lanes: readonly Lane[]
  readonly #own: LaneWork
  #memory: BatchMemory | undefined
  #jobs = 0
  /** Ends when the search before is done: there is one batch memory. */
  #previous: Promise<unknown> = Promise.resolve()

  constructor(
    session: TrackerSession,
    { layout, lanes }: { readonly layout: TargetLayout; readonly lanes: readonly Lane[] },
  ) {
    this.spec = session.spec
    this.#session = session
    this.#layout = layout
    this.#lanes = lanes
    this.#own = new LaneWork(session, layout)
  }

  template(crop: Uint8Array): Promise<TemplateState> {
    return this.#session.template(crop)
  }

  search(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps> {
    if (templates.length < 2) return this.#session.search(crops, templates)
    const result = this.#previous.then(() => this.#shared(crops, templates))
    this.#previous = result.catch(() => {})
    return result
  }

  async close(): Promise<void> {
    await Promise.all([this.#session.close(), ...this.#lanes.map((lane) => lane.close())])
  }

  async #shared(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps> {
    const batch = templates.length
    const need = batch * this.#layout.cropBytes
    if (crops.length < need || batch > MAX_BATCH) {
      throw new RangeError(`crops hold ${crops.length} bytes, ${batch} targets need ${need}`)
    }
    const memory = this.#memoryFor(batch)
    // Two portions a thread: large enough to spare calls, small enough to even out who is late.
    const chunk = Math.ceil(batch / (2 * (this.#lanes.length + 1)))
    this.#jobs = (this.#jobs + 1) % JOB_IDS
    const job: SearchJob = { id: this.#jobs, batch, chunk }
    memory.prepare(job)
    const helpers = new Set<Promise<void>>()
    let failure: unknown
    for (const lane of this.#lanes) {
      const helper = lane
        .run(job)
        .catch((error: unknown) => {
          failure ??= error
        })
        .then(() => void helpers.delete(helper))
      helpers.add(helper)
    }
    let maps: SearchMaps | undefined
    try {
      memory.open(job, crops, templates)
      await this.#own.run(memory, job)
      maps = allocateMaps(batch, this.spec.mapSize)
    } catch (error) {
      failure ??= error
    }
    for (let waitMs = BLOCK_MS; failure === undefined && !memory.isDone(job, waitMs); waitMs = 0) {
      await Promise.race(helpers)
    }
    if (maps === undefined || failure !== undefined) {
      // Whoever still works would write into the next batch.
      memory.cancel(job)
      await Promise.all(helpers)
      throw failure
    }
    memory.copyMaps(maps)
    return maps
  }

  #memoryFor(batch: number): BatchMemory {
    if (this.#memory === undefined || this.#memory.capacity < batch) {
      const capacity = Math.max(batch, 2 * (this.#memory?.capacity ?? FIRST_CAPACITY / 2))
      this.#memory = BatchMemory.allocate(this.#layout, capacity)
      for (const lane of this.#lanes) lane.attach(this.#memory.buffer)
    }
    return this.#memory
  }
}
