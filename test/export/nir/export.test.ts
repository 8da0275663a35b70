import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../../src/daemon/version.js'
import { goldenRuns } from '../../../src/export/golden.js'
import { type Hdf5Group, type Hdf5Read, readHdf5, writeHdf5 } from '../../../src/export/hdf5.js'
import { denseKernel } from '../../../src/export/nir/dense-kernel.js'
import { executePart } from '../../../src/export/nir/execute.js'
import { nirGraph } from '../../../src/export/nir/graph.js'
import { planNir } from '../../../src/export/nir/plan.js'
import { readNirGraph } from '../../../src/export/nir/read-graph.js'
import { scheduleOf } from '../../../src/export/nir/schedule.js'
import { nir } from '../../../src/export/nir/target.js'
import { verifyNir } from '../../../src/export/nir/verify.js'
import { openForExport } from '../../../src/export/open.js'
import { readManifest } from '../../../src/export/read-manifest.js'
import { exportTo } from '../../../src/export/write-folder.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

t.setTimeout(120_000)
const parent = mkdtempSync(join(tmpdir(), 'evtrackd-nir-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))
const dir = join(parent, 'compact')
const network = openForExport(await loadModelPackage(PACKAGE_DIR))
const manifest = await exportTo(nir, network, { dir, golden: 1 })

t.test(
  'spike by spike from the files: every neuron as golden, wherever spikes arrive',
  async (t) => {
    const report = await nir.verify(dir, await readManifest(dir))
    t.ok(report.exact)
    t.equal(report.layers.length, 64)
    t.ok(report.layers.every(({ mismatches, neurons }) => mismatches === 0 && neurons > 0))
    t.match(report.layers.at(-1), { part: 'search', layer: 'output offset_logit', neurons: 512 })
    const travelling = await verifyNir(dir, manifest, { delay: 'one', templateOnly: true })
    t.ok(travelling.exact, 'a spike may take a step to travel')
  },
)

t.test('a neuron that forgets is not exact, and the report says where first', async (t) => {
  const { exact, layers } = await verifyNir(dir, manifest, { reset: 'hard', templateOnly: true })
  t.notOk(exact)
  t.equal(layers.find(({ mismatches }) => mismatches > 0)?.layer, 'spikes0')
  t.equal(layers[0]?.mismatches, 0, 'roundings do not depend on the reset')
})

t.test('ladders: exact whatever a neuron does when it fires', async (t) => {
  const plan = planNir(network.network, 'template', 'either')
  const graph = nirGraph(network.network, plan)
  const file = join(parent, 'ladders.nir')
  await writeHdf5(file, graph.file)
  const nodes = readNirGraph(await readHdf5(file))
  const schedule = scheduleOf(network, plan, graph)
  t.ok(schedule.steps < (manifest.details['parts'] as Json).template.steps, 'and in fewer steps')
  const [golden] = goldenRuns(network, 1)
  for (const reset of ['hard', 'subtract'] as const) {
    const { outputs, stray } = executePart(nodes, { schedule, reset }, golden!.inputs.template)
    t.ok([...stray.values()].every(({ size }) => size === 0))
    for (const name of ['key', 'sums0', 'sums1']) {
      t.same([...outputs[name]!], [...golden!.runs.template.outputs[name]!], `${reset} ${name}`)
    }
  }
})

t.test('the report counts what was run, the manifest names what the host does', (t) => {
  const [template, search] = manifest.report.parts
  t.match(template, { part: 'template', neurons: 565_312 })
  t.ok(search!.spikes > 1e6 && search!.synapticOperations > search!.spikes)
  t.equal(search!.stateBytes, search!.neurons * 4)
  // 4.6 pJ for what bytes and results of the host meet, 0.9 pJ for the rest.
  const expected = (search!.multiplications * 4.6 + search!.synapticOperations * 0.9) / 1e6
  t.ok(Math.abs(search!.microjoules - expected) < 1e-9)
  const page = readFileSync(join(PACKAGE_ROOT, 'docs/export.md'), 'utf8')
  t.ok(page.includes(search!.neurons.toLocaleString('en-US')), 'docs/export.md has the figures')
  const { parts } = manifest.details as Json
  t.ok(
    page.includes(
      `${parts.template.steps} steps for a template, ${parts.search.steps} for a search`,
    ),
  )
  const kinds = new Set(manifest.host.map(({ kind }) => kind))
  t.same([...kinds].sort(), ['add', 'matmul', 'minimum', 'slice', 'transpose'])
  const match = manifest.host.find(({ layer }) => layer === 'match')
  t.equal(match?.does, '1 products of [64, 96] of key by [96, 256] of query_spikes')
  t.end()
})

t.test('only nodes and fields that NIR has, one group, every shape at every edge', async (t) => {
  for (const part of ['template', 'search'] as const) {
    const graph = readNirGraph(await readHdf5(join(dir, `${part}.nir`)))
    t.same([...new Set([...graph.values()].map(({ type }) => type))].sort(), [
      'Conv2d',
      'IF',
      'Input',
      'Output',
      'Scale',
    ])
    t.ok([...graph.keys()].every((name) => /^[A-Za-z0-9_]+$/.test(name)))
  }
  const file = await readHdf5(join(dir, 'template.nir'))
  const broken = (edit: (copy: Map<string, Hdf5Read>) => void) => {
    const copy = new Map(file)
    edit(copy)
    return () => readNirGraph(copy)
  }
  const scalar = (value: bigint): Hdf5Read => ({ shape: [], values: BigInt64Array.of(value) })
  const text = (value: string): Hdf5Read => ({ shape: [], values: [value] })
  const node = '/node/nodes/res1_conv'
  t.throws(
    broken((f) => f.set(`${node}/extra`, scalar(1n))),
    /res1_conv \(Conv2d\) has .*extra/,
  )
  t.throws(
    broken((f) => f.delete(`${node}/bias`)),
    /res1_conv/,
  )
  t.throws(
    broken((f) => f.set(`${node}/groups`, scalar(32n))),
    /groups or dilation/,
  )
  t.throws(
    broken((f) => f.set(`${node}/type`, text('MaxPool2d'))),
    /unknown type MaxPool2d/,
  )
  t.throws(
    broken((f) => f.set('/node/type', text('IF'))),
    /no NIRGraph/,
  )
  t.throws(
    broken((f) => f.delete('/node/edges')),
    /no list of pairs/,
  )
  const wide = { shape: [2], values: BigInt64Array.of(99n, 99n) }
  t.throws(
    broken((f) => f.set(`${node}/input_shape`, wide)),
    /joins \[32,16,16\] to \[32,99,99\]/,
  )
  const wrongEdge: Hdf5Read = { shape: [1, 2], values: ['stem', 'nowhere'] }
  t.throws(
    broken((f) => f.set('/node/edges', wrongEdge)),
    /ends at nowhere, which is no node/,
  )
})

t.test("Debian's HDF5 reader sees the layout that the format's library expects", (t) => {
  const script = `
import h5py, sys
with h5py.File(sys.argv[1], 'r') as f:
    assert f['version'][()] == b'1.0' and f['version'].shape == ()
    graph = f['node']
    assert graph['type'][()] == b'NIRGraph'
    edges = [(a.decode(), b.decode()) for a, b in graph['edges'][()]]
    nodes = graph['nodes']
    assert all(a in nodes and b in nodes for a, b in edges)
    assert not any(len(n.attrs) for n in nodes.values())
    for name, node in nodes.items():
        kind = node['type'][()].decode()
        if kind == 'Conv2d':
            assert node['weight'].dtype == 'float32' and node['weight'].ndim == 4
            assert node['groups'][()] == 1 and node['groups'].dtype == 'int64'
            assert not node['bias'][()].any()
        if kind == 'IF':
            assert node['r'].shape == node['v_threshold'].shape
            assert (node['v_threshold'][()] > 0).all()
    print(len(nodes), len(edges))
`
  const { status, stdout, stderr } = spawnSync(
    '/usr/bin/python3',
    ['-c', script, join(dir, 'search.nir')],
    { encoding: 'utf8' },
  )
  if (/No module named 'h5py'/.test(stderr)) {
    t.comment("skipped: Debian's python3-h5py is not installed")
  } else {
    t.equal(status, 0, stderr)
    t.equal(stdout, '201 257\n')
  }
  t.end()
})

t.test('one wrong weight in the file is found, and the first layer after it named', async (t) => {
  const copy = join(parent, 'wrong')
  cpSync(dir, copy, { recursive: true })
  await edit(copy, 'template.nir', (file) => {
    const weights = file.get('/node/nodes/block0_expand_conv/weight')!.values as Float32Array
    weights[5] = weights[5]! + 64
  })
  const { exact, layers } = await verifyNir(copy, await readManifest(copy), { templateOnly: true })
  t.notOk(exact)
  t.match(
    layers.find(({ mismatches }) => mismatches > 0),
    { part: 'template', layer: 'block0.expand' },
  )
})

t.test('damaged schedules and golden files are refused', async (t) => {
  const refused = async (change: (details: Json) => void, message: RegExp) => {
    const copy = structuredClone(manifest) as Json
    change(copy.details)
    await t.rejects(verifyNir(dir, copy, { templateOnly: true }), {
      code: 'EXPORT_INVALID',
      message,
    })
  }
  await refused((d) => Object.assign(d, { reset: 'maybe' }), /details: reset/)
  await refused((d) => Object.assign(d.golden, { file: '../golden.h5' }), /details: golden.file/)
  await refused((d) => Object.assign(d.golden, { inputs: ['a', 'b'] }), /lacks .* of input 2/)
  await refused((d) => d.parts.template.populations.pop(), /schedule lacks neurons block1_qkv/)
  await refused((d) => Object.assign(d.parts.template, { file: 'README.md' }), /is no HDF5 file/)
  await refused((d) => d.parts.template.host.pop(), /nothing writes block1.own/)
})

t.test('what cannot be expressed is refused by name, and nothing is written', async (t) => {
  const refused = async (
    edit: (copy: Json) => void,
    expected: { code: string; message: RegExp },
  ) => {
    const { description, numbers } = network.network
    const copy = structuredClone(description) as Json
    edit(copy)
    const other = { ...network, network: { description: copy, numbers } }
    const out = join(parent, 'refused')
    await t.rejects(exportTo(nir, other, { dir: out, golden: 1 }), expected)
    t.notOk(existsSync(out))
  }
  const layer = (copy: Json, name: string) =>
    copy.parts.search.layers.find((each: Json) => each.name === name)
  const code = 'EXPORT_UNSUPPORTED'
  const uneven = (copy: Json) => Object.assign(layer(copy, 'res1'), { pads: [1, 1, 1, 0] })
  await refused(uneven, { code, message: /the kernel 4x3|the kernel 3x4/ })
  const fed = (copy: Json) => Object.assign(layer(copy, 'res2'), { inputs: ['res1'] })
  await refused(fed, { code, message: /layer res2, which reads increments/ })
  const coarse = (copy: Json) => Object.assign(layer(copy, 'res1').output, { high: 100 })
  await refused(coarse, { code, message: /layer res1: 229 values/ })
  const twins = (copy: Json) => {
    Object.assign(layer(copy, 'block0.in'), { name: 'block0_qkv' })
    Object.assign(layer(copy, 'block0.qkv'), { inputs: ['block0_qkv'] })
  }
  await refused(twins, { code, message: /two nodes block0_qkv/ })
  const shifted = (copy: Json) => Object.assign(layer(copy, 'block0.q'), { first: 1 })
  await refused(shifted, { code: 'MODEL_INVALID', message: /do not give its golden vectors/ })
})

t.test('a kernel becomes dense, square and evenly padded', (t) => {
  // Depthwise, 2 x 2, padded on top and left only.
  const { weight, pad } = denseKernel(
    {
      kind: 'conv',
      name: 'gather',
      inputs: ['spikes'],
      output: { type: 'spikes', shape: [2, 4, 4], exponent: 0, low: 0, high: 4 },
      onnx: { int8: 'gather', fp32: 'gather' },
      weight: 'w',
      bias: 'b',
      exponents: 'e',
      stride: [1, 1],
      pads: [1, 1, 0, 0],
      groups: 2,
    },
    { dtype: 'int8', shape: [2, 1, 2, 2], data: Int8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  )
  t.equal(pad, 1)
  t.same(weight.shape, [2, 2, 3, 3])
  const none = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  const [first, second] = [
    [1, 2, 0, 3, 4, 0, 0, 0, 0],
    [5, 6, 0, 7, 8, 0, 0, 0, 0],
  ]
  t.same([...weight.data], [...first!, ...none, ...none, ...second!])
  t.end()
})

// biome-ignore lint/suspicious/noExplicitAny: the test reaches into any part of the manifest to damage it
type Json = any

/** Changes values of an HDF5 file and makes its hash in the manifest true again. */
async function edit(
  folder: string,
  name: string,
  change: (file: Map<string, Hdf5Read>) => void,
): Promise<void> {
  const path = join(folder, name)
  const file = await readHdf5(path)
  change(file)
  const root: Json = {}
  for (const [key, { shape, values }] of file) {
    const names = key.slice(1).split('/')
    const last = names.pop()!
    const group = names.reduce((at, each) => (at[each] ??= {}), root)
    group[last] = Array.isArray(values)
      ? { text: shape.length === 0 ? values[0] : values, shape }
      : { data: values, shape }
  }
  await writeHdf5(path, root as Hdf5Group)
  const content = readFileSync(path)
  const own = join(folder, 'manifest.json')
  const json: Json = JSON.parse(readFileSync(own, 'utf8'))
  const sha256 = createHash('sha256').update(content).digest('hex')
  json.files[name] = { sha256, bytes: content.length }
  writeFileSync(own, JSON.stringify(json))
}
