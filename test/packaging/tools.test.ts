import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { lacking, sh } from './shell.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-packaging-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const tool = (name: string) =>
  import(pathToFileURL(join(PACKAGE_ROOT, 'packaging/lib', `${name}.mjs`)).href)

t.test('a trimmed ELF program is shorter and runs', async (t) => {
  const { trimElf } = await tool('trim-elf')
  const whole = readFileSync('/bin/true')
  const trimmed = trimElf(whole)
  t.ok(trimmed.length < whole.length)
  const path = join(dir, 'true')
  writeFileSync(path, trimmed)
  chmodSync(path, 0o755)
  t.equal((await sh(path, [])).code, 0)
  t.throws(() => trimElf(whole.subarray(0, 4096)), /cut short/)
  t.throws(() => trimElf(Buffer.alloc(4096)), /not a little-endian ELF64/)
})

t.test('a package that is not the pinned one is refused and not kept', async (t) => {
  const { fetchPackage } = await tool('registry')
  // An npm that delivers something else.
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'npm'),
    '#!/bin/sh\nwhile [ "$1" != --pack-destination ]; do shift; done\necho other >"$2/x-1.0.0.tgz"\necho \'[{"filename":"x-1.0.0.tgz"}]\'\n',
  )
  chmodSync(join(bin, 'npm'), 0o755)
  const path = process.env['PATH']
  t.teardown(() => {
    process.env['PATH'] = path
  })
  process.env['PATH'] = `${bin}${delimiter}${path}`
  const cache = join(dir, 'cache')
  const wrong = { name: 'x', version: '1.0.0', integrity: `sha512-${'A'.repeat(86)}==` }
  t.throws(
    () => fetchPackage(wrong, cache),
    /x@1\.0\.0 is not the pinned file: expected sha512-AAA/,
  )
  t.throws(() => readFileSync(join(cache, 'x-1.0.0.tgz')), { code: 'ENOENT' })
  const { createHash } = await import('node:crypto')
  const integrity = `sha512-${createHash('sha512').update('other\n').digest('base64')}`
  t.equal(readFileSync(fetchPackage({ ...wrong, integrity }, cache), 'utf8'), 'other\n')
  // A kept file that changed since is fetched again.
  writeFileSync(join(cache, 'x-1.0.0.tgz'), 'tampered')
  t.equal(readFileSync(fetchPackage({ ...wrong, integrity }, cache), 'utf8'), 'other\n')
})

t.test('packages: what runs on the machine, and nothing else', async (t) => {
  const { runtimePackages, isLoaded } = await tool('modules')
  const lock = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package-lock.json'), 'utf8'))
  const names = (arch: string) => runtimePackages(lock, arch).map((p: { name: string }) => p.name)
  for (const name of ['usb', 'onnxruntime-node', 'mqtt', 'zod', 'node-gyp-build']) {
    t.ok(names('arm64').includes(name), name)
  }
  for (const name of ['adm-zip', 'typescript', 'tap', '@types/node']) {
    t.notOk(names('arm64').includes(name), name)
  }
  const differs = (a: string[], b: string[]) => a.filter((name) => !b.includes(name))
  t.same(differs(names('arm64'), names('amd64')), ['@antoniomuso/lz4-napi-linux-arm64-gnu'])
  const lame = { packages: { '': { version: '1', dependencies: { usb: '2' } } } }
  t.throws(() => runtimePackages(lame, 'arm64'), /does not hold usb, which evtrackd needs/)

  const kept = (name: string, file: string) =>
    isLoaded(name, file, { arch: 'arm64', folder: false })
  t.ok(kept('onnxruntime-node', 'bin/napi-v6/linux/arm64/libonnxruntime.so.1'))
  t.notOk(kept('onnxruntime-node', 'bin/napi-v6/linux/x64/libonnxruntime.so.1'))
  t.notOk(kept('onnxruntime-node', 'bin/napi-v6/win32/arm64/onnxruntime.dll'))
  t.ok(kept('usb', 'prebuilds/linux-arm64/node.napi.armv8.node'))
  t.notOk(kept('usb', 'prebuilds/linux-arm/node.napi.armv7.node'))
  t.ok(kept('zod', 'LICENSE'))
  t.notOk(kept('zod', 'index.d.ts'))
})

t.test('a script of many megabytes is stored compressed and loads as before', async (t) => {
  const { copyPackages } = await tool('modules')
  const project = join(dir, 'project')
  const from = join(project, 'node_modules/big')
  mkdirSync(from, { recursive: true })
  const payload = 'A'.repeat(5_000_000)
  writeFileSync(
    join(from, 'big.js'),
    `module.exports = { length: '${payload}'.length, __filename }\n`,
  )
  writeFileSync(join(from, 'small.js'), 'module.exports = 1\n')
  writeFileSync(join(from, 'README.md'), 'not loaded')
  const target = join(dir, 'target')
  const packages = [{ name: 'big', path: 'node_modules/big', locked: { version: '1.0.0' } }]
  copyPackages(packages, { project, target, arch: 'arm64', cache: join(dir, 'none') })
  const to = join(target, 'node_modules/big')
  t.same(readdirSync(to).sort(), ['big.js', 'big.js.br', 'small.js'])
  t.ok(statSync(join(to, 'big.js.br')).size < 100_000)
  const big = createRequire(join(to, 'x.js'))('./big.js')
  t.same(big, { length: payload.length, __filename: join(to, 'big.js') })
  const missing = [{ name: 'gone', path: 'node_modules/gone', locked: { version: '1.0.0' } }]
  t.throws(
    () => copyPackages(missing, { project, target, arch: 'arm64', cache: dir }),
    /run npm ci/,
  )
})

const tree = {
  name: 'evtrackd',
  usage: '',
  description: 'does things',
  flags: [],
  commands: [
    {
      name: 'model',
      usage: '',
      description: '',
      flags: [],
      commands: [
        {
          name: 'verify',
          usage: '[options] [name]',
          description: '.profile and back\\slash',
          flags: [
            {
              flags: '--pace <pace>',
              long: '--pace',
              takesValue: true,
              choices: ['real', 'fast'],
              description: 'how fast',
              fallback: 'real',
            },
          ],
          commands: [],
        },
      ],
    },
  ],
}

t.test(
  'completion: commands, flags and choices in a real shell',
  { skip: lacking('bash') },
  async (t) => {
    const { bashCompletion } = await tool('completion')
    const script = join(dir, 'completion')
    writeFileSync(script, bashCompletion(tree))
    const complete = async (...line: string[]) => {
      const words = line.map((word) => `'${word}'`).join(' ')
      const { stdout } = await sh('bash', [
        '-c',
        `. ${script}; COMP_WORDS=(evtrackd ${words}); COMP_CWORD=${line.length}; _evtrackd; echo "\${COMPREPLY[*]}"`,
      ])
      return stdout.trim()
    }
    t.equal(await complete('mo'), 'model')
    t.equal(await complete('model', ''), 'verify')
    t.equal(await complete('model', 'verify', '--p'), '--pace')
    t.equal(await complete('model', 'verify', '--pace', 'f'), 'fast')
  },
)

t.test(
  'the command tree is that of the program, and its manual page is clean',
  { skip: lacking('groff') },
  async (t) => {
    const { commandTree } = await tool('command-tree')
    const { manualPage } = await tool('man')
    const real = await commandTree(PACKAGE_ROOT)
    t.equal(real.name, 'evtrackd')
    for (const name of ['run', 'devices', 'record', 'model']) {
      t.ok(
        real.commands.some((c: { name: string }) => c.name === name),
        name,
      )
    }
    const sections = readFileSync(join(PACKAGE_ROOT, 'packaging/evtrackd.1.in'), 'utf8')
    const page = (of: unknown) => manualPage(of, { version: '1.2.3', date: '2026-01-02', sections })
    const path = join(dir, 'evtrackd.1')
    writeFileSync(path, page(real))
    const warnings = await sh('groff', ['-man', '-ww', '-z', '-K', 'utf8', path])
    t.equal(warnings.stderr, '')
    writeFileSync(path, page(tree))
    const shown = await sh('groff', ['-man', '-T', 'utf8', '-K', 'utf8', '-P', '-cbou', path])
    t.match(shown.stdout, 'model verify [name]')
    t.match(shown.stdout, '.profile and back\\slash.')
    t.match(shown.stdout, /how fast\. One of real, fast\. Default: real\./)
  },
)
