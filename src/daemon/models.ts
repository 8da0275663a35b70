import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { nearest } from './config-keys.js'
import { PACKAGE_ROOT } from './version.js'

/** Where model packages are looked for by name. */
export const MODELS_DIR = join(PACKAGE_ROOT, 'models')

export function modelNames(): string[] {
  if (!existsSync(MODELS_DIR)) return []
  return readdirSync(MODELS_DIR, { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && existsSync(join(MODELS_DIR, entry.name, 'model.json')),
    )
    .map((entry) => entry.name)
    .sort()
}

/** The folder of a package given by name or path. Throws MODEL_INVALID naming the packages there are. */
export function modelDir(nameOrPath: string): string {
  const named = join(MODELS_DIR, nameOrPath)
  if (/^[\w.-]+$/.test(nameOrPath) && existsSync(join(named, 'model.json'))) return named
  if (existsSync(join(nameOrPath, 'model.json'))) return resolve(nameOrPath)
  const names = modelNames()
  const near = nearest(nameOrPath, names)
  throw new EvtrackError('MODEL_INVALID', `There is no model package ${nameOrPath}.`, {
    next: `Name one of ${names.join(', ') || '(none installed)'}${near === undefined ? '' : `; did you mean ${near}?`}, or give the path of a folder with a model.json.`,
    data: { name: nameOrPath },
  })
}
