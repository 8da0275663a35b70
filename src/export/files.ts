import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { invalidExport } from './errors.js'
import { decodeNpy, encodeNpy, type NpyArray } from './npy.js'

/** Files by their path below `dir`, folders made on the way. */
export async function writeFiles(
  dir: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    // Scripts of a bundle are run where they lie.
    const mode = /\.(sh|py)$/.test(path) ? 0o755 : 0o644
    await writeFile(join(dir, path), content, { mode })
  }
}

export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, encodeNpy(array))
}

/** @throws EvtrackError EXPORT_INVALID */
export async function readNpy(dir: string, path: string): Promise<NpyArray> {
  try {
    return decodeNpy(new Uint8Array(await readFile(join(dir, path))))
  } catch (cause) {
    throw invalidExport(dir, `${path} is no golden array: ${(cause as Error).message}`, cause)
  }
}
