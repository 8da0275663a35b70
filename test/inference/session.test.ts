import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession, type LogitSession } from '../../src/inference/session.js'
import { sigmoidInto } from '../../src/inference/sigmoid.js'
import type { TemplateState } from '../../src/inference/tracker-session.js'
import { copyPackage, editManifest, noiseCrops, PACKAGE_DIR, replaceFile } from './packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const { planes, templateSize, searchSize, mapSize } = pkg.spec
const TEMPLATE_BYTES = planes.length * templateSize ** 2
const SEARCH_BYTES = planes.length * searchSize ** 2
const CELLS = mapSize ** 2
const int8 = await createTrackerSession(pkg)
const fp32 = await createTrackerSession(pkg, { graph: 'fp32' })
t.teardown(async () => {
  await int8.close()
  await fp32.close()
})

const templates = (session: LogitSession, seeds: readonly number[]): Promise<TemplateState[]> =>
  Promise.all(seeds.map((seed) => session.template(noiseCrops(seed, TEMPLATE_BYTES))))

t.test('both graphs give the same numbers on inputs nobody chose', async (t) => {
  const a = await templates(int8, [1, 2, 3])
  const b = await templates(fp32, [1, 2, 3])
  t.same(a, b, 'template states')
  const crops = noiseCrops(9, 3 * SEARCH_BYTES)
  t.same(await int8.searchLogits(crops, a), await fp32.searchLogits(crops, b), 'maps')
})

t.test('the extremes: black and white crops', async (t) => {
  for (const value of [0, 255]) {
    const z = new Uint8Array(TEMPLATE_BYTES).fill(value)
    const x = new Uint8Array(SEARCH_BYTES).fill(value)
    const a = [await int8.template(z)]
    const b = [await fp32.template(z)]
    t.same(a, b)
    t.same(await int8.searchLogits(x, a), await fp32.searchLogits(x, b))
  }
})

t.test('a crop gives the same maps alone and in any batch', async (t) => {
  const states = await templates(int8, [4, 5, 6])
  const crops = noiseCrops(7, 3 * SEARCH_BYTES)
  const together = await int8.search(crops, states)
  t.equal(together.batch, 3)
  t.equal(together.mapSize, mapSize)
  for (let i = 0; i < 3; i++) {
    const crop = crops.subarray(i * SEARCH_BYTES, (i + 1) * SEARCH_BYTES)
    const alone = await int8.search(crop, [states[i]!])
    t.same(alone.score, together.score.subarray(i * CELLS, (i + 1) * CELLS))
    t.same(alone.size, together.size.subarray(2 * i * CELLS, 2 * (i + 1) * CELLS))
    t.same(alone.offset, together.offset.subarray(2 * i * CELLS, 2 * (i + 1) * CELLS))
  }
})

t.test('more threads for one inference: the same numbers', async (t) => {
  const wide = await createTrackerSession(pkg, { threads: 2 })
  const states = await templates(int8, [30, 31])
  t.same(await templates(wide, [30, 31]), states)
  const crops = noiseCrops(32, 2 * SEARCH_BYTES)
  t.same(await wide.searchLogits(crops, states), await int8.searchLogits(crops, states))
  await wide.close()
})

t.test('searches may overlap: each gets its own answer', async (t) => {
  const states = await templates(int8, [16, 17, 18, 19])
  const crops = [20, 21].map((seed) => noiseCrops(seed, 2 * SEARCH_BYTES))
  const pairs = [states.slice(0, 2), states.slice(2)]
  const together = await Promise.all(crops.map((crop, i) => int8.search(crop, pairs[i]!)))
  for (const i of [0, 1]) t.same(together[i], await int8.search(crops[i]!, pairs[i]!))
})

t.test('a template state is kept: later templates do not change it', async (t) => {
  const crop = noiseCrops(8, SEARCH_BYTES)
  const [state] = await templates(int8, [10])
  const before = await int8.search(crop, [state!])
  const [other] = await templates(int8, [11])
  await int8.search(crop, [other!])
  t.same(await int8.search(crop, [state!]), before)
})

t.test('the template decides: another target gives another map', async (t) => {
  const crop = pkgTensor('search.crop').subarray(0, SEARCH_BYTES)
  const shown = pkgTensor('template.crop')
  const a = await int8.template(shown.subarray(0, TEMPLATE_BYTES))
  const b = await int8.template(shown.subarray(TEMPLATE_BYTES, 2 * TEMPLATE_BYTES))
  const [first, second] = [await int8.search(crop, [a]), await int8.search(crop, [b])]
  t.notSame(first.score, second.score)
})

t.test('outputs are probabilities and shares', async (t) => {
  const states = await templates(int8, [12])
  const maps = await int8.search(noiseCrops(13, SEARCH_BYTES), states)
  for (const map of [maps.score, maps.size, maps.offset]) {
    t.ok(map.every((value) => value > 0 && value < 1))
  }
})

t.test('no target, no work; a buffer may be larger than its batch, never smaller', async (t) => {
  t.same((await int8.search(new Uint8Array(0), [])).batch, 0)
  const states = await templates(int8, [14])
  const large = noiseCrops(15, 2 * SEARCH_BYTES)
  t.same(await int8.search(large, states), await int8.search(large.slice(0, SEARCH_BYTES), states))
  await t.rejects(int8.search(large.subarray(1, SEARCH_BYTES), states), { name: 'RangeError' })
})

t.test('a closed session says so, and closes twice', async (t) => {
  const session = await createTrackerSession(pkg)
  await session.close()
  await session.close()
  await t.rejects(session.template(new Uint8Array(TEMPLATE_BYTES)), { code: 'BACKEND_UNAVAILABLE' })
})

t.test('refused: a golden tensor that does not match, named', async (t) => {
  for (const tensor of ['template.sums0', 'search.size_logit']) {
    const dir = copyPackage()
    const row = pkg.manifest.golden.tensors.find((g) => g.name === tensor)!
    const content = new Uint8Array(readFileSync(join(dir, 'golden.bin')))
    content[row.offset + 4 * 37 + 2]! ^= 0x40
    replaceFile(dir, 'golden.bin', content)
    const damaged = await loadModelPackage(dir)
    await t.rejects(createTrackerSession(damaged), {
      code: 'MODEL_INVALID',
      message: new RegExp(`${tensor} differs at element 37`),
      data: { tensor, element: 37 },
    })
  }
})

t.test('refused: graphs that are not what model.json says', async (t) => {
  const dir = copyPackage()
  editManifest(dir, (m) => {
    const { template, search } = m.graphs.int8
    m.graphs.int8 = { template: search, search: template }
  })
  await t.rejects(createTrackerSession(await loadModelPackage(dir)), {
    code: 'MODEL_INVALID',
    message: /input crop of search-int8\.onnx is .*128,128.*expected .*64,64/,
  })
})

t.test('refused: a file with a right hash that is no graph', async (t) => {
  const dir = copyPackage()
  replaceFile(dir, 'search-int8.onnx', new TextEncoder().encode('not a graph'))
  await t.rejects(createTrackerSession(await loadModelPackage(dir)), {
    code: 'MODEL_INVALID',
    message: /search-int8\.onnx is no graph/,
  })
})

t.test('sigmoid: symmetric, monotonic, never certain', async (t) => {
  const values = Float32Array.of(-100, -1, 0, 1, 100)
  sigmoidInto(values)
  t.equal(values[2], 0.5)
  t.equal(values[1], Math.fround(1 / (1 + Math.E)))
  t.equal(Math.fround(values[1]! + values[3]!), 1)
  t.equal(values[0], Math.fround(1e-4))
  t.equal(values[4], Math.fround(1 - 1e-4))
})

function pkgTensor(name: string): Uint8Array {
  const row = pkg.manifest.golden.tensors.find((g) => g.name === name)!
  const length = row.shape.reduce((a, b) => a * b, 1)
  return pkg.files['golden.bin']!.subarray(row.offset, row.offset + length)
}
