import { EvtrackError } from '../events/errors.js'
import type { Changes } from './configure-command.js'
import type { Log } from './log.js'
import type { ModelStore } from './model-store.js'
import type { Config } from './schema.js'

/** Keeps what is asked for in step with what runs: a model that did not prove itself is not tried at the next start. */
export class ModelKeeper {
  readonly #store: ModelStore
  readonly #log: Log
  readonly #changes: ReadonlyMap<string, Changes>

  constructor(
    store: ModelStore,
    { log, changes }: { readonly log: Log; readonly changes: ReadonlyMap<string, Changes> },
  ) {
    this.#store = store
    this.#log = log
    this.#changes = changes
  }

  /** The first windows with `name` went well, or went wrong and the one before is in use. */
  judged(
    name: string,
    outcome: 'kept' | 'reverted',
    {
      error,
      camera,
      inUse,
    }: {
      readonly error: Error | undefined
      readonly camera: string
      /** The models that daemons go by. */
      readonly inUse: readonly string[]
    },
  ): void {
    if (outcome === 'kept') {
      this.#attempt(() => this.#store.prove(name))
      this.prune(inUse)
      return
    }
    this.#attempt(() => {
      const message = error?.message ?? 'Its first windows failed.'
      if (this.#store.active === name) this.#store.rollback({ code: 'MODEL_REVERTED', message })
      this.#changes.get(camera)?.forgetModel()
    })
  }

  /** Removes installed packages that are no longer needed, and says so. `inUse`: the models that daemons go by. */
  prune(inUse: readonly string[]): void {
    this.#attempt(() => {
      const removed = this.#store.prune(inUse).join(', ')
      if (removed !== '') this.#log.info('old model packages removed', { removed })
    })
  }

  /**
   * The daemon cannot start, go on, or change over to the models `tried`. True if an installed model is the reason and was
   * taken back, so that starting anew is worth it. One that has worked is blamed only when its package is damaged.
   */
  takeBack(error: unknown, tried: readonly string[]): boolean {
    if (!(error instanceof EvtrackError)) return false
    const damaged = error.code === 'MODEL_INVALID' || error.code === 'MODEL_UNSUPPORTED'
    return this.#attempt(() => {
      const { active, proven } = this.#store.pointer()
      if (active === null || !tried.includes(this.#store.active ?? '')) return false
      if (!damaged && (proven || error.code !== 'BACKEND_UNAVAILABLE')) return false
      const { code, message } = error
      const now = this.#store.rollback({ code, message })
      this.#log.error(`installed model taken back: ${message}`, {
        code: 'MODEL_REVERTED',
        model: active,
        reason: code,
        in_use: now ?? 'as configured',
      })
      return true
    })
  }

  /** What cannot be written must not stop what runs. */
  #attempt(action: () => unknown): boolean {
    try {
      return action() === true
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      const { code, message, next } = error
      this.#log.error(`the state of installed models is not kept: ${message}`, { code, next })
      return false
    }
  }
}

/** The models that daemons go by, as they are configured. */
export function modelsOf(all: readonly { readonly config: Config }[]): string[] {
  return all.map(({ config }) => config.model.name)
}
