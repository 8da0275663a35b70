import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { energyPerInference } from '../../src/inference/energy.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { copyPackage, editManifest, PACKAGE_DIR, replaceFile } from './packages.js'

t.test('the package of the repository loads', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  t.equal(pkg.spec.name, 'evt-compact')
  t.match(pkg.spec.sha256, /^[0-9a-f]{64}$/)
  t.same(pkg.spec.planes, ['trajectory', 'negative', 'positive', 'prior'])
  t.same(structuredClone(pkg), pkg, 'plain data that can be posted to a worker')
  const bytes = Object.values(pkg.files).reduce((sum, file) => sum + file.byteLength, 0)
  t.ok(bytes < 4e6, 'small enough to live in the repository')
})

t.test('energy adds MACs and ACs at their own price', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  const one = energyPerInference(
    {
      picojoulePerMac: 5,
      picojoulePerAc: 1,
      layers: [
        { name: 'stem', crop: 'search', kind: 'MAC', operations: 1e6, rate: null },
        { name: 'res', crop: 'search', kind: 'AC', operations: 3e6, rate: 0.5 },
        { name: 'res', crop: 'template', kind: 'AC', operations: 9e6, rate: 0.5 },
      ],
    },
    'search',
  )
  t.same(one, { macs: 1e6, acs: 3e6, microjoules: 8 })
  const own = energyPerInference(pkg.manifest.energy, 'search')
  t.equal(own.macs, 8 * 8 * 4 * 32 * 32 * 32, 'only the 8x8/4 stem multiplies')
  t.ok(own.acs > 0 && own.acs < pkg.manifest.network.macs.search * pkg.manifest.network.depth)
})

const refusals: readonly {
  readonly name: string
  readonly damage: (dir: string) => void
  readonly code?: string
  readonly message: RegExp
}[] = [
  {
    name: 'no model.json',
    damage: (dir) => rmSync(join(dir, 'model.json')),
    message: /model\.json cannot be read/,
  },
  {
    name: 'model.json is not JSON',
    damage: (dir) => writeFileSync(join(dir, 'model.json'), '{"name": '),
    message: /model\.json is not JSON/,
  },
  {
    name: 'a newer layout',
    damage: (dir) => editManifest(dir, (m) => (m.schemaVersion = 2)),
    code: 'MODEL_UNSUPPORTED',
    message: /layout 2.*up to 1/,
  },
  {
    name: 'an unknown key',
    damage: (dir) => editManifest(dir, (m) => (m.surprise = true)),
    message: /surprise/,
  },
  {
    name: 'a wrong value',
    damage: (dir) => editManifest(dir, (m) => (m.input.searchSize = 'large')),
    message: /input\.searchSize/,
  },
  {
    name: 'a file name that leaves the folder',
    damage: (dir) => editManifest(dir, (m) => (m.golden.file = '../golden.bin')),
    message: /golden\.file/,
  },
  {
    name: 'a missing graph',
    damage: (dir) => rmSync(join(dir, 'search-int8.onnx')),
    message: /search-int8\.onnx cannot be read/,
  },
  {
    name: 'a truncated graph',
    damage: (dir) => {
      const path = join(dir, 'search-int8.onnx')
      writeFileSync(path, readFileSync(path).subarray(0, 1000))
    },
    message: /search-int8\.onnx has 1000 bytes, expected \d+/,
  },
  {
    name: 'one flipped bit',
    damage: (dir) => {
      const path = join(dir, 'template-fp32.onnx')
      const content = readFileSync(path)
      content[content.length >> 1]! ^= 1
      writeFileSync(path, content)
    },
    message: /template-fp32\.onnx has sha256 [0-9a-f]{64}, expected [0-9a-f]{64}/,
  },
  {
    name: 'a graph that is not listed',
    damage: (dir) => editManifest(dir, (m) => (m.graphs.int8.search = 'other.onnx')),
    message: /other\.onnx but does not list it/,
  },
  {
    name: 'a golden tensor of the wrong shape',
    damage: (dir) =>
      editManifest(dir, (m) => {
        const tensor = m.golden.tensors.find((g: { name: string }) => g.name === 'template.key')
        tensor.shape[2] = 95
      }),
    message: /golden tensor template\.key has shape 4x64x95, expected 4x64x96/,
  },
  {
    name: 'a golden tensor that is missing',
    damage: (dir) => editManifest(dir, (m) => m.golden.tensors.pop()),
    message: /golden tensor search\.offset_logit is missing/,
  },
  {
    name: 'golden vectors cut short',
    damage: (dir) =>
      replaceFile(dir, 'golden.bin', readFileSync(join(dir, 'golden.bin')).subarray(0, 4096)),
    message: /golden tensor template\.crop lies outside golden\.bin/,
  },
]

for (const { name, damage, code, message } of refusals) {
  t.test(`refused: ${name}`, async (t) => {
    const dir = copyPackage()
    damage(dir)
    await t.rejects(loadModelPackage(dir), {
      name: 'EvtrackError',
      code: code ?? 'MODEL_INVALID',
      message,
      next: /\w/,
    })
  })
}
