import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeIssue } from '../inference/read-network.js'
import { invalidExport } from './errors.js'
import { manifestSchema } from './manifest-schema.js'
import type { Manifest } from './target.js'
import { MANIFEST_FILE } from './write-folder.js'

/**
 * The manifest of an exported folder, with every file it lists verified.
 * @throws EvtrackError EXPORT_INVALID naming the file.
 */
export async function readManifest(dir: string): Promise<Manifest> {
  const parsed = manifestSchema.safeParse(parseJson(dir, await readPart(dir, MANIFEST_FILE)))
  if (!parsed.success) throw invalidExport(dir, `${MANIFEST_FILE}: ${describeIssue(parsed.error)}`)
  const manifest: Manifest = parsed.data
  for (const [path, expected] of Object.entries(manifest.files)) {
    const sha256 = createHash('sha256')
      .update(await readPart(dir, path))
      .digest('hex')
    if (sha256 === expected.sha256) continue
    throw invalidExport(dir, `${path} has sha256 ${sha256}, expected ${expected.sha256}`)
  }
  return manifest
}

async function readPart(dir: string, path: string): Promise<Buffer> {
  try {
    return await readFile(join(dir, path))
  } catch (cause) {
    throw invalidExport(dir, `${path} cannot be read`, cause)
  }
}

function parseJson(dir: string, content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'))
  } catch (cause) {
    throw invalidExport(dir, `${MANIFEST_FILE} is not JSON`, cause)
  }
}
