import { systemClock } from '../events/time.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import type { InfoPayload } from '../publish/schema.js'
import { energyOf } from './energy-of.js'
import type { DaemonFacts } from './facts.js'
import type { Log } from './log.js'
import { modelDir } from './models.js'
import type { Config } from './schema.js'
import { aggregationFor } from './tracker-config.js'

export type ModelChange = NonNullable<InfoPayload['model_change']>

interface InUse {
  readonly pkg: ModelPackage
  /** As it was configured: a name or a folder. */
  readonly name: string
}

/** The main thread's side of changing the network: which package is in use, and which one is gone back to. */
export class ModelDesk {
  readonly #switchModel: (pkg: ModelPackage) => Promise<void>
  readonly #facts: DaemonFacts
  readonly #log: Log
  #now: InUse | undefined
  #before: InUse | undefined
  #change: ModelChange | undefined

  /** `pkg`: the package that the daemon began with; none for a tracker without a network. */
  constructor(options: {
    readonly pkg: ModelPackage | undefined
    readonly name: string
    readonly switchModel: (pkg: ModelPackage) => Promise<void>
    readonly facts: DaemonFacts
    readonly log: Log
  }) {
    const { pkg, name, switchModel, facts, log } = options
    this.#now = pkg && { pkg, name }
    this.#switchModel = switchModel
    this.#facts = facts
    this.#log = log
  }

  get pkg(): ModelPackage | undefined {
    return this.#now?.pkg
  }

  /** The last change, as it is published. */
  get change(): ModelChange | undefined {
    return this.#change
  }

  /**
   * Changes over to the package of a configuration, if it is another one. `commit` runs when the package is in use; if it
   * throws, the one before is put back. Rejects with MODEL_INVALID, MODEL_UNSUPPORTED or BACKEND_UNAVAILABLE.
   */
  async take(config: Config, commit: () => void): Promise<void> {
    const now = this.#now
    const { name } = config.model
    if (now === undefined || name === now.name) return commit()
    const pkg = await loadModelPackage(modelDir(name))
    const same = pkg.spec.sha256 === now.pkg.spec.sha256
    const started = performance.now()
    if (!same) await this.#switchModel(pkg)
    // A trial may have ended meanwhile.
    const before = this.#now!
    try {
      commit()
    } catch (error) {
      if (!same) await this.#switchModel(before.pkg)
      throw error
    }
    this.#now = { pkg, name }
    if (same) return
    // Of two changes within one trial, the first one's package is the one that is known to work.
    if (this.#change?.outcome !== 'trial') this.#before = before
    this.#facts.changeEnergy(energyOf(pkg))
    this.#change = this.#describe('trial')
    for (const line of aggregationFor(config, pkg).differences) {
      this.#log.warning(`aggregation: ${line}`)
    }
    this.#log.info('model changed, golden vectors match, appearances are taken anew', {
      from: before.pkg.spec.name,
      to: pkg.spec.name,
      sha256: pkg.spec.sha256.slice(0, 12),
      ms: Math.round(performance.now() - started),
    })
  }

  /**
   * The inference thread has judged the package in use. Gives the name it was configured by, and the one in use now;
   * undefined when there is nothing to say.
   */
  judged(
    outcome: 'kept' | 'reverted',
    error: Error | undefined,
  ): { readonly judged: string; readonly inUse: string } | undefined {
    const now = this.#now
    if (now === undefined) return undefined
    const before = this.#before
    if (outcome === 'kept' || before === undefined) {
      if (this.#change !== undefined) this.#change = this.#describe('kept')
      this.#before = undefined
      return { judged: now.name, inUse: now.name }
    }
    const message = error?.message ?? 'Its first windows failed.'
    this.#change = { ...this.#describe('reverted'), code: 'MODEL_REVERTED', message }
    this.#log.error(message, { code: 'MODEL_REVERTED', in_use: before.pkg.spec.name })
    this.#now = before
    this.#before = undefined
    this.#facts.changeEnergy(energyOf(before.pkg))
    return { judged: now.name, inUse: before.name }
  }

  #describe(outcome: ModelChange['outcome']): ModelChange {
    const { spec } = this.#now!.pkg
    const from = this.#before?.pkg.spec.name ?? this.#change?.from ?? spec.name
    return { outcome, from, to: spec.name, sha256: spec.sha256, at: systemClock.wallUs() }
  }
}
