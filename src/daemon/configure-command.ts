import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import type { ConfigureRequest } from '../publish/request-schema.js'
import { camelKey, mapKeys } from './config-keys.js'
import { KEPT_ORIGIN, type Layer, readKept } from './config-layers.js'
import { mergeConfig } from './load-config.js'

const NOW_ORIGIN = 'camera/configure'

/** What `camera/configure` has changed for one camera: what is kept over restarts, and what is not. */
export class Changes {
  readonly #file: string
  #kept: unknown
  #now: unknown = {}

  constructor(file: string) {
    this.#file = file
    this.#kept = readKept(file)[0]?.value ?? {}
  }

  layers(): Layer[] {
    return layersOf(this.#kept, this.#now)
  }

  /**
   * The layers as they would be after the request, and how to make it so. `commit` throws CONFIG_INVALID where a change
   * that should be kept cannot be written, and changes nothing then.
   */
  plan(request: ConfigureRequest): { layers: Layer[]; commit: () => void } {
    const { persist = false, reset = false, ...keys } = request
    const change = mapKeys(keys, camelKey)
    const kept = mergeConfig(reset ? {} : this.#kept, persist ? change : {})
    const now = mergeConfig(reset ? {} : this.#now, change)
    return {
      layers: layersOf(kept, now),
      commit: () => {
        if (persist || reset) this.#write(kept)
        this.#kept = kept
        this.#now = now
      },
    }
  }

  /** Takes back a model that did not prove itself. Throws CONFIG_INVALID where that cannot be written. */
  forgetModel(): void {
    const kept = withoutModel(this.#kept)
    if (kept !== this.#kept) this.#write(kept)
    this.#kept = kept
    this.#now = withoutModel(this.#now)
  }

  #write(kept: unknown): void {
    try {
      if (isEmpty(kept)) {
        rmSync(this.#file, { force: true })
        return
      }
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o750 })
      // A power cut leaves the old file or the new one.
      const draft = `${this.#file}.new`
      writeFileSync(draft, `${JSON.stringify(kept, null, 2)}\n`, { flush: true })
      renameSync(draft, this.#file)
    } catch (cause) {
      throw new EvtrackError('CONFIG_INVALID', `${this.#file} cannot be written.`, {
        next: 'Make the state directory writable, or leave persist out.',
        cause,
      })
    }
  }
}

function layersOf(kept: unknown, now: unknown): Layer[] {
  return [
    ...(isEmpty(kept) ? [] : [{ origin: KEPT_ORIGIN, value: kept }]),
    ...(isEmpty(now) ? [] : [{ origin: NOW_ORIGIN, value: now }]),
  ]
}

function withoutModel(changes: unknown): unknown {
  const { model, ...rest } = changes as { model?: unknown }
  return model === undefined ? changes : rest
}

function isEmpty(value: unknown): boolean {
  return Object.keys(value as object).length === 0
}
