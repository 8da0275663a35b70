import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { copyPackage, editManifest } from '../inference/packages.js'
import { evtrackd } from './run-cli.js'

t.setTimeout(120_000)
const parent = mkdtempSync(join(tmpdir(), 'evtrackd-cli-export-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))

t.test('export and verify, for people and for programs', async (t) => {
  const dir = join(parent, 'lynxi')
  const args = ['export', 'evt-compact', '--target', 'lynxi', '--out', dir, '--golden', '1']
  const written = await evtrackd(args)
  t.equal(written.code, 0, written.stderr)
  t.match(written.stdout, /search +704512 +\d+/)
  t.match(written.stdout, /Convention: estimate for 45 nm/)
  const verified = await evtrackd(['export', 'verify', dir])
  t.equal(verified.code, 0, verified.stderr)
  t.match(verified.stdout, /search +score_logit +256 +0/)
  t.match(verified.stdout, /^lynxi: exact, 0 mismatches$/m)
  const report = JSON.parse((await evtrackd(['export', 'verify', dir, '--json'])).stdout)
  t.equal(report.exact, true)
  writeFileSync(join(dir, 'search.onnx'), 'other bytes')
  const damaged = await evtrackd(['export', 'verify', dir])
  t.equal(damaged.code, 1)
  t.match(damaged.stderr, /EXPORT_INVALID: .*search.onnx has sha256/)
})

t.test('--check writes nothing and prints a row for each layer', async (t) => {
  const check = await evtrackd(['export', 'evt-compact', '--target', 'nir', '--check'])
  t.equal(check.code, 0, check.stderr)
  t.match(check.stdout, /search +match +matmul +host +yes +1 products/)
  t.match(check.stdout, /^nir: fits$/m)
  const page = readFileSync(join(PACKAGE_ROOT, 'docs/export.md'), 'utf8')
  const command = '$ evtrackd export evt-compact --target nir --check\n'
  t.ok(page.includes(`${command}${check.stdout}\`\`\``), 'docs/export.md shows it as printed')
  const json = await evtrackd(['export', 'evt-compact', '--target', 'nir', '--check', '--json'])
  t.equal(JSON.parse(json.stdout).layers.length, 109)
})

t.test(
  'wrong command lines and packages: a code, a sentence, a next step, nothing written',
  async (t) => {
    const refused = async (args: readonly string[], expected: RegExp, code = 78) => {
      const { stderr, code: have } = await evtrackd(['export', ...args])
      t.match(stderr, expected)
      t.match(stderr, /next: \S/)
      t.equal(have, code)
    }
    const out = join(parent, 'out')
    await refused(['evt-compact', '--target', 'tpu', '--out', out], /tpu is no export target/)
    await refused(['evt-compact', '--out', out], /Give --target/)
    await refused(['--target', 'nir', '--out', out], /Give the model package/)
    await refused(['evt-compact', '--target', 'nir'], /Give --out/)
    await refused(['evt-compact', '--target', 'nir', '--out', out, '--golden', '0'], /--golden 0/)
    const reset = ['--reset', 'either']
    await refused(['evt-compact', '--target', 'lynxi', '--out', out, ...reset], /--reset means/)
    await refused(['no-such', '--target', 'nir', '--out', out], /MODEL_INVALID/)
    await refused(['verify', join(parent, 'nothing')], /EXPORT_INVALID/, 1)
    const plain = copyPackage()
    editManifest(plain, (manifest) => {
      manifest.integers = null
    })
    await refused(
      [plain, '--target', 'nir', '--out', out],
      /MODEL_UNSUPPORTED: .*no integer network/,
    )
    t.notOk(existsSync(out))
  },
)

t.test('without the HDF5 library, as on a board: said so, nothing left', async (t) => {
  const hook = join(parent, 'without.mjs')
  writeFileSync(
    hook,
    `import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
  export async function resolve(specifier, context, next) {
    if (specifier.startsWith('h5wasm')) throw new Error('not installed')
    return next(specifier, context)
  }\`))`,
  )
  const folder = join(parent, 'board')
  const { code, stderr } = await evtrackd(
    ['export', 'evt-compact', '--target', 'nir', '--out', join(folder, 'nir')],
    { NODE_OPTIONS: `--import=${pathToFileURL(hook)}` },
  )
  t.equal(code, 1)
  t.match(stderr, /EXPORT_UNAVAILABLE: .*h5wasm.* not installed/)
  t.match(stderr, /next: /)
  t.same(readdirSync(folder), [])
})
