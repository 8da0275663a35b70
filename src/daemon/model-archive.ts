import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { EvtrackError } from '../events/errors.js'

/** Contents by file name. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>

/** What a package may hold, so that a wrong file cannot fill memory or disk. */
export const MAX_FILES = 64
export const MAX_BYTES = 512 * 1024 * 1024
const BLOCK = 512
/** Package files lie in one folder: no path, nothing hidden. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/**
 * The files of a package that somebody hands over: a folder, or a tar of one, plain or gzip. Whatever is not a plain
 * file with a plain name is refused, whole. Throws MODEL_INVALID.
 */
export function readPackageFiles(path: string): PackageFiles {
  try {
    if (lstatSync(path).isDirectory()) return readFolder(path)
    const content = readPlainFile(path, MAX_BYTES)
    const zipped = content[0] === 0x1f && content[1] === 0x8b
    return readTar(zipped ? gunzipSync(content, { maxOutputLength: MAX_BYTES }) : content)
  } catch (cause) {
    if (cause instanceof EvtrackError) throw cause
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw refused(`${path} cannot be read${code}`, cause)
  }
}

function readFolder(dir: string): PackageFiles {
  const files = new Collected()
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (!entry.isFile()) throw refused(`${entry.name} is no plain file`)
    files.add(entry.name, () => readPlainFile(join(dir, entry.name), files.room))
  }
  return files.all
}

/** Without following a link, and no more than was measured: the file may change while it is read. */
function readPlainFile(path: string, maxBytes: number): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw refused(`${path} is no plain file`)
    if (stat.size > maxBytes) throw tooLarge()
    const content = readFileSync(fd)
    if (content.length > maxBytes) throw tooLarge()
    return content
  } finally {
    closeSync(fd)
  }
}

/** POSIX ustar and what GNU tar writes for such a folder. */
export function readTar(tar: Uint8Array): PackageFiles {
  const files = new Collected()
  let folder: string | undefined
  let at = 0
  for (;;) {
    if (at + BLOCK > tar.length) throw refused('the tar file ends too early')
    const header = tar.subarray(at, at + BLOCK)
    if (header.every((byte) => byte === 0)) break
    checkSum(header)
    const bytes = octal(header.subarray(124, 136))
    const type = String.fromCharCode(header[156]!)
    const start = at + BLOCK
    if (start + bytes > tar.length) throw refused('the tar file ends too early')
    const content = tar.subarray(start, start + bytes)
    at = start + Math.ceil(bytes / BLOCK) * BLOCK
    if (type === 'x' || type === 'g') {
      checkExtended(content)
      continue
    }
    const prefix = text(header.subarray(345, 500))
    const isUstar = text(header.subarray(257, 263)) === 'ustar'
    const name = text(header.subarray(0, 100))
    const path = (isUstar && prefix !== '' ? `${prefix}/${name}` : name).replace(/^\.\//, '')
    if (type === '5') {
      const dir = path.replace(/\/$/, '')
      if (dir === '' || dir === '.') continue
      folder = sameFolder(folder, dir, path)
      continue
    }
    if (type !== '0' && type !== '\0') throw refused(`${path} is no plain file`)
    const parts = path.split('/')
    if (parts.length > 2) throw refused(`${path} lies in a folder of its own`)
    folder = sameFolder(folder, parts.length === 2 ? parts[0]! : '', path)
    files.add(parts.at(-1)!, () => content)
  }
  return files.all
}

/** All files lie in the archive itself or in one folder of it. */
function sameFolder(folder: string | undefined, next: string, path: string): string {
  if (next !== '' && !FILE_NAME.test(next)) throw refused(`${path} is no path of a package`)
  if (folder !== undefined && folder !== next) throw refused(`${path} lies in a folder of its own`)
  return next
}

/** Extended headers may carry times and owners, which do not matter, but not other names or sizes. */
function checkExtended(content: Uint8Array): void {
  if (/^\d+ (path|linkpath|size|GNU\.[^=]*)=/m.test(new TextDecoder('latin1').decode(content))) {
    throw refused('the tar file has names or sizes in extended headers')
  }
}

function checkSum(header: Uint8Array): void {
  let sum = 8 * 0x20
  for (const [i, byte] of header.entries()) if (i < 148 || i >= 156) sum += byte
  if (sum !== octal(header.subarray(148, 156))) throw refused('it is no tar file, or is damaged')
}

function octal(field: Uint8Array): number {
  const digits = text(field).trim()
  if (!/^[0-7]{1,12}$/.test(digits)) throw refused('it is no tar file, or is damaged')
  return Number.parseInt(digits, 8)
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end))
}

class Collected {
  readonly all = new Map<string, Uint8Array>()
  /** Bytes that may still come. */
  room = MAX_BYTES

  add(name: string, read: () => Uint8Array): void {
    if (!FILE_NAME.test(name)) throw refused(`${name} is no file name of a package`)
    if (this.all.has(name)) throw refused(`${name} is there twice`)
    if (this.all.size === MAX_FILES) throw refused(`there are more than ${MAX_FILES} files`)
    const content = read()
    if (content.length > this.room) throw tooLarge()
    this.room -= content.length
    this.all.set(name, content)
  }
}

function tooLarge(): EvtrackError {
  return refused(`it is larger than ${MAX_BYTES / 1024 ** 2} MiB`)
}

function refused(what: string, cause?: unknown): EvtrackError {
  return new EvtrackError('MODEL_INVALID', `The model package is refused: ${what}.`, {
    next: 'Give the folder of a package with its model.json, or a .tar or .tar.gz of it.',
    cause,
  })
}
