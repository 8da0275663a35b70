import type { GuardOptions } from '../calibration/guard/schema.js'
import type { Preset } from '../davis346/schema.js'
import { CaptureGuard, type GuardState } from './capture-guard.js'

export interface CaptureCameraOptions {
  readonly preset: Preset
  /** Absent: no guard. */
  readonly guard?: GuardOptions
  /** The camera takes the preset, or the promise rejects. */
  readonly configure: (preset: Preset) => Promise<void>
  /** Events that the camera itself lost, running total. */
  readonly dropped: () => number
  /** The guard took a step. */
  readonly onGuard: (state: GuardState) => void
  /** For the guard, see CaptureGuardOptions. */
  readonly often?: (tick: () => void) => () => void
}

/**
 * Who says how the camera is set, in the capture thread: the configuration, the event-rate guard on top of it, or for a
 * while a calibration, during which the other two wait. It knows what the camera is to go back to, so that going back
 * depends on nobody else.
 */
export class CaptureCamera {
  readonly #parts: CaptureCameraOptions
  #preset: Preset
  #guard: CaptureGuard | undefined
  #lent = false

  constructor(parts: CaptureCameraOptions) {
    this.#parts = parts
    this.#preset = parts.preset
    this.#guard = this.#newGuard(parts.guard)
  }

  /** Undefined while it is off. */
  get guard(): CaptureGuard | undefined {
    return this.#guard
  }

  /** Another preset is configured; while a calibration has the camera it waits. */
  async configure(preset: Preset): Promise<void> {
    this.#preset = preset
    if (!this.#lent) await this.#restore()
  }

  /** The guard begins anew with these options, or is off and what it did undone. */
  async setGuard(options: GuardOptions | undefined): Promise<void> {
    this.#guard?.close()
    this.#guard = this.#newGuard(options)
    if (this.#lent) void this.#guard?.pause()
    else await this.#restore()
  }

  /** A calibration has the camera from now on. Rejects when the camera did not take the preset, and is given back then. */
  async lend(preset: Preset): Promise<void> {
    this.#lent = true
    try {
      await this.#guard?.pause()
      await this.#parts.configure(preset)
    } catch (error) {
      await this.giveBack().catch(() => {})
      throw error
    }
  }

  /** What the calibration wants now. */
  async set(preset: Preset): Promise<void> {
    if (this.#lent) await this.#parts.configure(preset)
  }

  /** The camera gets back what is configured now. Rejects when it is gone: it gets it when it is back. */
  async giveBack(): Promise<void> {
    if (!this.#lent) return
    this.#lent = false
    this.#guard?.resume()
    await this.#restore()
  }

  close(): void {
    this.#guard?.close()
  }

  #restore(): Promise<void> {
    return (this.#guard ?? this.#parts).configure(this.#preset)
  }

  #newGuard(options: GuardOptions | undefined): CaptureGuard | undefined {
    if (options === undefined) return undefined
    const { configure, dropped, onGuard, often } = this.#parts
    const preset = this.#preset
    const more = often === undefined ? {} : { often }
    return new CaptureGuard({ options, preset, configure, dropped, onStep: onGuard, ...more })
  }
}
