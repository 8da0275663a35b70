import { setImmediate as nextTurn } from 'node:timers/promises'
import { createCounters } from '../events/counters.js'
import type { Clock } from '../events/time.js'
import { createPacer } from './pacer.js'
import type { Scene } from './scene/scene.js'
import type { Source, SourceInfo, SourceSink } from './source.js'

export interface SceneSourceOptions {
  readonly scene: Scene
  /** `real`: one second of the scene a second of `clock`; `fast`: as fast as the sink takes it. */
  readonly pace: 'real' | 'fast'
  readonly clock: Clock
  /** Ends after this much of the scene; without it the source never ends. */
  readonly durationUs?: number
  /** APS pictures a second, 0 (none) where not given. */
  readonly imagesPerSecond?: number
}

/** A scene as a source. Device time is the scene's time. run() again goes on where the last run ended. */
export interface SceneSource extends Source {
  /** For ground truth: `scene.truth(tUs)` at the time of any result. */
  readonly scene: Scene
}

/** The grid on which events are handed over and silence is reported: a window closes at most this late. */
const SLICE_US = 1000

/** Slices between two turns of the event loop at full speed. */
const SLICES_PER_TURN = 8

export function createSceneSource(options: SceneSourceOptions): SceneSource {
  return new SimulatedCamera(options)
}

class SimulatedCamera implements SceneSource {
  readonly info: SourceInfo
  readonly scene: Scene
  readonly #options: SceneSourceOptions
  readonly #counters = createCounters(['events', 'images', 'dropped', 'lateUs'])
  readonly #closing = new AbortController()
  #reachedUs = 0

  constructor(options: SceneSourceOptions) {
    this.#options = options
    this.scene = options.scene
    this.info = { kind: 'scene', size: options.scene.size, name: options.scene.name }
  }

  /** `lateUs` is how far the simulation is behind real time: it grows when a scene is too much for the machine. */
  counters(): Record<string, number> {
    const { values, index } = this.#counters
    values[index.dropped] = this.scene.dropped()
    return this.#counters.snapshot()
  }

  async run(sink: SourceSink, signal: AbortSignal): Promise<'end' | 'aborted'> {
    const stop = AbortSignal.any([signal, this.#closing.signal])
    const { clock, durationUs, pace } = this.#options
    const pacer = createPacer(this.#options)
    const endUs = durationUs === undefined ? Infinity : this.#reachedUs + durationUs
    const hostStartUs = clock.nowUs() - this.#reachedUs
    try {
      stop.throwIfAborted()
      await pacer.until(this.#reachedUs, stop)
      for (let slices = 1; this.#reachedUs < endUs; slices++) {
        const untilUs = Math.min(endUs, this.#reachedUs + SLICE_US)
        await pacer.until(untilUs, stop)
        await this.#deliver(sink, untilUs)
        if (pace === 'real') this.#lateness(clock.nowUs() - hostStartUs - untilUs)
        if (pace === 'real' || slices % SLICES_PER_TURN === 0) await nextTurn()
        stop.throwIfAborted()
      }
    } catch (error) {
      if (stop.aborted && error === stop.reason) return 'aborted'
      throw error
    }
    return 'end'
  }

  async #deliver(sink: SourceSink, untilUs: number): Promise<void> {
    const { clock } = this.#options
    const { values, index } = this.#counters
    for (;;) {
      const batch = this.scene.next(untilUs)
      if (batch.length === 0) break
      batch.hostUs = clock.nowUs()
      values[index.events]! += batch.length
      const busy = sink.events(batch)
      if (busy !== undefined) await busy
    }
    this.#photograph(sink, untilUs)
    this.#reachedUs = untilUs
    sink.time(untilUs, clock.nowUs())
  }

  /** A picture for each whole picture interval that this slice completes. */
  #photograph(sink: SourceSink, untilUs: number): void {
    const perSecond = this.#options.imagesPerSecond ?? 0
    const due = Math.floor(untilUs * 1e-6 * perSecond)
    if (perSecond <= 0 || due === Math.floor(this.#reachedUs * 1e-6 * perSecond)) return
    if (sink.image === undefined) return
    this.#counters.values[this.#counters.index.images]!++
    sink.image({
      ...this.info.size,
      x: 0,
      y: 0,
      pixels: this.scene.image(),
      channels: 1,
      tUs: untilUs,
      startOfFrameUs: untilUs,
      endOfFrameUs: untilUs,
      startOfExposureUs: untilUs,
      endOfExposureUs: untilUs,
    })
  }

  #lateness(lateUs: number): void {
    this.#counters.values[this.#counters.index.lateUs] = Math.max(0, lateUs)
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }
}
