import type { MessagePort } from 'node:worker_threads'
import type { Preset } from '../davis346/schema.js'
import type { SourceSink, SourceState } from '../sources/source.js'
import { CalibrationFeed } from './calibration-feed.js'
import type { WorldRequest } from './calibration-world.js'
import type { CaptureCamera } from './capture-camera.js'

/** The capture thread's part in a calibration: the camera is lent, and what it sends is copied meanwhile. */
export class CaptureLoan {
  readonly #camera: CaptureCamera | undefined
  readonly #show: ((wanted: WorldRequest | undefined) => void) | undefined
  #feed: CalibrationFeed | undefined

  /** Without a camera there is only what the source sends. `show`: to an emulated camera, see OpenedSource. */
  constructor(
    camera: CaptureCamera | undefined,
    show?: (wanted: WorldRequest | undefined) => void,
  ) {
    this.#camera = camera
    this.#show = show
  }

  /** Where the source's signals go, too; undefined while nothing is calibrated. */
  get sink(): SourceSink | undefined {
    return this.#feed?.sink
  }

  /** `state`: of the camera now. Rejects when it did not take the preset, and has its own back then. */
  async lend(
    preset: Preset,
    to: { signals: MessagePort; state?: SourceState; show?: WorldRequest },
  ): Promise<void> {
    await this.giveBack()
    // What the camera sent with its old settings is no part of it.
    await this.#camera?.lend(preset)
    // An emulated user begins when the measurement does: one that waits for a while takes its time from there.
    this.#show?.(to.show)
    this.#feed = new CalibrationFeed(to.signals, to.state)
  }

  async set(preset: Preset): Promise<void> {
    await this.#camera?.set(preset)
  }

  /** Gives what the calibration did not get. Rejects when the camera is gone: it gets its settings when it is back. */
  async giveBack(): Promise<CalibrationFeed['lost'] | undefined> {
    const lost = this.#feed?.lost
    this.close()
    this.#show?.(undefined)
    await this.#camera?.giveBack()
    return lost
  }

  /** Nothing more is copied. Idempotent. */
  close(): void {
    this.#feed?.close()
    this.#feed = undefined
  }
}
