import { EvtrackError } from '../events/errors.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { NetworkManager } from '../tracking/manager.js'
import type { ModelReport } from './messages.js'
import { ModelTrial, Pace, type WindowCost } from './model-trial.js'
import type { OpenModel } from './open-model.js'
import { toWire } from './threads.js'

interface Trial {
  readonly id: number
  readonly judge: ModelTrial
  /** What to go back to; none for the network that the thread began with. */
  readonly before: OpenModel | undefined
}

export interface ModelSwitchParts {
  readonly manager: NetworkManager
  readonly model: OpenModel
  /** Runs the golden vectors and opens, without keeping the caller's thread from tracking longer than it must. */
  readonly open: (pkg: ModelPackage) => Promise<OpenModel>
  readonly report: (report: ModelReport) => void
}

/**
 * Changes the network of the inference thread between two windows. The one before stays open until the first windows
 * have shown that the new one answers and keeps up; if it does not, the one before is back with the next window.
 */
export class ModelSwitch {
  readonly #parts: ModelSwitchParts
  #pace = new Pace()
  #model: OpenModel
  #next: { readonly id: number; readonly model: OpenModel } | undefined
  #trial: Trial | undefined
  #closed = false

  constructor(parts: ModelSwitchParts) {
    this.#parts = parts
    this.#model = parts.model
    this.#trial = { id: 0, judge: new ModelTrial(undefined), before: undefined }
  }

  get model(): OpenModel {
    return this.#model
  }

  /** Makes a package ready for the next turn; the network in use works on. One after another. */
  async prepare(id: number, pkg: ModelPackage): Promise<void> {
    try {
      const model = await this.#parts.open(pkg)
      if (this.#closed) await model.close()
      else this.#next = { id, model }
    } catch (error) {
      this.#report({ id, outcome: 'refused', error: toWire(error) })
    }
  }

  /** Between two windows. */
  async turn(): Promise<void> {
    const next = this.#next
    if (next === undefined) return
    this.#next = undefined
    const { id, model } = next
    // One that is on trial itself is nothing to go back to.
    const unproven = this.#trial?.before === undefined ? undefined : this.#model
    const before = this.#trial?.before ?? this.#model
    this.#model = model
    this.#trial = { id, judge: new ModelTrial(this.#pace), before }
    const events = this.#parts.manager.adopt(model.session)
    this.#report({ id, outcome: 'switched', events })
    await unproven?.close()
  }

  /** After each window. */
  async stepped(cost: WindowCost): Promise<void> {
    const trial = this.#trial
    if (trial?.before === undefined) this.#pace.add(cost)
    if (trial === undefined) return
    const verdict = trial.judge.step(cost)
    if (verdict === 'passed') {
      this.#trial = undefined
      if (trial.before !== undefined) this.#pace = trial.judge.pace
      this.#report({ id: trial.id, outcome: 'kept' })
      await trial.before?.close()
    } else if (verdict === 'failed') {
      const { lost, searchMs } = trial.judge.pace
      const pace = `${searchMs.toFixed(1)} ms a search, ${this.#pace.searchMs.toFixed(1)} ms before`
      const percent = Math.round(100 * lost)
      await this.#revert(
        trial,
        `it is too slow here: ${pace}; ${percent} % of its windows were lost`,
      )
    }
  }

  /** A window has failed. True if the network before is back and tracking can go on. */
  async failed(error: unknown): Promise<boolean> {
    const trial = this.#trial
    if (trial?.before === undefined) return false
    const why = error instanceof Error ? error.message : String(error)
    await this.#revert(trial, `inference has failed: ${why}`, error)
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#model.close()
    await this.#trial?.before?.close()
    await this.#next?.model.close()
  }

  async #revert({ id, before }: Trial, why: string, cause?: unknown): Promise<void> {
    if (before === undefined) return
    const failed = this.#model
    this.#model = before
    this.#trial = undefined
    const events = this.#parts.manager.adopt(before.session)
    const { name } = failed.session.spec
    const error = new EvtrackError('MODEL_REVERTED', `Model ${name} was taken back: ${why}.`, {
      next: 'The model before is in use again. Try the new one with `evtrackd track --model` and `evtrackd bench` on this machine.',
      cause,
    })
    this.#report({ id, outcome: 'reverted', events, error: toWire(error) })
    await failed.close()
  }

  #report(report: Omit<ModelReport, 'type' | 'events'> & Partial<Pick<ModelReport, 'events'>>) {
    this.#parts.report({ type: 'model', events: [], ...report })
  }
}
