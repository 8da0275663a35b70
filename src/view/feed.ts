import type { Clock } from '../events/time.js'
import type { Frame } from '../pipeline/frame.js'
import type { Track } from '../tracking/track.js'
import { packedBytesMax, packPixels } from './pixels.js'

/** One window and what was tracked in it. */
export interface TrackedWindow {
  readonly frame: Frame
  readonly tracks: readonly Track[]
}

/** A window ready to be sent; shared by all who look. */
export interface PackedWindow extends TrackedWindow {
  readonly pixels: Buffer
}

/**
 * Hands the newest window to whoever asks. Nothing is fetched, copied or packed unless somebody waits; all who wait get
 * the same window, so a second viewer costs no second copy.
 */
export class WindowFeed {
  readonly #pull: () => Promise<TrackedWindow>
  readonly #clock: Clock
  readonly #periodUs: number
  #scratch = new Uint8Array(0)
  #dueUs = 0
  #coming: Promise<PackedWindow | undefined> | undefined
  /** Windows fetched since the start. */
  fetched = 0

  constructor(options: {
    /** The next window; rejects when none comes. */
    readonly pull: () => Promise<TrackedWindow>
    readonly framesPerSecond: number
    readonly clock: Clock
  }) {
    this.#pull = options.pull
    this.#clock = options.clock
    this.#periodUs = 1e6 / options.framesPerSecond
  }

  /** The next window; undefined when none came. Never rejects. */
  next(): Promise<PackedWindow | undefined> {
    this.#coming ??= this.#fetch().finally(() => {
      this.#coming = undefined
    })
    return this.#coming
  }

  async #fetch(): Promise<PackedWindow | undefined> {
    const waitUs = this.#dueUs - this.#clock.nowUs()
    if (waitUs > 0) await this.#clock.sleep(waitUs / 1000)
    // Counted from when it was due, so that the wait for a window does not slow the rate; never to catch up.
    const now = this.#clock.nowUs()
    this.#dueUs = Math.max(this.#dueUs + this.#periodUs, now)
    try {
      const { frame, tracks } = await this.#pull()
      this.fetched++
      return { frame, tracks, pixels: this.#pack(frame) }
    } catch {
      return undefined
    }
  }

  #pack(frame: Frame): Buffer {
    const bytes = packedBytesMax(frame.width * frame.height)
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes)
    const used = packPixels(frame, this.#scratch)
    return Buffer.from(this.#scratch.subarray(0, used))
  }
}
