import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { fetchPackage, unpack } from './registry.mjs'

/**
 * The third-party JavaScript and native parts that the program loads at run time on one kind of machine: what the lock
 * file reaches from the dependencies, less what only installs, compiles, documents or serves other systems.
 */

/**
 * Dependencies that a package declares but needs only for its installer, its own command line or its types. Ours:
 * exports for other hardware are made where models are made, and `evtrackd export` says so on a board.
 */
const NOT_AT_RUN_TIME = {
  evtrackd: ['h5wasm'],
  mqtt: ['commist', 'concat-stream', 'help-me', 'minimist', '@types/readable-stream', '@types/ws'],
  bl: ['@types/readable-stream'],
  'onnxruntime-node': ['adm-zip', 'global-agent'],
  usb: ['@types/w3c-web-usb', 'node-addon-api'],
}

/** Folders of a package that are not loaded: sources, browser bundles, older interfaces, the tools above. */
const UNUSED_FOLDERS = {
  mqtt: ['dist', 'build/bin'],
  pngjs: ['browser.js'],
  'onnxruntime-node': ['lib', 'script'],
  usb: ['libusb', 'src'],
  zod: ['src', 'v3'],
}

const LOADED = /\.(js|cjs|mjs|json|node|wasm)$|\.so(\.\d+)*$/
const LICENCE = /^(licen[cs]e|copying|notice|authors)([.-]|$)/i
const DEVELOPMENT = new Set([
  'test',
  'tests',
  'benchmarks',
  'docs',
  'example',
  'examples',
  '.github',
  '.husky',
  'types',
])

/** Native parts: which folder serves which machine. Everything else under the same parents is left out. */
const NATIVE = {
  amd64: {
    'onnxruntime-node': ['bin/napi-v6/linux/x64'],
    usb: ['prebuilds/linux-x64/node.napi.glibc.node'],
    lz4: '@antoniomuso/lz4-napi-linux-x64-gnu',
  },
  arm64: {
    'onnxruntime-node': ['bin/napi-v6/linux/arm64'],
    usb: ['prebuilds/linux-arm64/node.napi.armv8.node'],
    lz4: '@antoniomuso/lz4-napi-linux-arm64-gnu',
  },
}
const NATIVE_PARENTS = { 'onnxruntime-node': 'bin', usb: 'prebuilds' }

/** @typedef {'amd64' | 'arm64'} Arch */
/** @typedef {{ version: string, integrity?: string, license?: string, dependencies?: Record<string, string>, optionalDependencies?: Record<string, string> }} Locked */
/** @typedef {{ name: string, path: string, locked: Locked }} Package */

/**
 * Where Node would find `name` when a file of `from` asks for it.
 * @param {Record<string, Locked>} packages @param {string} from @param {string} name
 */
function resolve(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${at === '' ? '' : `${at}/`}node_modules/${name}`
    if (packages[candidate] !== undefined) return candidate
    if (at === '') return undefined
  }
}

/**
 * The packages that run on a machine of this kind, sorted by path.
 * @param {{ packages: Record<string, Locked> }} lock package-lock.json
 * @param {Arch} arch
 * @returns {Package[]}
 */
export function runtimePackages(lock, arch) {
  /** @type {Map<string, Package>} */
  const found = new Map()
  const visit = (
    /** @type {string} */ from,
    /** @type {string} */ owner,
    /** @type {Locked} */ locked,
  ) => {
    const unused = NOT_AT_RUN_TIME[/** @type {keyof typeof NOT_AT_RUN_TIME} */ (owner)] ?? []
    for (const name of Object.keys(locked.dependencies ?? {})) {
      if (unused.includes(name)) continue
      const path = resolve(lock.packages, from, name)
      if (path === undefined)
        throw new Error(`package-lock.json does not hold ${name}, which ${owner} needs`)
      if (found.has(path)) continue
      const entry = /** @type {Locked} */ (lock.packages[path])
      found.set(path, { name, path, locked: entry })
      visit(path, name, entry)
    }
  }
  visit('', 'evtrackd', /** @type {Locked} */ (lock.packages['']))
  const lz4 = NATIVE[arch].lz4
  const path = `node_modules/${lz4}`
  found.set(path, { name: lz4, path, locked: /** @type {Locked} */ (lock.packages[path]) })
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * Whether a file or folder of a package belongs on the machine.
 * @param {string} name of the package @param {string} file relative to it @param {{ arch: Arch, folder: boolean }} about
 */
export function isLoaded(name, file, { arch, folder }) {
  const unused = UNUSED_FOLDERS[/** @type {keyof typeof UNUSED_FOLDERS} */ (name)] ?? []
  if (unused.includes(file)) return false
  const parent = NATIVE_PARENTS[/** @type {keyof typeof NATIVE_PARENTS} */ (name)]
  if (parent !== undefined && file.startsWith(`${parent}/`)) {
    const wanted = NATIVE[arch][/** @type {'usb' | 'onnxruntime-node'} */ (name)]
    return wanted.some(
      (path) => path.startsWith(folder ? file : path) && (folder || file.startsWith(path)),
    )
  }
  if (folder) return !DEVELOPMENT.has(basename(file)) && basename(file) !== 'node_modules'
  return LOADED.test(file) || LICENCE.test(basename(file))
}

/** A script above this is stored compressed: megabytes of embedded WebAssembly, in Base64. */
const LARGE_SCRIPT_BYTES = 4_000_000

/** Loads the script beside it, as if it stood here. */
const LOADER = `'use strict'
const { readFileSync } = require('node:fs')
const { brotliDecompressSync } = require('node:zlib')
module._compile(brotliDecompressSync(readFileSync(\`\${__filename}.br\`)).toString(), __filename)
`

/** @param {string} from @param {string} to */
function copyFile(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  if (!from.endsWith('.js') || statSync(from).size < LARGE_SCRIPT_BYTES) return cpSync(from, to)
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 }
  writeFileSync(`${to}.br`, brotliCompressSync(readFileSync(from), { params }))
  writeFileSync(to, LOADER)
}

/** @param {string} from @param {string} to @param {(file: string, folder: boolean) => boolean} keep */
function copyTree(from, to, keep, inside = '') {
  for (const entry of readdirSync(join(from, inside), { withFileTypes: true })) {
    const file = inside === '' ? entry.name : `${inside}/${entry.name}`
    if (!keep(file, entry.isDirectory())) continue
    if (entry.isDirectory()) copyTree(from, to, keep, file)
    else if (entry.isFile()) copyFile(join(from, file), join(to, file))
  }
}

/**
 * Copies the packages below `target`; those that this machine's npm left out are fetched.
 * @param {readonly Package[]} packages
 * @param {{ project: string, target: string, arch: Arch, cache: string }} where
 */
export function copyPackages(packages, { project, target, arch, cache }) {
  for (const { name, path, locked } of packages) {
    const keep = (/** @type {string} */ file, /** @type {boolean} */ folder) =>
      isLoaded(name, file, { arch, folder })
    const installed = join(project, path)
    if (existsSync(installed)) {
      copyTree(installed, join(target, path), keep)
      continue
    }
    if (locked.integrity === undefined) throw new Error(`${path} is missing: run npm ci`)
    const tarball = fetchPackage(
      { name, version: locked.version, integrity: locked.integrity },
      cache,
    )
    const unpacked = mkdtempSync(join(cache, 'package-'))
    try {
      unpack(tarball, unpacked, [])
      copyTree(unpacked, join(target, path), keep)
    } finally {
      rmSync(unpacked, { recursive: true, force: true })
    }
  }
}
