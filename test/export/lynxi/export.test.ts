import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lynxi } from '../../../src/export/lynxi/target.js'
import { decodeNpy, encodeNpy } from '../../../src/export/npy.js'
import { openForExport } from '../../../src/export/open.js'
import { readManifest } from '../../../src/export/read-manifest.js'
import { exportTo } from '../../../src/export/write-folder.js'
import { readGolden } from '../../../src/inference/golden.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { openGraph } from '../../../src/inference/onnx.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

t.setTimeout(120_000)
const parent = mkdtempSync(join(tmpdir(), 'evtrackd-lynxi-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))
const dir = join(parent, 'compact')
const pkg = await loadModelPackage(PACKAGE_DIR)
const network = openForExport(pkg)
const manifest = await exportTo(lynxi, network, { dir, golden: 2 })

t.test('every layer that fires and every output is the golden one', async (t) => {
  const report = await lynxi.verify(dir, await readManifest(dir))
  t.ok(report.exact)
  t.equal(report.layers.length, 44)
  t.ok(report.layers.every(({ mismatches, neurons }) => mismatches === 0 && neurons > 0))
})

t.test("the bundle's golden outputs are those of the package itself", async (t) => {
  const golden = readGolden(pkg)
  for (const [part, name] of [
    ['template', 'sums1'],
    ['search', 'score_logit'],
    ['search', 'offset_logit'],
  ] as const) {
    const { shape, data } = decodeNpy(readFileSync(join(dir, `golden/${part}/${name}.npy`)))
    t.equal(shape[0], 2)
    t.same([...data], [...golden.get(`${part}.${name}`)!.data.subarray(0, data.length)], name)
  }
})

t.test('shapes are fixed, operators few, and none of them rounds', async (t) => {
  const graph = await openGraph(readFileSync(join(dir, 'search.onnx')), { name: 's', threads: 1 })
  t.teardown(() => graph.close())
  t.same(
    graph.inputs.map(({ name, shape, dtype }) => [name, dtype, ...shape]),
    [
      ['crop', 'float32', 1, 4, 128, 128],
      ['key', 'float32', 1, 64, 96],
      ['sums0', 'float32', 1, 4, 24, 24],
      ['sums1', 'float32', 1, 4, 24, 24],
    ],
  )
  const { operators, opset } = manifest.details as { operators: string[]; opset: number }
  t.equal(opset, 11)
  t.notOk(operators.includes('Round'))
  t.ok(['Greater', 'Cast', 'Conv', 'Floor'].every((name) => operators.includes(name)))
  const [template, search] = manifest.report.parts
  t.equal(search!.multiplications, 173_096_960)
  t.ok(search!.synapticOperations < search!.multiplications)
  t.ok(template!.microjoules < search!.microjoules)
})

t.test('a wrong golden value is counted in its layer', async (t) => {
  const path = join(dir, 'golden/search/head_box.npy')
  const before = readFileSync(path)
  t.teardown(() => writeFileSync(path, before))
  const { shape, data } = decodeNpy(before)
  data[7] = 4 - data[7]! || 1
  writeFileSync(path, encodeNpy({ shape, data }))
  const { exact, layers } = await lynxi.verify(dir, manifest)
  t.notOk(exact)
  t.same(
    layers.filter(({ mismatches }) => mismatches > 0),
    [{ part: 'search', layer: 'head_box', neurons: data.length, mismatches: 1 }],
  )
  writeFileSync(path, 'no array')
  await t.rejects(lynxi.verify(dir, manifest), { code: 'EXPORT_INVALID', message: /head_box.npy/ })
  const empty = { ...manifest, details: {} }
  await t.rejects(lynxi.verify(dir, empty), { code: 'EXPORT_INVALID', message: /golden layers/ })
})

t.test('the scripts: Python reads them, and the verdict is the same', (t) => {
  const python = (...args: string[]) =>
    spawnSync('/usr/bin/python3', args, { encoding: 'utf8', cwd: dir })
  for (const script of ['build.py', 'verify.py']) {
    const check = `import ast, sys; ast.parse(open(sys.argv[1]).read())`
    t.equal(python('-c', check, script).status, 0, script)
  }
  t.equal(spawnSync('sh', ['-n', join(dir, 'build.sh')]).status, 0)
  const model = `import onnx, sys
m = onnx.load(sys.argv[1]); onnx.checker.check_model(m, full_check=True)
print(m.opset_import[0].version, m.ir_version)`
  const checked = python('-c', model, 'search.onnx')
  if (/No module named 'onnx'/.test(checked.stderr)) t.comment('python3-onnx is not installed')
  else t.equal(checked.stdout, '11 6\n', checked.stderr)
  // What a device would write: the golden outputs themselves, then one value off.
  const good = python('verify.py', '--outputs', 'golden')
  if (/No module named 'numpy'/.test(good.stderr)) {
    t.comment('python3-numpy is not installed')
    t.end()
    return
  }
  t.equal(good.status, 0, good.stderr)
  t.match(good.stdout, /search score_logit: 0 of 512 differ/)
  t.end()
})
