import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loihi2 } from '../../../src/export/chips/loihi2.js'
import { netGroup } from '../../../src/export/chips/net-file.js'
import { segmentTarget } from '../../../src/export/chips/segment-target.js'
import { segmentsOf } from '../../../src/export/chips/segments.js'
import { speck } from '../../../src/export/chips/speck.js'
import { spinnaker2 } from '../../../src/export/chips/spinnaker2.js'
import { readHdf5, writeHdf5 } from '../../../src/export/hdf5.js'
import { openForExport } from '../../../src/export/open.js'
import { readManifest } from '../../../src/export/read-manifest.js'
import type { ExportTarget } from '../../../src/export/target.js'
import { targetByName } from '../../../src/export/targets.js'
import { exportTo } from '../../../src/export/write-folder.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

const network = openForExport(await loadModelPackage(PACKAGE_DIR))
const convs = network.network.description.parts

/** A folder that a test may damage. */
const whole = join(t.testdir(), 'speck')
await exportTo(speck, network, { dir: whole, golden: 1 })
function copy(t: Test): string {
  const dir = join(t.testdir(), 'out')
  cpSync(whole, dir, { recursive: true })
  return dir
}

for (const [target, layers] of [
  [loihi2, 36],
  [speck, 3],
] as const) {
  t.test(`${target.name}: every layer in the folder gives the golden answer`, async (t) => {
    const dir = join(t.testdir(), 'out')
    const written = await exportTo(target, network, { dir, golden: 1 })
    const manifest = await readManifest(dir)
    t.same(manifest, JSON.parse(JSON.stringify(written)), 'the manifest reads as it was written')
    const report = await target.verify(dir, manifest)
    t.equal(report.layers.length, layers)
    t.ok(report.exact)
    t.equal(
      report.layers.reduce((sum, layer) => sum + layer.mismatches, 0),
      0,
    )
    t.ok(report.layers.every(({ neurons }) => neurons > 0))
    const exported = new Set(report.layers.map(({ part, layer }) => `${part}.${layer}`))
    const host = new Set(manifest.host.map(({ part, layer }) => `${part}.${layer}`))
    const all = (['template', 'search'] as const).flatMap((part) =>
      convs[part].layers.map(({ name }) => `${part}.${name}`),
    )
    t.ok(
      all.every((name) => exported.has(name) !== host.has(name)),
      'each layer on one side',
    )
    const readme = readFileSync(join(dir, 'README.md'), 'utf8')
    for (const file of readdirSync(dir)) {
      if (file.endsWith('.net')) t.ok(readme.includes(`\`${file}\``), `${file} is explained`)
    }
  })
}

t.test('spinnaker2: the numbers of Loihi 2, which are verified above', async (t) => {
  const parent = t.testdir()
  const write = async (target: ExportTarget) => {
    const dir = join(parent, target.name)
    await exportTo(target, network, { dir, golden: 1 })
    return dir
  }
  const [own, other] = [await write(spinnaker2), await write(loihi2)]
  t.same(readdirSync(own), readdirSync(other))
  const files = readdirSync(own).filter((name) => /\.(net|h5)$/.test(name))
  t.equal(files.length, 31 + 1)
  for (const name of files) {
    // The bytes hold the time at which they were written.
    t.same(await digests(join(own, name)), await digests(join(other, name)), name)
  }
})

/** Path, shape and hash of every dataset. */
async function digests(file: string): Promise<readonly string[]> {
  return [...(await readHdf5(file))].map(([path, { shape, values }]) => {
    const bytes = ArrayBuffer.isView(values) ? values : String(values)
    return `${path} ${shape} ${createHash('sha256').update(bytes).digest('hex')}`
  })
}

t.test('layers on Speck have cores of their own that are large enough', async (t) => {
  const { details } = await readManifest(whole)
  const segments = details['segments'] as { cores: number[]; layers: string[]; bits: number[] }[]
  for (const { cores, layers, bits } of segments) {
    t.equal(new Set(cores).size, layers.length)
    t.ok(cores.every((core) => core >= 0 && core < 9))
    t.ok(bits.every((each) => each <= 8))
  }
})

t.test('a weight that differs shows in its layer', async (t) => {
  const dir = copy(t)
  const manifest = await readManifest(dir)
  const segment = segmentsOf(network.network.description).find(({ name }) => name === 'size_logit')!
  const content = netGroup(network.network, segment, [64, 16, 16])
  const weight = content.layer[1]!['weight'] as unknown as { data: Int32Array }
  weight.data[0]! += 2
  const file = Object.keys(manifest.files).find((name) => name.includes('size_logit'))!
  await writeHdf5(join(dir, file), content)
  const report = await speck.verify(dir, manifest)
  t.notOk(report.exact)
  t.same(
    report.layers.filter(({ mismatches }) => mismatches > 0).map(({ layer }) => layer),
    ['size_logit'],
  )
  await t.rejects(readManifest(dir), { code: 'EXPORT_INVALID', message: new RegExp(file) })
})

t.test('damaged folders are refused by file and reason', async (t) => {
  const dir = copy(t)
  const manifest = await readManifest(dir)
  const file = Object.keys(manifest.files).find((name) => name.includes('size_logit'))!
  const invalid = (message: RegExp) => ({ code: 'EXPORT_INVALID', message })
  const details = manifest.details as { segments: object[]; golden: { file: string } }
  const verifying = (changed: object) =>
    speck.verify(dir, { ...manifest, details: { ...details, ...changed } })
  await t.rejects(verifying({ segments: 'none' }), invalid(/details\.segments/))
  await t.rejects(
    verifying({ golden: { ...details.golden, inputs: ['golden9'] } }),
    invalid(/golden\.h5 has no golden9/),
  )
  const twice = details.segments.map((each) => ({ ...each, layers: ['a', 'b'] }))
  await t.rejects(verifying({ segments: twice }), invalid(/has 1 layers, the manifest says 2/))
  writeFileSync(join(dir, file), 'no HDF5')
  await t.rejects(speck.verify(dir, manifest), invalid(/size_logit\.net is no HDF5 file/))
})

t.test('a chip that holds no layer gets no folder', async (t) => {
  const dir = join(t.testdir(), 'out')
  const none = segmentTarget({ name: 'akida1', title: 'AKD1000', onlyFitting: true, notes: [] })
  await t.rejects(exportTo(none, network, { dir, golden: 1 }), {
    code: 'EXPORT_UNSUPPORTED',
    message: /akida1 cannot express any layer/,
  })
  t.notOk(existsSync(dir))
  t.same(readdirSync(t.testdirName), [], 'nothing half-written either')
})

t.test('chips that can only be checked', async (t) => {
  for (const name of ['akida1', 'innatera']) {
    const target = targetByName(name)
    t.notOk(target.check(network).fits)
    const dir = join(t.testdir(), name)
    await t.rejects(exportTo(target, network, { dir, golden: 1 }), { code: 'EXPORT_UNSUPPORTED' })
    t.notOk(existsSync(dir))
  }
})
