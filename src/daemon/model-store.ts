import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { loadModelPackage } from '../inference/model-package.js'
import type { Layer } from './config-layers.js'
import { damagedState } from './damaged-state.js'
import { readPackageFiles } from './model-archive.js'
import { type ModelPointer, modelPointerSchema } from './model-pointer-schema.js'

/** How `evtrackd config show --origin` names it. */
export const INSTALLED_ORIGIN = 'evtrackd model install'

const DRAFT = '.new-'
/** Packages kept beside the one in use and the one before: the newest. */
const SPARE = 1
/** A draft this old was left behind by a power cut. */
const STALE_MS = 3_600_000
const NOTHING: ModelPointer = { active: null, previous: null, proven: false, reverted: null }

/**
 * Installed model packages: folders beside each other that never change, and active.json, which says which one is in
 * use. Every change is a rename, so that a power cut leaves the old state or the new one.
 */
export class ModelStore {
  readonly dir: string
  readonly #file: string

  constructor(dir: string) {
    this.dir = dir
    this.#file = join(dir, 'active.json')
  }

  /** Names of the installed packages: the package's own and the beginning of its hash. */
  names(): string[] {
    if (!existsSync(this.dir)) return []
    return readdirSync(this.dir)
      .filter((name) => this.path(name) !== undefined)
      .sort()
  }

  /** The folder of an installed package; undefined for a name that is not installed. */
  path(name: string): string | undefined {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(name)) return undefined
    const path = join(this.dir, name)
    return existsSync(join(path, 'model.json')) ? path : undefined
  }

  /** Throws CONFIG_INVALID for a file that nobody here wrote. */
  pointer(): ModelPointer {
    if (!existsSync(this.#file)) return NOTHING
    try {
      return modelPointerSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')))
    } catch (cause) {
      throw damagedState(this.#file, {
        next: 'Remove the file: the configured model is used then; `evtrackd model activate` names an installed one.',
        cause,
      })
    }
  }

  /** The folder in use; undefined while the configuration decides. */
  get active(): string | undefined {
    const { active } = this.pointer()
    return active === null ? undefined : join(this.dir, active)
  }

  /** The package in use as a layer of the configuration. */
  layers(): Layer[] {
    const name = this.active
    return name === undefined ? [] : [{ origin: INSTALLED_ORIGIN, value: { model: { name } } }]
  }

  /**
   * Takes a package in, unless something is wrong with it: files, hashes, golden run. Gives its name here. Rejects with
   * MODEL_INVALID or MODEL_UNSUPPORTED, and nothing has changed then.
   */
  async install(path: string, graph: 'int8' | 'fp32'): Promise<string> {
    const files = readPackageFiles(path)
    const draft = join(this.dir, `${DRAFT}${randomBytes(6).toString('hex')}`)
    try {
      this.#writable(() => this.#writeDraft(draft, files))
      const pkg = await loadModelPackage(draft)
      // The runtime is loaded only where a package is tried.
      const { createTrackerSession } = await import('../inference/session.js')
      const session = await createTrackerSession(pkg, { graph })
      await session.close()
      const name = `${pkg.spec.name}-${pkg.spec.sha256.slice(0, 12)}`
      const target = join(this.dir, name)
      // The same package again: the new copy is whole, which cannot be said of the old one.
      this.#writable(() => {
        if (existsSync(target)) renameSync(target, `${draft}-old`)
        renameSync(draft, target)
        syncFolder(this.dir)
      })
      return name
    } finally {
      rmSync(draft, { recursive: true, force: true })
      rmSync(`${draft}-old`, { recursive: true, force: true })
    }
  }

  /** Puts an installed package to use from the next start or reload on. Throws MODEL_INVALID for an unknown one. */
  activate(name: string): void {
    if (this.path(name) === undefined) {
      throw new EvtrackError('MODEL_INVALID', `There is no installed model package ${name}.`, {
        next: `Installed: ${this.names().join(', ') || 'none'}. \`evtrackd model install\` takes one in.`,
        data: { name },
      })
    }
    const { active } = this.pointer()
    if (active === name) return
    this.#write({ ...NOTHING, active: name, previous: active })
  }

  /**
   * Back to the package before, or to what the configuration says. Gives the name now in use, null for the latter.
   * Throws MODEL_INVALID when there is nothing to go back from.
   */
  rollback(reason?: { readonly code: string; readonly message: string }): string | null {
    const { active, previous } = this.pointer()
    if (active === null) {
      throw new EvtrackError('MODEL_INVALID', 'No installed model package is in use.', {
        next: 'The configuration says which model is used: see `evtrackd config show --origin`.',
      })
    }
    // What a package that failed came from is known to work; a later rollback must not lead to the one that failed.
    const now = previous !== null && this.path(previous) !== undefined ? previous : null
    const at = new Date().toISOString()
    const reverted = reason === undefined ? null : { name: active, at, ...reason }
    this.#write({
      active: now,
      previous: reason === undefined ? active : null,
      proven: true,
      reverted,
    })
    return now
  }

  /** The first windows with the package in this folder went well. */
  prove(path: string): void {
    const pointer = this.pointer()
    if (this.active !== path || pointer.proven) return
    this.#write({ ...pointer, proven: true })
  }

  /**
   * Removes packages that nobody needs any more: all but the one in use, the one before, those in the folders `inUse`,
   * and the newest of the others. Gives the names of the removed. Throws CONFIG_INVALID where they cannot be.
   */
  prune(inUse: readonly string[]): string[] {
    const { active, previous } = this.pointer()
    const needed = new Set([active, previous, ...inUse.map((dir) => relative(this.dir, dir))])
    const others = this.names().filter((name) => !needed.has(name))
    const age = new Map(others.map((name) => [name, statSync(join(this.dir, name)).mtimeMs]))
    const old = others.sort((a, b) => age.get(b)! - age.get(a)!).slice(SPARE)
    this.#writable(() => {
      for (const name of old) {
        // Out of sight in one step: a power cut leaves no half of a package that looks whole.
        const gone = join(this.dir, `${DRAFT}${randomBytes(6).toString('hex')}-old`)
        renameSync(join(this.dir, name), gone)
        rmSync(gone, { recursive: true, force: true })
      }
    })
    return old.sort()
  }

  #write(pointer: ModelPointer): void {
    this.#writable(() => {
      mkdirSync(this.dir, { recursive: true, mode: 0o755 })
      const draft = `${this.#file}.new`
      writeFileSync(draft, `${JSON.stringify(pointer, null, 2)}\n`, { flush: true, mode: 0o644 })
      renameSync(draft, this.#file)
      syncFolder(this.dir)
    })
  }

  #writeDraft(draft: string, files: ReadonlyMap<string, Uint8Array>): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o755 })
    this.#sweep()
    mkdirSync(draft, { mode: 0o755 })
    for (const [name, content] of files) {
      writeFileSync(join(draft, name), content, { flush: true, mode: 0o644 })
    }
    syncFolder(draft)
  }

  #sweep(): void {
    for (const name of readdirSync(this.dir)) {
      const path = join(this.dir, name)
      if (name.startsWith(DRAFT) && Date.now() - statSync(path).mtimeMs > STALE_MS) {
        rmSync(path, { recursive: true, force: true })
      }
    }
  }

  #writable(action: () => void): void {
    try {
      action()
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
      throw new EvtrackError('CONFIG_INVALID', `${this.dir} cannot be written (${code}).`, {
        next: 'Run the command as the user of the daemon (sudo -u evtrackd), and see that the disk is not full.',
        cause,
      })
    }
  }
}

/** A rename is on the disk when its folder is. */
function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
