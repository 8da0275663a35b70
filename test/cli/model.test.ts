import { cpSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MODELS_DIR } from '../../src/daemon/models.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { replaceFile } from '../inference/packages.js'
import { evtrackd } from './run-cli.js'

t.setTimeout(120_000)
const PACKAGE = join(MODELS_DIR, 'evt-compact')

t.test('verify: layer by layer, for people and for programs', async (t) => {
  const one = await evtrackd(['model', 'verify', 'evt-compact', '--random', '1'])
  t.equal(one.code, 0, one.stderr)
  t.match(one.stdout, /golden 4, random 1 \(sparse\)/)
  t.match(one.stdout, /search +spikes3 +spike +96x16x16 +\d+ +0\.\d+ +0 +0/)
  t.match(one.stdout, /no rounding meets a tie/)
  t.match(one.stdout, /^evt-compact: exact$/m)
  const args = [
    'model',
    'verify',
    'evt-compact',
    '--backend',
    'executor',
    '--random',
    '0',
    '--json',
  ]
  const [report] = JSON.parse((await evtrackd(args)).stdout)
  t.equal(report.exact, true)
  t.same(report.backends, ['executor'])
  t.same(report.inputs, ['golden 1', 'golden 2', 'golden 3', 'golden 4'])
  t.equal(report.layers.length, 109)
})

t.test('verify: a difference is named, exit 1', async (t) => {
  const dir = join(mkdtempSync(join(tmpdir(), 'evtrackd-verify-')), 'copy')
  cpSync(PACKAGE, dir, { recursive: true })
  const pkg = await loadModelPackage(dir)
  const row = pkg.network!.tensors.find(({ name }) => name === 'search.head.bias')!
  const content = new Uint8Array(readFileSync(join(dir, 'network.bin')))
  content[row.offset + 1]! ^= 8
  replaceFile(dir, 'network.bin', content)
  const differs = await evtrackd(['model', 'verify', dir, '--backend', 'cpu-int8', '--random', '0'])
  t.equal(differs.code, 1)
  t.match(differs.stdout, /NOT EXACT: first at layer head of the search: cpu-int8 differs from the/)
})

t.test('verify: wrong numbers on the command line', async (t) => {
  const count = await evtrackd(['model', 'verify', '--random', 'many'])
  t.equal(count.code, 78)
  t.match(count.stderr, '--random')
  t.equal((await evtrackd(['model', 'verify', '--backend', 'npu'])).code, 2)
})

t.test('energy: per layer, with its convention, on golden vectors and in a scene', async (t) => {
  const golden = await evtrackd(['model', 'energy', 'evt-compact'])
  t.equal(golden.code, 0, golden.stderr)
  t.match(golden.stdout, /search +stem +MAC +8388608 +8388608/)
  t.match(golden.stdout, /Convention: .*4\.6 pJ.*0\.9 pJ.*spikes x fan-out/)
  const scene = ['--scene', 'clean', '--seconds', '1', '--json']
  const { stdout, stderr, code } = await evtrackd(['model', 'energy', 'evt-compact', ...scene])
  t.equal(code, 0, stderr)
  const { models, convention } = JSON.parse(stdout)
  t.match(convention, '45 nm')
  const { search, template } = models[0]
  t.ok(search.inferences > 10 && template.inferences >= 1)
  t.equal(search.macs, 8388608)
  const sum = search.layers.reduce(
    (total: number, layer: { microjoules: number }) => total + layer.microjoules,
    0,
  )
  t.ok(Math.abs(sum - search.microjoules) < 1e-6, 'layers add up to the total')
  t.ok(search.microjoules < search.dense_microjoules)
})

t.test('energy: what cannot be counted is named', async (t) => {
  for (const [args, said] of [
    [['--scene', 'cleen'], 'cleen'],
    [['--scene', 'clean', '--seconds', 'x'], '--seconds'],
  ] as const) {
    const refused = await evtrackd(['model', 'energy', 'evt-compact', ...args])
    t.equal(refused.code, 78)
    t.match(refused.stderr, said)
  }
})
