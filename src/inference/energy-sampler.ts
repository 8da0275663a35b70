import type { EnergyMeter } from './energy-meter.js'
import type { ModelEnergy } from './schema.js'
import { microjoules } from './spike-energy.js'
import type { TemplateState, TrackerSession } from './tracker-session.js'

/** Part of the time that may be spent on measuring. */
const SHARE = 0.01
/** Samples that the running figure is the mean of. */
const RECENT = 64

/** Microjoules of one search, from the spikes of sampled ones. */
export interface MeasuredEnergy {
  readonly microjoules: number
  /** Searches measured since the start. */
  readonly samples: number
}

/**
 * Measures the energy of the network while it tracks. Now and then it keeps the crop and template of a search, and when
 * nobody waits for the thread it runs them again on a graph that shows its spikes. After a measurement that took so long,
 * it rests a hundred times as long, so that on any machine it takes at most a hundredth of the time.
 */
export class EnergySampler {
  readonly #meter: EnergyMeter
  readonly #prices: ModelEnergy
  readonly #nowMs: () => number
  readonly #recent = new Float64Array(RECENT)
  #samples = 0
  #nextMs = -Infinity
  #turn = 0
  #kept: { readonly crop: Uint8Array; readonly template: TemplateState } | undefined
  #broken = false

  constructor(options: {
    readonly meter: EnergyMeter
    readonly prices: ModelEnergy
    readonly nowMs?: () => number
  }) {
    this.#meter = options.meter
    this.#prices = options.prices
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /** The same session, looked over the shoulder. Closing it closes the session only. */
  watch(session: TrackerSession): TrackerSession {
    return {
      spec: session.spec,
      template: (crop) => session.template(crop),
      search: async (crops, templates) => {
        const maps = await session.search(crops, templates)
        this.#keep(crops, templates)
        return maps
      },
      close: () => session.close(),
    }
  }

  #keep(crops: Uint8Array, templates: readonly TemplateState[]): void {
    if (templates.length === 0 || this.#kept !== undefined || this.#broken) return
    if (this.#nowMs() < this.#nextMs) return
    // Every target of a batch has its turn.
    const index = this.#turn++ % templates.length
    const bytes = crops.length / templates.length
    const crop = crops.slice(index * bytes, (index + 1) * bytes)
    this.#kept = { crop, template: templates[index]! }
  }

  /** Measures the search that was kept, if there is one; true if there was. To be called when nothing else is to do. */
  async sample(): Promise<boolean> {
    const kept = this.#kept
    if (kept === undefined) return false
    this.#kept = undefined
    const beganMs = this.#nowMs()
    try {
      const layers = await this.#meter.search(kept.crop, kept.template)
      this.#recent[this.#samples++ % RECENT] = microjoules(layers, this.#prices)
    } catch {
      // Tracking goes on without the figure; whatever is wrong with the backend shows in tracking itself.
      this.#broken = true
    }
    const endedMs = this.#nowMs()
    this.#nextMs = endedMs + (endedMs - beganMs) / SHARE
    return true
  }

  /** Undefined before the first measurement, and once one has failed. */
  measured(): MeasuredEnergy | undefined {
    if (this.#samples === 0 || this.#broken) return undefined
    const count = Math.min(this.#samples, RECENT)
    const sum = this.#recent.subarray(0, count).reduce((a, b) => a + b, 0)
    return { microjoules: sum / count, samples: this.#samples }
  }

  close(): Promise<void> {
    return this.#meter.close()
  }
}
