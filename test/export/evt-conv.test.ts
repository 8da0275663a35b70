import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { akida } from '../../src/export/akida/target.js'
import { loihi2 } from '../../src/export/chips/loihi2.js'
import { speck } from '../../src/export/chips/speck.js'
import { goldenRuns } from '../../src/export/golden.js'
import { lynxi } from '../../src/export/lynxi/target.js'
import { nir } from '../../src/export/nir/target.js'
import { openForExport } from '../../src/export/open.js'
import { exportTo } from '../../src/export/write-folder.js'
import { proveExact } from '../../src/inference/exact/prove.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { evtrackd } from '../cli/run-cli.js'
import { exportRandom, NO_EXPORT } from '../inference/random-package.js'

/** One loud channel, one silent one, tiny and huge weights and biases, for bytes and for spikes. */
const EXTREMES = `
import torch
from net_conv import LIMIT_SUM, to_integers
torch.manual_seed(1)
for reach, limit in ((255, 62), (4, 126)):
    for size in (1e-9, 1e-3, 1.0, 1e4):
        for bias in (0.0, 1e-3, 5.0):
            weight = torch.randn(6, 8, 3, 3) * size
            weight[0] *= 100
            weight[1] = 0
            whole, odd, exponent = to_integers(weight, torch.full((6,), bias), limit, reach)
            sums = whole.abs().flatten(1).sum(1) * reach + odd.abs()
            assert sums.max() <= LIMIT_SUM, (reach, size, bias, sums)
            assert whole.abs().max() <= limit and (whole % 2 == 0).all() and (odd % 2 == 1).all()
            assert exponent.min() == exponent.max() >= 2
`

t.setTimeout(120_000)
const parent = mkdtempSync(join(tmpdir(), 'evtrackd-conv-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))
const network = openForExport(await loadModelPackage(join(PACKAGE_ROOT, 'models/evt-conv')))
const page = readFileSync(join(PACKAGE_ROOT, 'docs/export.md'), 'utf8')

t.test('docs/export.md shows its check for Speck as it is printed', async (t) => {
  const args = ['export', 'evt-conv', '--target', 'speck', '--check']
  const { code, stdout } = await evtrackd(args)
  t.equal(code, 0)
  t.ok(page.includes(`\`\`\`\n$ evtrackd ${args.join(' ')}\n${stdout}\`\`\``))
})

for (const target of [speck, loihi2, akida, lynxi, nir]) {
  t.test(`${target.name}: fits, and what is exported gives the golden answers`, async (t) => {
    if (target !== nir) t.ok(target.check(network).fits)
    const dir = join(parent, target.name)
    const manifest = await exportTo(target, network, { dir, golden: 1 })
    const { exact, executed, layers } = await target.verify(dir, manifest)
    t.ok(exact, executed)
    t.ok(layers.length >= 14, 'all convolutions of both parts')
  })
}

t.test('nir: a spike that flows into a membrane may come from a ladder', async (t) => {
  const dir = join(parent, 'ladders')
  const manifest = await exportTo(nir, network, { dir, golden: 1, reset: 'either' })
  t.ok((await nir.verify(dir, manifest)).exact)
})

t.test('every layer that Speck runs has a core, and sums of 16 bits', async (t) => {
  const { details } = await exportTo(speck, network, { dir: join(parent, 'cores'), golden: 1 })
  const segments = details['segments'] as { part: string; cores: number[] | null }[]
  t.ok(segments.every(({ cores }) => cores !== null))
  const sums = proveExact(network.network).layers.filter(({ name }) => !name.startsWith('match'))
  t.ok(Math.max(...sums.map(({ largestSum }) => largestSum)) < 2 ** 15)
})

t.test('rows at the edge of a template carry none of it, the others do', async (t) => {
  const { layers } = network.network.description.parts.template
  const [cells, channels] = layers.find(({ name }) => name === 'key')!.output.shape
  const keys = goldenRuns(network, 4).map(({ runs }) => runs.template.tensors.get('key')!)
  t.ok(keys.length > 1)
  const row = (key: Int32Array, cell: number) =>
    Array.from(key.subarray(cell * channels!, (cell + 1) * channels!))
  let differ = 0
  for (let cell = 0; cell < cells!; cell++) {
    const edge = [cell % 8, cell >> 3].some((at) => at === 0 || at === 7)
    const first = row(keys[0]!, cell)
    const same = keys.every((key) => row(key, cell).join() === first.join())
    if (!edge) differ += +!same
    else if (!same || first.filter((value) => value === 4).length !== 1) t.fail(`cell ${cell}`)
    else
      t.equal(
        first.reduce((a, b) => a + b),
        4,
        `cell ${cell} passes one channel on`,
      )
  }
  t.ok(differ > cells! / 4, 'what is in the middle depends on the template')
})

t.test(
  'random weights fit too: the limits are part of the training',
  { skip: NO_EXPORT },
  async (t) => {
    const dir = exportRandom(11, 'conv', 1)
    const random = openForExport(await loadModelPackage(dir))
    for (const target of [speck, loihi2]) t.ok(target.check(random).fits, target.name)
    t.same(proveExact(random.network).problems, [])
  },
)

t.test('weights of any size become sums of 16 bits', { skip: NO_EXPORT }, (t) => {
  const folder = join(PACKAGE_ROOT, 'scripts/train')
  const { status, stderr } = spawnSync('/usr/bin/python3', ['-B', '-c', EXTREMES], {
    cwd: folder,
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
  t.end()
})
