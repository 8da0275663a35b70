import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT, VERSION } from '../../src/daemon/version.js'
import { lacking, sh } from './shell.js'

/** The package for 64-bit Arm on another machine: its programs run under qemu's user-mode emulation. */

t.setTimeout(600_000)

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-arm64-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const root = join(dir, 'root')
const sysroot = join(PACKAGE_ROOT, 'node_modules/.cache/evtrackd-packaging/arm64-sysroot')

function notHere(): string | false {
  if (process.arch === 'arm64')
    return 'this machine is one: the other test starts the package itself'
  const missing = lacking('dpkg-deb', 'qemu-aarch64-static')
  if (missing !== false) return missing
  const made = spawnSync('bash', [join(PACKAGE_ROOT, 'scripts/lib/arm64-sysroot.sh'), sysroot], {
    encoding: 'utf8',
  })
  return made.status === 0 ? false : `no arm64 libraries: ${made.stderr.trim()}`
}

t.test('the arm64 package under emulation', { skip: notHere() }, async (t) => {
  const built = await sh(join(PACKAGE_ROOT, 'scripts/package'), [
    '--prebuilt',
    '--level',
    '0',
    '--arch',
    'arm64',
    '--out',
    dir,
  ])
  t.equal(built.code, 0, built.stderr)
  const deb = join(dir, `evtrackd_${VERSION}_arm64.deb`)
  const size = (await sh('dpkg-deb', ['-f', deb, 'Installed-Size'])).stdout
  t.ok(Number(size) * 1024 <= 150e6, `${size.trim()} KiB`)
  mkdirSync(root)
  t.equal((await sh('dpkg-deb', ['-x', deb, root])).code, 0)

  const home = join(root, 'usr/lib/evtrackd')
  const main = join(home, 'dist/src/cli/main.js')
  // onnxruntime asks the processor what it can do; a plain one is described in the sysroot.
  const node = (...args: string[]) =>
    sh(
      'qemu-aarch64-static',
      ['-cpu', 'cortex-a76', '-L', sysroot, join(home, 'bin/node'), ...args],
      { PATH: '/usr/bin:/bin', HOME: dir },
    )

  t.test('Node', async (t) => {
    t.equal((await node('-p', 'process.arch')).stdout, 'arm64\n')
    t.equal((await node(main, '--version')).stdout, `${VERSION}\n`)
  })
  t.test('libusb', async (t) => {
    const script = `const { usb } = require(${JSON.stringify(join(home, 'node_modules/usb'))}); console.log(typeof usb.getDeviceList)`
    t.equal((await node('-e', script)).stdout, 'function\n')
  })
  t.test('lz4', async (t) => {
    const script = `console.log(require(${JSON.stringify(join(home, 'node_modules/lz4-napi'))}).compressFrameSync(Buffer.from('events')).readUInt32LE(0).toString(16))`
    t.equal((await node('-e', script)).stdout, '184d2204\n')
  })
  t.test('the golden vectors of every graph', async (t) => {
    const verified = await node(main, 'model', 'verify', '--json')
    t.equal(verified.code, 0, verified.stderr)
    const graphs = JSON.parse(verified.stdout) as { exact: boolean }[]
    t.ok(graphs.length > 0 && graphs.every((graph) => graph.exact))
  })
})
