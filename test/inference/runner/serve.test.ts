import t from 'tap'
import { readGolden } from '../../../src/inference/golden.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { MemoryFile } from '../../../src/inference/runner/memory-file.js'
import { type Answer, helloOf, layoutOf } from '../../../src/inference/runner/protocol.js'
import { serveRunner } from '../../../src/inference/runner/serve.js'
import { PACKAGE_DIR } from '../packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const layout = layoutOf(pkg, 2)
const hello = helloOf(pkg, { layout, graph: 'int8', threads: 1, deadlineMs: 100 })

/** What the reference runner answers to requests, one after the other. */
async function answers(...requests: readonly unknown[]): Promise<readonly Answer[]> {
  const memory = new MemoryFile(layout.bytes)
  const crop = readGolden(pkg).get('template.crop')!.data
  memory.write(
    crop.subarray(0, 2 * layout.parts.template.inputs[0]!.shape.reduce((a, b) => a * b, 1)),
    0,
  )
  const given: Answer[] = []
  await serveRunner({
    input: requests.map((request) => Buffer.from(`${JSON.stringify(request)}\n`)),
    answer: (answer) => given.push(answer),
    memory: memory.fd,
    name: 'under test',
  })
  memory.close()
  return given
}

t.test('hello, run, health, stop', async (t) => {
  const run = { type: 'run', id: 1, part: 'template', batch: 2 }
  const given = await answers(hello, run, { type: 'health', id: 2 }, { type: 'stop' }, run)
  t.match(given, [
    { type: 'ready', protocol: 1, runner: 'under test', device: 'onnxruntime cpu', max_batch: 2 },
    { type: 'done', id: 1, ms: Number },
    { type: 'health', id: 2, runs: 1 },
  ])
  t.equal(given.length, 3, 'nothing after stop')
  t.match(given[0], {
    sha256: {
      template: pkg.manifest.files['template-int8.onnx']!.sha256,
      search: pkg.manifest.files['search-int8.onnx']!.sha256,
    },
  })
})

t.test('what it cannot do it says, and goes on', async (t) => {
  const files = { ...hello.files, search: { file: 'nowhere.onnx', sha256: '' } }
  const given = await answers(
    { type: 'run', id: 7, part: 'search', batch: 1 },
    { ...hello, protocol: 2 },
    { ...hello, files },
    hello,
    { type: 'run', id: 8, part: 'middle', batch: 1 },
    { type: 'health', id: 9 },
  )
  t.match(given, [
    { type: 'failed', id: 7, message: /no graph search/ },
    { type: 'failed', message: /protocol 2 is asked for, this runner speaks 1/ },
    { type: 'failed', message: /ENOENT/ },
    { type: 'ready' },
    { type: 'failed', id: 8, message: /no graph middle/ },
    { type: 'health', id: 9, runs: 0 },
  ])
})

t.test('tensors lie one after the other, aligned, with room for the batch', async (t) => {
  for (const part of ['template', 'search'] as const) {
    const { inputs, outputs } = layout.parts[part]
    let end = 0
    for (const { dtype, shape, offset } of [...inputs, ...outputs]) {
      t.equal(offset % 64, 0)
      t.ok(offset >= end)
      end = offset + 2 * shape.reduce((a, b) => a * b, dtype === 'float32' ? 4 : 1)
    }
    t.ok(end <= layout.bytes)
  }
})
