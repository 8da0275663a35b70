import type { KindName, Row } from '../calibration/kind.js'
import type { SessionProgress } from '../calibration/session.js'
import type { EvtrackError } from '../events/errors.js'
import {
  broken,
  busy,
  interrupted,
  noCamera,
  noSerial,
  notStreaming,
  notTaken,
  stopping,
} from './calibrate-refusals.js'
import type { CalibrateReport } from './calibrate-request.js'
import { CalibrationCase } from './calibration-case.js'
import type { CalibrationNews } from './calibration-news.js'
import { kindOptions } from './calibration-options.js'
import type {
  AcceptedCalibration,
  CalibrationOrder,
  LiveCalibrationParts,
} from './calibration-order.js'
import type { KindFacts } from './calibration-signals.js'
import { CalibrationThread } from './calibration-thread.js'
import { darkSecondsOf, type WorldRequest } from './calibration-world.js'
import { isCamera } from './plan-source.js'

interface Run {
  readonly id: string
  readonly order: CalibrationOrder
  readonly stop: AbortController
  facts: KindFacts | undefined
  progress: SessionProgress | undefined
}

type End = Pick<CalibrationNews, 'state' | 'report' | 'error'>

/**
 * Calibrations of the camera of a running daemon, one at a time. The measurement runs in a thread of its own on copies
 * of what the camera sends; tracking goes on meanwhile with whatever the camera then sees. However a run ends, the
 * camera gets back what is configured, and what passed is in effect before its end is told.
 */
export class LiveCalibration {
  readonly #parts: LiveCalibrationParts
  #count = 0
  #run: Run | undefined
  #over: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(parts: LiveCalibrationParts) {
    this.#parts = parts
  }

  /** The kind of the run that has the camera; undefined while tracking has it. */
  get running(): KindName | undefined {
    return this.#run?.facts === undefined ? undefined : this.#run.order.kind
  }

  /**
   * Begins. Resolves when it is accepted. Rejects with CALIBRATION_BUSY, with CONFIG_INVALID for options, with the
   * camera's code when there is none that streams, with CALIBRATION_FAILED when it is not known which camera it is.
   */
  async start(order: CalibrationOrder): Promise<AcceptedCalibration> {
    const { config, idPrefix } = this.#parts
    if (this.#closed) throw stopping()
    if (this.#run !== undefined) throw busy(this.#run.order.kind)
    const options = kindOptions(config(), order.kind, order.options)
    const id = `${idPrefix}-${++this.#count}`
    const run: Run = {
      id,
      order,
      stop: new AbortController(),
      facts: undefined,
      progress: undefined,
    }
    this.#run = run
    let accept: (accepted: AcceptedCalibration) => void = () => {}
    const accepted = new Promise<AcceptedCalibration>((resolve) => {
      accept = resolve
    })
    const over = this.#perform(run, options, (facts, seconds) => {
      const { title, ask } = facts
      accept({ id, kind: order.kind, title, ask, seconds, over })
    })
    this.#over = over.catch(() => {})
    // Whatever goes wrong before it is accepted is the answer; after that it is news.
    return Promise.race([accepted, over.then(() => accepted)])
  }

  /** Stops the run of this id, or whichever there is, and waits until the camera is as before; false when none runs. */
  async cancel(id?: string): Promise<boolean> {
    const run = this.#run
    if (run === undefined || (id !== undefined && id !== run.id)) return false
    run.stop.abort(interrupted())
    await this.#over
    return true
  }

  /** Cancels, and accepts nothing more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.cancel()
  }

  /** Rejects with what went wrong before it was accepted; what comes after that is told in the news. */
  async #perform(
    run: Run,
    options: unknown,
    accept: (facts: KindFacts, seconds: number) => void,
  ): Promise<CalibrationNews> {
    const { order, stop } = run
    const { log } = this.#parts
    const thread = new CalibrationThread(order.kind)
    let calibration: CalibrationCase | undefined
    let end: End
    try {
      try {
        const facts = await orAborted(thread.facts, stop.signal)
        const seconds = order.seconds ?? facts.seconds
        calibration = this.#open(run, { facts, seconds, options })
        run.facts = facts
        accept(facts, seconds)
        log.info('calibration begins', { kind: order.kind, id: run.id, origin: order.origin })
        this.#news(run, { state: 'running' })
        const show = this.#shown(order, { facts, seconds, options })
        end = await this.#measure(run, { thread, calibration, seconds, ...(show && { show }) })
      } finally {
        await thread.close()
        calibration?.release()
      }
    } catch (error) {
      if (run.facts === undefined) throw broken(error)
      end = endOf(broken(error))
    } finally {
      this.#run = undefined
    }
    return this.#news(run, end)
  }

  /** Judges whether it can be done at all; nobody else calibrates this camera from here on. */
  #open(run: Run, of: { facts: KindFacts; seconds: number; options: unknown }): CalibrationCase {
    const { facts, seconds, options } = of
    const { config: configNow, source } = this.#parts
    const config = configNow()
    const { kind: name, dryRun = false, worthKeeping } = run.order
    const { state, serial = config.camera.serial, code, reason } = source()
    if (seconds > 0) {
      if (!isCamera(config)) throw noCamera(config.source.kind)
      if (state !== 'streaming') throw notStreaming(code, reason ?? `the camera is ${state}`)
    }
    if (serial === undefined && !dryRun) throw noSerial()
    const calibration = new CalibrationCase({
      config,
      kind: { name, dataVersion: facts.dataVersion },
      options,
      dryRun,
      ...(worthKeeping && { worthKeeping }),
    })
    if (serial !== undefined) calibration.adopt(serial)
    return calibration
  }

  async #measure(
    run: Run,
    of: {
      thread: CalibrationThread
      calibration: CalibrationCase
      seconds: number
      show?: WorldRequest
    },
  ): Promise<End> {
    const { thread, calibration, seconds, show } = of
    const { size, camera, preset, activated } = this.#parts
    const { signal } = run.stop
    let lent = false
    let report: CalibrateReport
    try {
      const measured = await orAborted(
        thread.measure({
          context: calibration.context({ seconds, size }),
          ...(seconds > 0 && { base: await preset() }),
          camera: {
            lend: (wanted, signals) => {
              lent = true
              return camera.lend(wanted, signals, show).catch((error: unknown) => {
                throw notTaken(error)
              })
            },
            set: (wanted) => camera.set(wanted),
          },
          onProgress: (progress) => {
            if (signal.aborted) return
            run.progress = progress
            this.#news(run, { state: 'running' })
          },
        }),
        signal,
      )
      report = calibration.conclude(measured.outcome, measured.seconds)
    } finally {
      // First nobody wants anything of the camera any more, then it is given back.
      await thread.close()
      if (lent) await this.#giveBack()
    }
    if (report.activated) await activated().catch((error: unknown) => this.#later(error))
    return { state: run.order.skip?.(report) ? 'skipped' : 'done', report }
  }

  /** An emulated camera is shown what the kind asks of its user, who by night is not there. */
  #shown(
    { kind, origin }: CalibrationOrder,
    of: { facts: KindFacts; seconds: number; options: unknown },
  ): WorldRequest | undefined {
    const { kind: source, seed } = this.#parts.config().source
    if (source !== 'emulator' || origin === 'schedule') return undefined
    const { facts, seconds, options } = of
    const darkSeconds = darkSecondsOf(options, seconds)
    return { view: facts.emulated, kind, seed, seconds, darkSeconds }
  }

  async #giveBack(): Promise<void> {
    const { camera, log } = this.#parts
    try {
      const { events, images } = await camera.giveBack()
      if (events > 0) log.warning('the calibration was too slow for the camera', { events, images })
    } catch (error) {
      this.#later(error)
    }
  }

  /** What the camera should be set to is known, and it is told when it connects again. */
  #later(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#parts.log.warning('the camera gets its settings when it is there again', { reason })
  }

  #news(run: Run, end: End | { readonly state: 'running' }): CalibrationNews {
    const { id, order, progress } = run
    const { title = order.kind, ask = '' } = run.facts ?? {}
    const { kind, origin } = order
    const now = { id, kind, title, ask, origin, ...end }
    const news = { ...now, ...(progress !== undefined && { progress }) }
    if (news.state !== 'running') this.#tell(news)
    this.#parts.onNews(news)
    return news
  }

  #tell({ id, kind, state, report, error }: CalibrationNews): void {
    const { log } = this.#parts
    if (error !== undefined) {
      log.warning(`calibration ${state}: ${error.message}`, {
        kind,
        id,
        code: error.code,
        next: error.next,
      })
    } else if (report !== undefined) {
      const { verdict, activated, stored } = report
      log.info(`calibration ${state}`, {
        kind,
        id,
        verdict,
        active: activated,
        result: stored?.id,
        why: verdict === 'PASS' ? undefined : notesOf(report.outcome.rows),
      })
    }
  }
}

function notesOf(rows: readonly Row[]): string {
  return rows.flatMap(({ note }) => note ?? []).join(' ')
}

/** Rejects with the signal's reason as soon as it aborts. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function endOf(error: EvtrackError): End {
  return { state: error.data['reason'] === 'interrupted' ? 'cancelled' : 'failed', error }
}
