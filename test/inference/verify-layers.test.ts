import t from 'tap'
import { BACKENDS } from '../../src/inference/difference-ledger.js'
import { OperationsMean, openEnergyMeter } from '../../src/inference/energy-meter.js'
import { loadModelPackage, type ModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import { goldenInputs, randomInputs } from '../../src/inference/verification-inputs.js'
import { verifyLayers } from '../../src/inference/verify-layers.js'
import { copyPackage, editNetwork, PACKAGE_DIR, replaceFile } from './packages.js'
import { exportRandom, NO_EXPORT } from './random-package.js'

// Slow where other work takes the cores: a hundred million additions for each input.
t.setTimeout(300_000)

t.test('the shipped package: executor, int8 and fp32 agree in every layer', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  const report = await verifyLayers(pkg, { backends: BACKENDS, random: 4 })
  t.equal(report.firstDifference, null)
  t.same(report.proof?.problems, [])
  t.ok(report.proof!.largestSum < report.proof!.limit)
  t.equal(report.exact, true)
  t.equal(report.inputs.length, 8)
  for (const layer of report.layers) {
    t.equal(layer.maxDifference['cpu-int8'], 0, layer.name)
    t.equal(layer.maxDifference['cpu-fp32'], 0, layer.name)
  }
  const golden = report.layers.filter((layer) => layer.maxDifference['executor'] === 0)
  t.same(
    golden.map((layer) => `${layer.part}.${layer.name}`),
    [
      ...['key', 'block0.own', 'block1.own'].map((name) => `template.${name}`),
      ...['score_logit', 'size_logit', 'offset_logit'].map((name) => `search.${name}`),
    ],
    'what the training code computed in float64 is what the executor computes in integers',
  )
  const spiking = report.layers.filter((layer) => layer.spikes !== null)
  t.ok(spiking.every((layer) => layer.rate! > 0 && layer.rate! <= 4))
})

t.test('random networks of other sizes: the same', { skip: NO_EXPORT }, async (t) => {
  for (const [seed, sizes] of [
    [7, '8,16,1'],
    [8, '4,24,3'],
  ] as const) {
    const pkg = await loadModelPackage(exportRandom(seed, sizes))
    const report = await verifyLayers(pkg, { backends: BACKENDS, random: 4, seed })
    t.equal(report.firstDifference, null, sizes)
    t.equal(report.exact, true, sizes)
    t.ok(
      report.layers.filter((layer) => layer.rate !== null && layer.rate > 0).length > 20,
      'the network is alive: equal zeros would prove little',
    )
  }
})

t.test(
  'energy from spikes here is energy from spikes in training',
  { skip: NO_EXPORT },
  async (t) => {
    const pkg = await loadModelPackage(exportRandom(9, '8,16,2', 64))
    const meter = await openEnergyMeter(pkg)
    const session = await createTrackerSession(pkg)
    t.teardown(() => Promise.all([meter.close(), session.close()]))
    const means = { template: new OperationsMean(), search: new OperationsMean() }
    for (const { template, search } of goldenInputs(pkg)) {
      means.template.add(await meter.template(template))
      means.search.add(await meter.search(search, await session.template(template)))
    }
    for (const part of ['template', 'search'] as const) {
      const counted = means[part].layers()
      const exported = pkg.manifest.energy.layers.filter((row) => row.crop === part)
      t.equal(counted.length, exported.length)
      for (const row of exported) {
        const layer = counted.find(({ name }) => name === row.name)
        t.equal(layer?.kind, row.kind, row.name)
        t.ok(Math.abs(layer!.operations - row.operations) <= 0.51, `${part} ${row.name}`)
      }
    }
  },
)

t.test('one changed weight is found, in its layer', async (t) => {
  const dir = copyPackage()
  const pkg = await loadModelPackage(dir)
  const row = pkg.network!.tensors.find(({ name }) => name === 'search.res3.weight')!
  const content = pkg.files['network.bin']!.slice()
  // All weights of one output channel: a single one may multiply nothing but zeros.
  for (let i = 0; i < row.shape[1]! * 9; i++) content[row.offset + i]! ^= 4
  replaceFile(dir, 'network.bin', content)
  const report = await verifyLayers(await loadModelPackage(dir), {
    backends: ['executor', 'cpu-int8'],
    random: 0,
  })
  t.equal(report.exact, false)
  t.match(report.firstDifference, {
    backend: 'cpu-int8',
    part: 'search',
    layer: 'res3',
    input: /^golden/,
    against: 'executor',
  })
  t.ok(report.firstDifference!.difference > 0)
  const alone = await verifyLayers(await loadModelPackage(dir), {
    backends: ['executor'],
    random: 0,
  })
  t.match(alone.firstDifference, { backend: 'executor', against: 'golden vectors', part: 'search' })
})

t.test('an odd weight breaks the proof even where no input shows it', async (t) => {
  const dir = copyPackage()
  const pkg = await loadModelPackage(dir)
  const row = pkg.network!.tensors.find(({ name }) => name === 'template.mask.weight')!
  const content = pkg.files['network.bin']!.slice()
  content[row.offset] = 1
  replaceFile(dir, 'network.bin', content)
  const report = await verifyLayers(await loadModelPackage(dir), {
    backends: ['executor'],
    random: 0,
  })
  t.equal(report.exact, false)
  t.match(report.proof!.problems, [/mask of the template.*halfway/])
})

t.test('a layer that a graph does not have is named', async (t) => {
  const dir = copyPackage()
  editNetwork(dir, (network) => (network.parts.search.layers[3].onnx.int8 = 'nowhere'))
  const pkg = await loadModelPackage(dir)
  await t.rejects(verifyLayers(pkg, { backends: BACKENDS, random: 0 }), {
    code: 'MODEL_INVALID',
    message: /layer res1 is tensor nowhere of search-int8\.onnx, which has no such tensor/,
  })
})

t.test('a package without integers is told apart', async (t) => {
  const pkg: ModelPackage = { ...(await loadModelPackage(PACKAGE_DIR)), network: null }
  await t.rejects(verifyLayers(pkg, { backends: BACKENDS, random: 0 }), {
    code: 'MODEL_UNSUPPORTED',
    message: /describes no integer network/,
  })
})

t.test('random inputs: each kind, the same for the same seed', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  const inputs = randomInputs(pkg, 5, 3)
  const [sparse, dense, empty, saturated] = inputs
  const filled = (crop: Uint8Array) => crop.filter((value) => value > 0).length / crop.length
  t.ok(filled(sparse!.search) > 0 && filled(sparse!.search) < 0.35)
  t.ok(filled(dense!.search) > 0.95)
  t.equal(filled(empty!.search), 0)
  t.ok(saturated!.template.every((value) => value === 255))
  t.match(inputs[4]!.name, /random 5 \(sparse\)/)
  const same = (seed: number) =>
    randomInputs(pkg, 5, seed).every(
      ({ search }, i) => Buffer.compare(search, inputs[i]!.search) === 0,
    )
  t.ok(same(3))
  t.notOk(same(4))
})
