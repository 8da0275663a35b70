import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Packages that the checkout's own node_modules lacks because they are for another machine: fetched by npm, held
 * against the hash that this repository pins, and kept for the next build.
 */

/** @param {Buffer} bytes @returns {string} the hash as package-lock.json writes it */
function integrityOf(bytes) {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`
}

/**
 * @param {{ name: string, version: string, integrity: string }} wanted
 * @param {string} cache folder that keeps tarballs between builds
 * @returns {string} path of a tarball whose SHA-512 is the pinned one; throws when npm delivers anything else
 */
export function fetchPackage(wanted, cache) {
  const kept = join(cache, `${wanted.name.replace('/', '+')}-${wanted.version}.tgz`)
  if (existsSync(kept) && integrityOf(readFileSync(kept)) === wanted.integrity) return kept
  mkdirSync(cache, { recursive: true })
  const scratch = mkdtempSync(join(cache, 'fetch-'))
  try {
    const spec = `${wanted.name}@${wanted.version}`
    const packed = execFileSync(
      'npm',
      ['pack', '--json', '--silent', '--pack-destination', scratch, spec],
      {
        encoding: 'utf8',
        cwd: scratch,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [{ filename }] = JSON.parse(packed)
    const tarball = join(scratch, filename.replace(/^@/, '').replace('/', '-'))
    const found = integrityOf(readFileSync(tarball))
    if (found !== wanted.integrity) {
      throw new Error(`${spec} is not the pinned file: expected ${wanted.integrity}, got ${found}`)
    }
    renameSync(tarball, kept)
    return kept
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/**
 * Unpacks some members of a package tarball without its leading folder `package/`.
 * @param {string} tarball
 * @param {string} target made when it does not exist
 * @param {readonly string[]} members e.g. ['bin/node']; none means all
 */
export function unpack(tarball, target, members) {
  mkdirSync(target, { recursive: true })
  const names = members.map((member) => `package/${member}`)
  execFileSync('tar', [
    '-xzf',
    tarball,
    '-C',
    target,
    '--strip-components=1',
    '--no-same-owner',
    ...names,
  ])
}
