import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { energyPerInference } from '../../src/inference/energy.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { copyPackage, editManifest, editNetwork, PACKAGE_DIR, replaceFile } from './packages.js'

t.test('the package of the repository loads', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  t.equal(pkg.spec.name, 'evt-compact')
  t.match(pkg.spec.sha256, /^[0-9a-f]{64}$/)
  t.same(pkg.spec.planes, ['trajectory', 'negative', 'positive', 'prior'])
  const { files, ...rest } = structuredClone(pkg)
  const { files: _, ...loaded } = pkg
  t.same(rest, loaded, 'plain data that can be posted to a worker')
  for (const [name, content] of Object.entries(files)) {
    t.equal(Buffer.compare(content, pkg.files[name]!), 0, name)
  }
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
  t.equal(own.macs, 8 * 8 * 4 * 32 * 32 * 32, 'only the 8x8/4 stem of a search multiplies')
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
    damage: (dir) => editManifest(dir, (m) => (m.schemaVersion = 3)),
    code: 'MODEL_UNSUPPORTED',
    message: /layout 3.*reads layout 2/,
  },
  {
    name: 'an older layout, without network.json',
    damage: (dir) => {
      editManifest(dir, (m) => {
        m.schemaVersion = 1
        delete m.integers
      })
    },
    code: 'MODEL_UNSUPPORTED',
    message: /layout 1.*reads layout 2/,
  },
  {
    name: 'a model.json that does not say whether it describes its integers',
    damage: (dir) => editManifest(dir, (m) => delete m.integers),
    message: /integers/,
  },
  {
    name: 'network.json that is not listed',
    damage: (dir) => editManifest(dir, (m) => (m.integers = 'other.json')),
    message: /other\.json but does not list it/,
  },
  {
    name: 'network.json that is not JSON',
    damage: (dir) => replaceFile(dir, 'network.json', new TextEncoder().encode('{')),
    message: /network\.json: not JSON/,
  },
  {
    name: 'a newer layout of network.json',
    damage: (dir) => editNetwork(dir, (n) => (n.version = 2)),
    message: /network\.json: version/,
  },
  {
    name: 'a kind of layer that nobody knows',
    damage: (dir) => editNetwork(dir, (n) => (n.parts.search.layers[0].kind = 'pool')),
    message: /network\.json: parts\.search\.layers\.0/,
  },
  {
    name: 'arrays in a file that is not listed',
    damage: (dir) => editNetwork(dir, (n) => (n.data = 'elsewhere.bin')),
    message: /network\.json: uses elsewhere\.bin/,
  },
  {
    name: 'arrays cut short',
    damage: (dir) =>
      replaceFile(dir, 'network.bin', readFileSync(join(dir, 'network.bin')).subarray(0, 4096)),
    message: /array template\.\S+ takes \d+ bytes of network\.bin.*which has 4096/,
  },
  {
    name: 'a state that network.json has in another shape',
    damage: (dir) => {
      editManifest(dir, (m) => (m.state[0].shape = [32, 96]))
      editManifest(dir, (m) => {
        const key = m.golden.tensors.find((g: { name: string }) => g.name === 'template.key')
        key.shape = [4, 32, 96]
      })
    },
    message: /tensor template\.key is 64,96, expected 32,96/,
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
