import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

// Compiled, this file is dist/test/usb-shim/build.js; the C sources stay where they are.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const SOURCES = join(ROOT, 'test/usb-shim')
const CACHE = join(ROOT, 'dist/usb-shim')
const UNITS = ['wire.c', 'usbfs.c', 'sysfs.c', 'udev.c']
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared']

export type ShimBuild =
  | { readonly path: string }
  /** Why the shim cannot be used here. */
  | { readonly unavailable: string }

/** Compiles the shim with gcc, once for each state of its sources. A source that does not compile is an error. */
export async function buildShim(): Promise<ShimBuild> {
  if (process.platform !== 'linux') return { unavailable: 'the USB shim needs Linux' }
  const compiler = await run('gcc', ['-dumpfullversion', '-dumpmachine']).catch(() => undefined)
  if (!compiler) return { unavailable: 'the USB shim needs gcc' }
  const hash = createHash('sha256').update(compiler.stdout).update(FLAGS.join())
  for (const name of ['shim.h', ...UNITS]) hash.update(await readFile(join(SOURCES, name)))
  const path = join(CACHE, `usbshim-${hash.digest('hex').slice(0, 16)}.so`)
  if (existsSync(path)) return { path }
  await mkdir(CACHE, { recursive: true })
  // Tests run side by side: each compiles into its own file and the last rename wins.
  const draft = `${path}.${process.pid}`
  await run('gcc', [...FLAGS, '-o', draft, ...UNITS.map((unit) => join(SOURCES, unit)), '-pthread'])
  await rename(draft, path)
  return { path }
}
