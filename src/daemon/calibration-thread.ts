import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { KindName, MeasurementContext, Outcome } from '../calibration/kind.js'
import type { SessionProgress } from '../calibration/session.js'
import type { Preset } from '../davis346/schema.js'
import type { CalibrationCommand, CalibrationMessage, KindFacts } from './calibration-signals.js'
import { fromWire, startThread, type Thread, toWire } from './threads.js'

/** What a measurement does to the camera, by way of whoever owns it. */
export interface LentCamera {
  /** Sets the camera and sends what it sends to `signals` from then on. */
  lend(preset: Preset, signals: MessagePort): Promise<void>
  set(preset: Preset): Promise<void>
}

export interface Measured {
  readonly outcome: Outcome
  /** Device time. */
  readonly seconds: number
}

/** The main thread's end of a calibration thread: one for each calibration. */
export class CalibrationThread {
  /** What kind it is, once it is loaded. Rejects when the thread ends first. */
  readonly facts: Promise<KindFacts>
  readonly #thread: Thread<CalibrationCommand>
  readonly #measured: Promise<Measured>
  readonly #signals: MessagePort
  #camera: LentCamera | undefined
  #onProgress: (progress: SessionProgress) => void = () => {}
  #resolveFacts: (facts: KindFacts) => void = () => {}
  #resolve: (measured: Measured) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(kind: KindName) {
    const { port1, port2 } = new MessageChannel()
    this.#signals = port1
    this.#measured = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#measured.catch(() => {})
    const known = new Promise<KindFacts>((resolve) => {
      this.#resolveFacts = resolve
    })
    this.facts = Promise.race([known, this.#measured.then(() => known)])
    this.facts.catch(() => {})
    this.#thread = startThread<CalibrationCommand, CalibrationMessage>('./calibration-worker.js', {
      name: 'calibration',
      data: { kind, signals: port2 },
      transfer: [port2],
      endsByItself: true,
      onMessage: (message) => this.#receive(message),
      onFailed: (error) => this.#reject(error),
    })
  }

  /** Call it once, after `facts`. Rejects with EvtrackError when nothing could be measured. */
  measure(of: {
    readonly context: Omit<MeasurementContext<unknown>, 'preset'>
    /** The settings the camera has now; absent for a kind that needs none. */
    readonly base?: Preset
    readonly camera: LentCamera
    readonly onProgress: (progress: SessionProgress) => void
  }): Promise<Measured> {
    const { context, base, camera, onProgress } = of
    this.#camera = camera
    this.#onProgress = onProgress
    this.#thread.send({ type: 'begin', context, ...(base !== undefined && { base }) })
    return this.#measured
  }

  /** Ends it, whatever it does. Idempotent. */
  async close(): Promise<void> {
    this.#reject(new Error('the calibration was stopped'))
    this.#signals.close()
    await this.#thread.stop(0)
  }

  #receive(message: CalibrationMessage): void {
    switch (message.type) {
      case 'kind':
        this.#resolveFacts(message.facts)
        break
      case 'lend':
        this.#answer(message.id, this.#camera!.lend(message.preset, this.#signals))
        break
      case 'set':
        this.#answer(message.id, this.#camera!.set(message.preset))
        break
      case 'progress':
        this.#onProgress(message.progress)
        break
      case 'finished':
        this.#resolve(message)
        break
      case 'failed':
        this.#reject(fromWire(message.error))
        break
    }
  }

  #answer(id: number, done: Promise<void>): void {
    done.then(
      () => this.#thread.send({ type: 'done', id }),
      (error: unknown) => this.#thread.send({ type: 'done', id, error: toWire(error) }),
    )
  }
}
