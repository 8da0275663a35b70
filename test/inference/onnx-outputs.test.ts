import t from 'tap'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { openGraph } from '../../src/inference/onnx.js'
import { onnxTensors, withOutputs } from '../../src/inference/onnx-outputs.js'
import { noiseCrops, PACKAGE_DIR } from './packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const model = pkg.files['template-int8.onnx']!

t.test('the tensors of a graph', async (t) => {
  const tensors = onnxTensors(model)
  for (const name of ['stem', 'spikes0', 'key', 'sums1']) t.ok(tensors.has(name), name)
  t.notOk(tensors.has('crop'), 'inputs are not written')
  t.throws(() => onnxTensors(model.subarray(0, 1000)), RangeError)
  t.throws(() => onnxTensors(Uint8Array.of(7, 1)), RangeError)
})

t.test(
  'more outputs: the shipped bytes, then only names; the old outputs stay as they are',
  async (t) => {
    const longer = withOutputs(model, ['spikes0', 'membrane1'])
    t.equal(Buffer.compare(longer.subarray(0, model.length), model), 0)
    t.ok(longer.length < model.length + 40)
    const plain = await openGraph(model, { name: 'plain', threads: 1 })
    const shown = await openGraph(longer, { name: 'shown', threads: 1 })
    t.teardown(() => Promise.all([plain.close(), shown.close()]))
    const feeds = { crop: { data: noiseCrops(1, 4 * 64 * 64), dims: [1, 4, 64, 64] } }
    const [before, after] = [await plain.run(feeds), await shown.run(feeds)]
    for (const name of Object.keys(before))
      t.ok(Buffer.from(after[name]!.buffer).equals(Buffer.from(before[name]!.buffer)), name)
    t.equal(after['spikes0']?.length, 32 * 16 * 16)
    t.type(after['membrane1'], Float32Array)
  },
)
