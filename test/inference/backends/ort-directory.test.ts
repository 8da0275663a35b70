import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { readSharedLibrary } from '../../../src/inference/backends/elf.js'
import {
  BINDING,
  checkOrtDirectory,
  LIBRARY,
  ORT_VERSION,
} from '../../../src/inference/backends/ort-directory.js'
import { PACKAGE_DIR } from '../packages.js'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('onnxruntime-node/package.json'))
const PACKAGED = join(root, `bin/napi-v6/linux/${process.arch}`)
const OTHER = join(root, `bin/napi-v6/linux/${process.arch === 'x64' ? 'arm64' : 'x64'}`)
const work = mkdtempSync(join(tmpdir(), 'evtrackd-ort-'))
t.teardown(() => rmSync(work, { recursive: true }))

/** A folder with the packaged files, each replaced by bytes of its own where given; null leaves it out. */
function folder(over: Readonly<Record<string, Uint8Array | string | null>>): string {
  const dir = mkdtempSync(join(work, 'dir-'))
  for (const name of [BINDING, LIBRARY]) {
    const other = over[name]
    if (other === null) continue
    if (other === undefined) symlinkSync(join(PACKAGED, name), join(dir, name))
    else if (typeof other === 'string') copyFileSync(other, join(dir, name))
    else writeFileSync(join(dir, name), other)
  }
  return dir
}

/** The file with every occurrence of one string replaced by another of the same length. */
function patched(name: string, from: string, to: string): Uint8Array {
  const bytes = readFileSync(join(PACKAGED, name))
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at)
  return bytes
}

t.test('the packaged files fit, and are of the release that the program is made for', async (t) => {
  checkOrtDirectory(PACKAGED)
  t.equal(require('onnxruntime-node/package.json').version, ORT_VERSION)
  const binding = readSharedLibrary(readFileSync(join(PACKAGED, BINDING)))
  t.same(binding.wants.get(LIBRARY), [`VERS_${ORT_VERSION}`])
  t.ok(binding.needed.includes('libc.so.6'))
  const library = readSharedLibrary(readFileSync(join(PACKAGED, LIBRARY)))
  t.match(library, { machine: process.arch, soname: LIBRARY })
  t.ok(library.offers.includes(`VERS_${ORT_VERSION}`))
})

t.test('what does not fit is refused by name, with what it is and what was expected', async (t) => {
  const version = `VERS_${ORT_VERSION}`
  const older = version.replace('30', '29')
  const library = readFileSync(join(PACKAGED, LIBRARY))
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(work, 'nowhere'), /onnxruntime_binding.node is missing/],
    [folder({ [LIBRARY]: null }), /libonnxruntime.so.1 is missing/],
    [folder({ [BINDING]: new TextEncoder().encode('no library at all') }), /not an ELF file/],
    [folder({ [LIBRARY]: library.subarray(0, 100) }), /is damaged: /],
    [folder({ [LIBRARY]: library.subarray(0, 4096) }), /is damaged: /],
    [folder({ [BINDING]: join(OTHER, BINDING) }), /made for (arm64|x64), this machine is/],
    [folder({ [LIBRARY]: join(OTHER, LIBRARY) }), /made for (arm64|x64), this machine is/],
    [
      folder({ [LIBRARY]: patched(LIBRARY, version, older) }),
      /libonnxruntime.so.1 offers symbols of version VERS_1.29.0, expected VERS_1.30.0/,
    ],
    [
      folder({ [BINDING]: patched(BINDING, version, older) }),
      /asks for symbols of version VERS_1.29.0, expected VERS_1.30.0/,
    ],
    [folder({ [LIBRARY]: join(PACKAGED, BINDING) }), /calls itself onnxruntime_binding.node/],
    [folder({ [BINDING]: join(PACKAGED, LIBRARY) }), /does not use libonnxruntime.so.1; it needs/],
  ]
  for (const [dir, message] of cases) {
    t.throws(() => checkOrtDirectory(dir), {
      code: 'CONFIG_INVALID',
      message,
      next: /docs\/jetson/,
    })
  }
})

t.test('no bytes make the reader fail in any other way than with a RangeError', async (t) => {
  const binding = readFileSync(join(PACKAGED, BINDING))
  let state = 7
  for (let round = 0; round < 300; round++) {
    const bytes = new Uint8Array(
      binding.subarray(0, round % 3 === 0 ? 3000 + round * 90 : undefined),
    )
    for (let i = 0; i < 6; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      // Headers and the dynamic section, where every number is followed somewhere.
      const at = i < 3 ? state % 600 : 0x4e000 + (state % 0x1f00)
      bytes[at] = state >>> 24
    }
    try {
      readSharedLibrary(bytes)
    } catch (error) {
      if (!(error instanceof RangeError)) t.fail(`round ${round}: ${error}`)
    }
  }
  t.pass('300 damaged files')
})

/** Runs a few lines in a process of their own: a process can hold one ONNX Runtime. */
function run(lines: string): string {
  const from = (path: string) =>
    JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
  const script = `
    import { loadModelPackage } from ${from('inference/model-package.js')}
    import { createTrackerSession } from ${from('inference/session.js')}
    import { builtProviders } from ${from('inference/onnx.js')}
    import { readFileSync } from 'node:fs'
    const pkg = await loadModelPackage(${JSON.stringify(PACKAGE_DIR)})
    const libraries = () => [...new Set(readFileSync('/proc/self/maps', 'utf8').match(/\\/\\S*libonnxruntime\\.so\\S*/g))]
    ${lines}
  `
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

t.test('a folder of its own is loaded in place of the packaged one', async (t) => {
  const dir = mkdtempSync(join(work, 'own-'))
  for (const name of [BINDING, LIBRARY]) copyFileSync(join(PACKAGED, name), join(dir, name))
  const output = run(`
    const session = await createTrackerSession(pkg, { ortDir: ${JSON.stringify(dir)} })
    await (await createTrackerSession(pkg)).close()
    await session.close()
    console.log(libraries().join(), builtProviders().includes('cpu'))
    await createTrackerSession(pkg, { ortDir: ${JSON.stringify(PACKAGED)} }).catch(({ code, message }) => console.log(code, message))
  `)
  t.match(output, `${join(dir, LIBRARY)} true`, 'and nothing else, golden vectors and all')
  t.match(output, /BACKEND_UNAVAILABLE .* cannot be used beside that of/)
})

t.test('the packaged folder by name', async (t) => {
  const output = run(`
    await (await createTrackerSession(pkg, { ortDir: ${JSON.stringify(PACKAGED)} })).close()
    console.log(libraries().join())
  `)
  t.equal(output, join(PACKAGED, LIBRARY))
})
