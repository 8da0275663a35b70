import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package in the repository (compiled tests live in dist/test). */
export const PACKAGE_DIR = fileURLToPath(new URL('../../../models/evt-compact', import.meta.url))

/** A copy of the package in a folder of its own, to be damaged. */
export function copyPackage(): string {
  const dir = join(mkdtempSync(join(tmpdir(), 'evtrackd-model-')), 'copy')
  cpSync(PACKAGE_DIR, dir, { recursive: true })
  return dir
}

// biome-ignore lint/suspicious/noExplicitAny: tests reach into any part of the file to damage it
type Json = any

export function editManifest(dir: string, edit: (manifest: Json) => void): void {
  const path = join(dir, 'model.json')
  const manifest: Json = JSON.parse(readFileSync(path, 'utf8'))
  edit(manifest)
  writeFileSync(path, JSON.stringify(manifest))
}

/** Replaces a file and makes its entry in model.json true again. */
export function replaceFile(dir: string, name: string, content: Uint8Array): void {
  writeFileSync(join(dir, name), content)
  editManifest(dir, (manifest) => {
    const sha256 = createHash('sha256').update(content).digest('hex')
    manifest.files[name] = { sha256, bytes: content.length }
  })
}

/** Deterministic bytes, mostly zero like crops of events. */
export function noiseCrops(seed: number, bytes: number): Uint8Array {
  const crops = new Uint8Array(bytes)
  let state = seed * 2654435761 + 1
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    crops[i] = state >>> 30 === 0 ? (state >>> 16) & 255 : 0
  }
  return crops
}

/** Edits network.json and makes its entry in model.json true again. */
export function editNetwork(dir: string, edit: (network: Json) => void): void {
  const network: Json = JSON.parse(readFileSync(join(dir, 'network.json'), 'utf8'))
  edit(network)
  replaceFile(dir, 'network.json', new TextEncoder().encode(JSON.stringify(network)))
}
