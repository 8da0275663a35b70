import { AT_REST, type Stimulus } from '../davis346/emulator/stimulus.js'
import type { PixelResponse } from '../davis346/pixel-response.js'
import { createBatch, type EventBatch } from '../events/batch.js'
import { createWorld } from '../sources/emulated-world.js'
import { type WorldRequest, worldFor } from './calibration-world.js'

interface Shown {
  readonly world: Stimulus
  /** Stimulus time of the camera at which the world began. */
  readonly startUs: number
  /** The scene is seen from here on, in the world's time. */
  readonly sceneUs: number
}

const NOTHING = createBatch(0)

/**
 * What the emulated camera of a daemon sees: its scene, and while a calibration asks its user for something else, that:
 * a covered lens, a still picture, a board. The scene goes on behind it.
 */
export class EmulatedStage {
  readonly stimulus: Stimulus
  readonly #scene: Stimulus
  #shown: Shown | undefined
  #response: PixelResponse | undefined
  #reachedUs = 0

  constructor(scene: Stimulus) {
    this.#scene = scene
    this.stimulus = {
      next: (untilUs) => this.#next(untilUs),
      bias: (response) => {
        this.#response = response
        scene.bias?.(response)
        this.#shown?.world.bias?.(response)
      },
      image: (tUs, into, exposureUs) => {
        const shown = this.#shown
        if (shown === undefined) scene.image?.(tUs, into, exposureUs)
        else shown.world.image?.(Math.max(0, tUs - shown.startUs), into, exposureUs)
      },
      imu: (tUs) => (this.#shown?.world ?? scene).imu?.(tUs) ?? AT_REST,
    }
  }

  /** From now on; undefined for the scene, which is also what is seen where something is to move. */
  show(wanted: WorldRequest | undefined): void {
    this.#shown = undefined
    if (wanted === undefined || wanted.view === 'moving') return
    const startUs = this.#reachedUs
    let sceneUs = Number.POSITIVE_INFINITY
    const options = worldFor(wanted, () => ({
      next: (untilUs) => this.#sceneAfter(startUs + sceneUs, untilUs),
      // It was told already.
      bias: () => {},
    }))
    if (options.scene !== undefined) sceneUs = options.uncoverUs ?? 0
    const { stimulus: world } = createWorld(options)
    if (this.#response !== undefined) world.bias?.(this.#response)
    this.#shown = { world, startUs, sceneUs }
  }

  #next(untilUs: number): EventBatch | undefined {
    this.#reachedUs = untilUs
    if (this.#shown === undefined) return this.#scene.next(untilUs)
    const { world, startUs, sceneUs } = this.#shown
    if (untilUs - startUs <= sceneUs) while (this.#scene.next(untilUs) !== undefined);
    const batch = world.next(untilUs - startUs)
    if (batch !== undefined) batch.t0Us += startUs
    return batch
  }

  /** The scene in a time of its own that begins at `originUs`. */
  #sceneAfter(originUs: number, untilUs: number): EventBatch {
    const batch = this.#scene.next(originUs + untilUs)
    if (batch === undefined) return NOTHING
    batch.t0Us -= originUs
    return batch
  }
}
