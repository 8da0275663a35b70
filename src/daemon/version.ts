import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The project's root: where package.json, models/ and firmware-config/ lie, from sources compiled into dist/. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const manifest = JSON.parse(readFileSync(`${PACKAGE_ROOT}package.json`, 'utf8')) as {
  version: string
}
export const VERSION = manifest.version
