import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { commandTree } from './command-tree.mjs'
import { bashCompletion } from './completion.mjs'
import { manualPage } from './man.mjs'
import { copyPackages, runtimePackages } from './modules.mjs'
import { notices } from './notices.mjs'
import { fetchPackage, unpack } from './registry.mjs'
import { trimElf } from './trim-elf.mjs'
import { trimIcu } from './trim-icu.mjs'

/** @typedef {import('./modules.mjs').Arch} Arch */

/** From the checkout to where the file lies on the machine. */
const COPIED = {
  'packaging/bin/evtrackd': 'usr/bin/evtrackd',
  'packaging/etc/evtrackd.toml': 'etc/evtrackd/evtrackd.toml',
  'systemd/evtrackd.service': 'usr/lib/systemd/system/evtrackd.service',
  'systemd/evtrackd@.service': 'usr/lib/systemd/system/evtrackd@.service',
  'systemd/evtrackd-camera.target': 'usr/lib/systemd/system/evtrackd-camera.target',
  'systemd/evtrackd-camera@.target': 'usr/lib/systemd/system/evtrackd-camera@.target',
  'systemd/70-evtrackd.rules': 'usr/lib/udev/rules.d/70-evtrackd.rules',
  'systemd/evtrackd.sysusers.conf': 'usr/lib/sysusers.d/evtrackd.conf',
  'systemd/evtrackd.tmpfiles.conf': 'usr/lib/tmpfiles.d/evtrackd.conf',
  'README.md': 'usr/share/doc/evtrackd/README.md',
  docs: 'usr/share/doc/evtrackd/docs',
  models: 'usr/lib/evtrackd/models',
  'firmware-config': 'usr/lib/evtrackd/firmware-config',
  'scripts/runners/evtrackd_runner.py': 'usr/lib/evtrackd/runners/evtrackd_runner.py',
  view: 'usr/lib/evtrackd/view',
}
const EXECUTABLE = new Set(['usr/bin/evtrackd', 'usr/lib/evtrackd/bin/node'])
const HOME = 'usr/lib/evtrackd'

/** @param {string} path @returns {any} */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/**
 * Lays out everything that an installed evtrackd consists of below `root`, with the modes it will have.
 * @param {{ project: string, root: string, arch: Arch, epoch: number }} options epoch: seconds, dates the manual page
 * @returns {Promise<void>}
 */
export async function stage({ project, root, arch, epoch }) {
  const put = (/** @type {string} */ path, /** @type {string | Buffer} */ content) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const manifest = readJson(join(project, 'package.json'))
  const cache = join(project, 'node_modules/.cache/evtrackd-packaging')

  for (const [from, to] of Object.entries(COPIED)) {
    cpSync(join(project, from), join(root, to), { recursive: true, dereference: true })
  }
  cpSync(join(project, 'dist/src'), join(root, HOME, 'dist/src'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  })
  const { name, version, description, license, type, exports } = manifest
  put(
    `${HOME}/package.json`,
    `${JSON.stringify({ name, version, description, license, type, exports }, null, 2)}\n`,
  )

  const packages = runtimePackages(readJson(join(project, 'package-lock.json')), arch)
  copyPackages(packages, { project, target: join(root, HOME), arch, cache })
  const node = readJson(join(project, 'packaging/node-runtime.json'))[arch]
  const tarball = fetchPackage({ ...node, name: node.package }, cache)
  const runtime = mkdtempSync(join(cache, 'runtime-'))
  try {
    unpack(tarball, runtime, ['bin/node', 'LICENSE'])
    put(`${HOME}/bin/node`, trimIcu(trimElf(readFileSync(join(runtime, 'bin/node')))))
    const parts = packages.map((p) => ({
      name: p.name,
      version: p.locked.version,
      license: p.locked.license ?? 'unstated',
      folder: join(root, HOME, p.path),
    }))
    parts.push({
      name: 'Node.js',
      version: node.version,
      license: 'MIT and others',
      folder: runtime,
    })
    put(
      'usr/share/doc/evtrackd/copyright',
      notices(parts, readFileSync(join(project, 'LICENSE'), 'utf8')),
    )
  } finally {
    rmSync(runtime, { recursive: true, force: true })
  }

  const tree = await commandTree(project)
  const date = new Date(epoch * 1000).toISOString().slice(0, 10)
  const sections = readFileSync(join(project, 'packaging/evtrackd.1.in'), 'utf8')
  // Not Node's zlib, whose output depends on the processor.
  const page = execFileSync('gzip', ['-9n'], {
    input: manualPage(tree, { version, date, sections }),
  })
  put('usr/share/man/man1/evtrackd.1.gz', page)
  put('usr/share/bash-completion/completions/evtrackd', bashCompletion(tree))
  setModes(root)
}

/** Whatever umask and checkout had: 0755 for folders and programs, 0644 for files. @param {string} root */
function setModes(root, inside = '') {
  chmodSync(join(root, inside), 0o755)
  for (const name of readdirSync(join(root, inside))) {
    const path = inside === '' ? name : `${inside}/${name}`
    if (lstatSync(join(root, path)).isDirectory()) setModes(root, path)
    else chmodSync(join(root, path), EXECUTABLE.has(path) ? 0o755 : 0o644)
  }
}
