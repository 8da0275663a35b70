import { EvtrackError } from '../events/errors.js'
import type { Clock } from '../events/time.js'
import { createBackoff } from '../sources/backoff.js'
import type { Daemon } from './daemon-types.js'
import type { Log } from './log.js'
import { ProgressJudge } from './progress.js'
import type { Config } from './schema.js'

/** One camera of the process: its daemon, and what became of it. */
export interface CameraRun {
  /** Id of the camera in [[cameras]]; '' when there is only the one. */
  readonly id: string
  readonly judge: ProgressJudge
  /** The one that runs, or that failed last. */
  daemon: Daemon
  /** What the next one is started with. */
  config: Config
  restartNeeded: readonly string[]
  /** While it does not run, and until the daemon that was started anew is past its start. */
  failure: CameraFailure | undefined
  /** How often it failed since the process started. */
  failures: number
}

/** Checking the golden vectors takes a second; a board with a slow disk gets this long. */
const OPENING_MS = 60_000

/** A camera whose daemon has been started. */
export function newCameraRun({ id, daemon }: Pick<CameraRun, 'id' | 'daemon'>): CameraRun {
  const judge = new ProgressJudge(OPENING_MS)
  const { config } = daemon
  return { id, judge, daemon, config, restartNeeded: [], failure: undefined, failures: 0 }
}

export interface CameraFailure {
  readonly code: string
  readonly message: string
  /** Failures in a row. */
  readonly attempts: number
  /** When it is started anew, monotonic microseconds. */
  readonly retryAtUs: number
}

export interface SupervisionOptions {
  readonly log: Log
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** Starts a daemon for a camera whose last one has failed. Rejects with EvtrackError. */
  readonly start: (camera: CameraRun) => Promise<Daemon>
  /** Asked once for each failure: true ends the process's turn for all cameras, whatever the others do. */
  readonly endsAll: (error: unknown) => boolean
  /** A camera has failed, or is up again. */
  readonly onChange: () => void
}

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
/** A daemon that lasted this long was a good one: its next failure is the first in a row. */
const STABLE_US = 60_000_000

/**
 * Keeps the cameras of one process apart: one that fails is started anew after growing pauses while the others go on.
 * Only when none is left that works do they fail together, so that whoever started the process hears of it.
 */
export class Supervision {
  readonly #options: SupervisionOptions
  readonly #stop = new AbortController()
  readonly #ended = new Set<CameraRun>()
  /** Ends the pause of a camera. */
  readonly #wake = new Map<CameraRun, AbortController>()

  constructor(options: SupervisionOptions) {
    this.#options = options
  }

  /** Resolves when every camera has ended or was stopped; rejects with the last error when no camera works. */
  async watch(cameras: readonly CameraRun[]): Promise<void> {
    await Promise.all(cameras.map((camera) => this.#follow(camera, cameras)))
  }

  /**
   * Takes on a changed configuration: a camera that runs while it runs, one that waits by being started with it at once,
   * since it may be what it lacked. Rejects as Daemon.reconfigure does.
   */
  async reconfigure(camera: CameraRun, config: Config, commit?: () => void): Promise<void> {
    if (await this.#retry(camera, config)) return
    const { daemon } = camera
    try {
      await daemon.reconfigure(config, commit)
    } catch (error) {
      // It failed while it was told, or all are being stopped and nothing is left to change.
      if (daemon.stopping && ((await this.#retry(camera, config)) || this.#stop.signal.aborted))
        return
      throw error
    }
  }

  /** False for a camera that does not wait to be started anew. */
  async #retry(camera: CameraRun, config: Config): Promise<boolean> {
    // One that is failing at this moment waits as soon as that is done.
    if (camera.daemon.stopping) await camera.daemon.done.catch(() => {})
    const wake = this.#wake.get(camera)
    if (wake === undefined) return false
    camera.config = config
    wake.abort()
    return true
  }

  /** No camera is started anew any more. Idempotent. */
  stop(): void {
    this.#stop.abort()
  }

  /** Call it when the state of a daemon has changed: past its start, the failure before is over. */
  settle(camera: CameraRun): void {
    if (camera.failure === undefined || this.#wake.has(camera)) return
    if (camera.daemon.facts.state().state === 'init') return
    camera.failure = undefined
    this.#options.log.info('camera is up again', { camera: camera.id, failures: camera.failures })
    this.#options.onChange()
  }

  async #follow(camera: CameraRun, all: readonly CameraRun[]): Promise<void> {
    const { clock, random = Math.random } = this.#options
    const backoff = createBackoff({ firstMs: FIRST_WAIT_MS, lastMs: LONGEST_WAIT_MS, random })
    let attempts = 0
    let daemon: Daemon | undefined = camera.daemon
    while (daemon !== undefined) {
      const sinceUs = clock.nowUs()
      try {
        await daemon.done
        this.#ended.add(camera)
        return
      } catch (error) {
        // With what was changed while it ran.
        camera.config = daemon.config
        if (this.#stop.signal.aborted) return
        if (clock.nowUs() - sinceUs >= STABLE_US) {
          backoff.reset()
          attempts = 0
        }
        attempts += 1
        this.#failed(camera, { error, attempts, waitMs: backoff.next() })
        const nobodyWorks = all.every((each) => each.failure !== undefined || this.#ended.has(each))
        if (this.#options.endsAll(error) || nobodyWorks) throw error
        this.#tell(camera, error)
      }
      daemon = await this.#startAgain(camera, () => {
        attempts += 1
        return { attempts, waitMs: backoff.next() }
      })
    }
  }

  /** Gives undefined when all has been stopped meanwhile. */
  async #startAgain(
    camera: CameraRun,
    next: () => { attempts: number; waitMs: number },
  ): Promise<Daemon | undefined> {
    while (await this.#pause(camera)) {
      try {
        const { config } = camera
        const daemon = await this.#options.start(camera)
        if (this.#stop.signal.aborted) {
          await daemon.stop()
          return undefined
        }
        if (camera.config !== config) {
          // Changed while it was started.
          await daemon.stop()
          continue
        }
        camera.daemon = daemon
        this.#wake.delete(camera)
        this.settle(camera)
        return daemon
      } catch (error) {
        if (!(error instanceof EvtrackError)) throw error
        this.#failed(camera, { error, ...next() })
        this.#tell(camera, error)
      }
    }
    return undefined
  }

  /** False when all has been stopped. */
  async #pause(camera: CameraRun): Promise<boolean> {
    const { clock } = this.#options
    const { retryAtUs } = camera.failure!
    const wake = this.#wake.get(camera)!
    const early = AbortSignal.any([this.#stop.signal, wake.signal])
    await clock.sleep(Math.max(0, (retryAtUs - clock.nowUs()) / 1000), early).catch(() => {})
    return !this.#stop.signal.aborted
  }

  #failed(
    camera: CameraRun,
    { error, attempts, waitMs }: { error: unknown; attempts: number; waitMs: number },
  ): void {
    const { clock } = this.#options
    const { code, message } = describe(error)
    const retryAtUs = clock.nowUs() + waitMs * 1000
    camera.failure = { code, message, attempts, retryAtUs }
    camera.failures += 1
    this.#wake.set(camera, new AbortController())
  }

  #tell(camera: CameraRun, error: unknown): void {
    const { clock, log, onChange } = this.#options
    const { code, attempts, retryAtUs } = camera.failure!
    const { message, next } = describe(error)
    const retry_ms = Math.round((retryAtUs - clock.nowUs()) / 1000)
    const fields = { code, next, camera: camera.id, attempts, retry_ms }
    log.error(`camera failed, the others go on: ${message}`, fields)
    onChange()
  }
}

function describe(error: unknown): { code: string; message: string; next?: string } {
  if (error instanceof EvtrackError) return error
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) }
}
