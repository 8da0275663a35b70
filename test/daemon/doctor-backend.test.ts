import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkModel } from '../../src/daemon/doctor/model.js'
import { parseConfig } from '../../src/daemon/load-config.js'

const examine = (inference: object) => checkModel(parseConfig({ inference }, 'the test'))

t.test('a backend that passes is said with its time', async (t) => {
  const checks = await examine({ backend: 'runner', runner: { graph: 'int8' } })
  t.match(checks, [
    { name: 'model', verdict: 'ok' },
    { name: 'golden run', verdict: 'ok' },
    {
      name: 'backend',
      verdict: 'ok',
      message:
        /^evtrackd reference runner on onnxruntime cpu, int8: runner: every golden number, [\d.]+ ms a search, chosen\.$/,
    },
  ])
})

t.test('auto tells what became of each', async (t) => {
  const command = ['/nowhere/runner']
  const checks = await examine({ backend: 'auto', runner: { command } })
  const { verdict, message } = checks.at(-1)!
  t.equal(verdict, 'ok')
  t.match(message, /onnxruntime cpu int8: runner: .*ENOENT.*; tensorrt: .*; cuda: .*; webgpu: /)
})

t.test('one that was asked for and is not there is a warning with the reason', async (t) => {
  const checks = await examine({ backend: 'cuda' })
  t.match(checks.at(-1), {
    name: 'backend',
    verdict: 'warn',
    message: /^cuda cannot be used, the CPU computes instead: cuda: .*(Cuda|without cuda)/,
    next: /docs\/jetson/,
  })
})

t.test('a folder that does not fit fails', async (t) => {
  const ortDir = mkdtempSync(join(tmpdir(), 'evtrackd-no-ort-'))
  // This thread has loaded ONNX Runtime before; a folder is looked at first.
  const checks = await examine({ backend: 'cpu', ortDir })
  t.match(checks.at(-1), {
    name: 'golden run',
    verdict: 'fail',
    message: /CONFIG_INVALID: inference.ort_dir .* is refused: onnxruntime_binding.node is missing/,
  })
})
