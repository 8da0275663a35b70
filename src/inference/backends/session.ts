import { EvtrackError } from '../../events/errors.js'
import { type Clock, systemClock } from '../../events/time.js'
import type { ModelPackage } from '../model-package.js'
import type { SearchMaps, TemplateState, TrackerSession } from '../tracker-session.js'
import type { BackendName, BackendReport, Candidate, OpenedBackend, Trial } from './backend.js'
import { choose } from './choose.js'
import { SpotCheck } from './spot-check.js'

export interface BackendOptions {
  readonly pkg: ModelPackage
  /** Computes whenever nothing else does. Closed with this session. */
  readonly cpu: TrackerSession
  /** For people: 'onnxruntime cpu int8'. */
  readonly cpuDescription: string
  readonly wanted: Exclude<BackendName, 'cpu'> | 'auto'
  readonly candidates: readonly Candidate[]
  readonly checkShare: number
  /** Something has changed. */
  readonly onReport?: (report: BackendReport) => void
  readonly clock?: Clock
}

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000

interface Active extends OpenedBackend {
  readonly candidate: Candidate
  readonly sinceUs: number
  readonly searchMs: number
}

/**
 * A session over the best backend there is. The CPU computes from the first moment; candidates compute the golden vectors
 * beside it, and one takes over between two searches. When it fails, the very search that failed is computed by the CPU,
 * with the same template states, so no target and no window is lost; the candidate is tried again, after pauses that
 * double. Answers are compared with the CPU's now and then, and one that differs is a failure.
 */
export class BackendSession implements TrackerSession {
  readonly spec: TrackerSession['spec']
  /** The first attempt is over, whatever came of it. */
  readonly settled: Promise<void>
  readonly #options: BackendOptions
  readonly #clock: Clock
  readonly #check: SpotCheck
  /** Template states and answers of the backends are equal, bit by bit. */
  readonly #exact: boolean
  readonly #stop = new AbortController()
  #active: Active | undefined
  /** Ends with the last attempt. */
  #trying: Promise<void>
  #trials: readonly Trial[] = []
  #failures = 0
  #attempts = 0
  #pauseMs = FIRST_PAUSE_MS
  #retryMs: number | null = null
  #reason: string | null = null
  #cpuMs: number | null = null

  constructor(options: BackendOptions) {
    this.#options = options
    this.spec = options.cpu.spec
    this.#clock = options.clock ?? systemClock
    this.#check = new SpotCheck(options.cpu, options.checkShare)
    this.#exact = options.pkg.manifest.fidelity === null
    this.settled = this.#attempt(options.candidates)
    this.#trying = this.settled.then(() => this.#retryIfWanted())
  }

  get report(): BackendReport {
    const { wanted, cpuDescription } = this.#options
    const active = this.#active
    return {
      wanted,
      inUse: active?.candidate.name ?? 'cpu',
      description: active?.description ?? cpuDescription,
      searchMs: active?.searchMs ?? this.#cpuMs,
      fallback: active === undefined && (wanted !== 'auto' || this.#failures > 0),
      trials: this.#trials,
      failures: this.#failures,
      attempts: this.#attempts,
      checks: this.#check.checks,
      wrong: this.#check.wrong,
      reason: this.#reason,
      retryMs: this.#retryMs,
    }
  }

  async template(crop: Uint8Array): Promise<TemplateState> {
    const active = this.#active
    if (active !== undefined) {
      try {
        return await active.session.template(crop)
      } catch (error) {
        this.#failed(active, error)
      }
    }
    return this.#options.cpu.template(crop)
  }

  async search(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps> {
    const active = this.#active
    if (active !== undefined) {
      try {
        const maps = await active.session.search(crops, templates)
        if (!isNumbers(maps)) throw unusable('an answer holds what is no number')
        if (this.#exact) this.#check.offer(crops, templates, maps)
        return maps
      } catch (error) {
        this.#failed(active, error)
      }
    }
    return this.#options.cpu.search(crops, templates)
  }

  /** Compares an answer with the CPU's, if one was kept; true if there was. To be called when nothing else is to do. */
  async check(): Promise<boolean> {
    const active = this.#active
    const right = active && (await this.#check.check())
    if (right === false) this.#failed(active!, unusable('an answer differs from the CPU'))
    return right !== undefined
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the session is closed'))
    await this.#trying
    const active = this.#active
    this.#active = undefined
    await active?.session.close()
    await this.#options.cpu.close()
  }

  async #attempt(candidates: readonly Candidate[]): Promise<void> {
    const { pkg, cpu, wanted } = this.#options
    this.#retryMs = null
    const choice = await choose(candidates, { pkg, cpu, wanted, signal: this.#stop.signal })
    // Counted when it is over: reports are also made while it goes on, and must not look like its outcome.
    this.#attempts++
    this.#trials = choice.trials
    this.#cpuMs = choice.cpuMs ?? this.#cpuMs
    if (this.#stop.signal.aborted) {
      await choice.chosen?.opened.session.close()
      return
    }
    const failed = choice.trials.find(({ outcome }) => outcome === 'failed')
    this.#reason = failed?.reason ?? this.#reason
    if (choice.chosen !== undefined) {
      const { candidate, opened, searchMs } = choice.chosen
      this.#check.forget()
      const active = { ...opened, candidate, searchMs, sinceUs: this.#clock.nowUs() }
      this.#active = active
      void opened.gone?.then((error) => this.#failed(active, error))
    }
    const waited = this.#options.wanted !== 'auto' || this.#failures > 0
    if (this.#active === undefined && waited) this.#retryMs = this.#pauseMs
    this.#options.onReport?.(this.report)
  }

  #failed(active: Active, error: unknown): void {
    // What a caller did wrong the CPU will say too, and it is no fault of the backend.
    if (error instanceof RangeError) throw error
    if (this.#active !== active) return
    this.#active = undefined
    this.#failures++
    this.#reason = error instanceof Error ? error.message : String(error)
    const workedMs = (this.#clock.nowUs() - active.sinceUs) / 1000
    if (workedMs > LONGEST_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS
    this.#check.forget()
    // Not waited for: the CPU has work to do.
    const closed = active.session.close().catch(() => {})
    this.#trying = Promise.all([this.#trying, closed]).then(() => this.#retry([active.candidate]))
    this.#retryMs = this.#pauseMs
    this.#options.onReport?.(this.report)
  }

  /** 'auto' has decided, even where nothing but the CPU was good; a backend that was asked for by name is waited for. */
  async #retryIfWanted(): Promise<void> {
    const { wanted, candidates } = this.#options
    if (wanted !== 'auto' && this.#active === undefined) await this.#retry(candidates)
  }

  async #retry(candidates: readonly Candidate[]): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted && this.#active === undefined) {
      const pauseMs = this.#pauseMs
      this.#pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      this.#retryMs = pauseMs
      try {
        await this.#clock.sleep(pauseMs, signal)
      } catch {
        return
      }
      await this.#attempt(candidates)
    }
  }
}

function unusable(why: string): EvtrackError {
  return new EvtrackError('BACKEND_UNAVAILABLE', `The backend computes wrongly: ${why}.`, {
    next: 'Run `evtrackd doctor`, and update its driver or runner; inference.backend = "cpu" does without it.',
  })
}

// hot
function isNumbers({ score, size, offset }: SearchMaps): boolean {
  let sum = 0
  for (let i = 0; i < score.length; i++) sum += score[i]!
  for (let i = 0; i < size.length; i++) sum += size[i]! + offset[i]!
  return Number.isFinite(sum)
}
