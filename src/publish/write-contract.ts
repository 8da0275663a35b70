import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { asyncApi } from './asyncapi.js'
import { jsonSchemas } from './json-schema.js'

/** The generated files of the contract by name; committed under docs/mqtt/. */
export function contractFiles(): Readonly<Record<string, string>> {
  const schemas = Object.entries(jsonSchemas()).map(([name, schema]) => [
    `${name}.schema.json`,
    toText(schema),
  ])
  return { 'asyncapi.json': toText(asyncApi()), ...Object.fromEntries(schemas) }
}

export function writeContract(dir: string): void {
  mkdirSync(dir, { recursive: true })
  for (const [name, text] of Object.entries(contractFiles())) writeFileSync(join(dir, name), text)
}

function toText(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeContract(process.argv[2] ?? 'docs/mqtt')
}
