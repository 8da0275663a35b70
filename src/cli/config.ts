import { stringify } from 'smol-toml'
import { mapKeys, snakeKey } from '../daemon/config-keys.js'
import { loadConfig } from '../daemon/load-config.js'
import { configFileSchema } from '../daemon/schema.js'
import { print, printJson } from './output.js'

export function check(file: string, options: { json?: boolean }): void {
  loadConfig(file)
  if (options.json) printJson({ valid: true, file })
  else print(`${file} is valid.`)
}

export function show(file: string | undefined, options: { json?: boolean }): void {
  // Through JSON: absent optional keys must be absent, not undefined.
  const plain = JSON.parse(JSON.stringify(mapKeys(loadConfig(file), snakeKey))) as Record<
    string,
    unknown
  >
  if (options.json) printJson(plain)
  else print(stringify(plain).trimEnd())
}

export function schema(): void {
  printJson(configFileSchema())
}
