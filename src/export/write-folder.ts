import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { cannotWrite } from './errors.js'
import type { ExportNetwork, ExportOptions, ExportTarget, Manifest } from './target.js'

export const MANIFEST_FILE = 'manifest.json'

/**
 * Exports into DIR. Everything is written into a folder beside it, which takes its name at the end: after a failure
 * nothing half-written is left, and an export that was there before is still the old one.
 * @throws EvtrackError CONFIG_INVALID where DIR holds something that is no export, or cannot be written; and what the
 * target throws.
 */
export async function exportTo(
  target: ExportTarget,
  network: ExportNetwork,
  { dir, ...options }: ExportOptions & { readonly dir: string },
): Promise<Manifest> {
  const out = resolve(dir)
  const replaces = await isReplaceable(out)
  const temporary = await folderBeside(out)
  try {
    const body = await target.write(network, temporary, options)
    const { name, sha256 } = network.pkg.spec
    const manifest: Manifest = {
      format: 'evtrackd-export',
      version: 1,
      target: target.name,
      model: { name, sha256 },
      ...body,
      files: await hashesOf(temporary),
    }
    await writeFile(join(temporary, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
    // A temporary folder is its owner's alone; an export is for whoever may read here.
    await chmod(temporary, 0o755)
    if (replaces) await replace(out, temporary)
    else await rename(temporary, out)
    return manifest
  } catch (error) {
    throw asUnwritable(dir, error)
  } finally {
    // Gone already where it took its place; never half of it where it did not.
    await rm(temporary, { recursive: true, force: true })
  }
}

async function folderBeside(out: string): Promise<string> {
  try {
    await mkdir(dirname(out), { recursive: true })
    return await mkdtemp(join(dirname(out), `.${basename(out)}-`))
  } catch (error) {
    throw asUnwritable(out, error)
  }
}

/** What the system says of a file is the user's to mend; everything else stays what it is. */
function asUnwritable(dir: string, error: unknown): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException
  return syscall === undefined ? error : cannotWrite(dir, message, error)
}

/** The old export steps aside first and is deleted last, so that one of the two is always whole. */
async function replace(out: string, temporary: string): Promise<void> {
  const aside = `${temporary}-old`
  await rename(out, aside)
  try {
    await rename(temporary, out)
  } catch (error) {
    await rename(aside, out)
    throw error
  }
  await rm(aside, { recursive: true, force: true })
}

/** Whether DIR exists and may be replaced: it is empty, or an earlier export. */
async function isReplaceable(dir: string): Promise<boolean> {
  let names: string[]
  try {
    names = await readdir(dir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new EvtrackError('CONFIG_INVALID', `${dir} is no folder that can be written.`, {
      next: 'Name a folder that does not exist yet with --out.',
      cause: error,
    })
  }
  if (names.length === 0 || names.includes(MANIFEST_FILE)) return true
  throw new EvtrackError('CONFIG_INVALID', `${dir} holds files that are no export.`, {
    next: 'Name an empty folder, an earlier export or a new folder with --out.',
    data: { dir },
  })
}

/** Size and hash of every file below `dir` but the manifest, by path with '/'. */
export async function hashesOf(dir: string): Promise<Manifest['files']> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== MANIFEST_FILE)
    .sort()
  const files: Record<string, { sha256: string; bytes: number }> = {}
  for (const path of paths) {
    const content = await readFile(join(dir, path))
    const sha256 = createHash('sha256').update(content).digest('hex')
    files[path] = { sha256, bytes: content.length }
  }
  return files
}
