import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readGolden } from '../../../src/inference/golden.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { openRunner, type RunnerOptions } from '../../../src/inference/runner/open.js'
import { createTrackerSession } from '../../../src/inference/session.js'
import { PACKAGE_DIR } from '../packages.js'

const PYTHON = '/usr/bin/python3'
const RUNNER = fileURLToPath(
  new URL('../../../../scripts/runners/evtrackd_runner.py', import.meta.url),
)
const skip = existsSync(PYTHON) ? false : "Debian's python3 is not installed"
const pkg = await loadModelPackage(PACKAGE_DIR)

function python(...args: readonly string[]): RunnerOptions {
  return {
    command: [PYTHON, RUNNER, ...args],
    graph: 'fp32',
    threads: 1,
    maxBatch: 4,
    deadlineMs: 20_000,
    startTimeoutMs: 60_000,
  }
}

t.test(
  'the Python runner speaks the protocol: golden answers arrive bit by bit',
  { skip },
  async (t) => {
    const runner = await openRunner(pkg, python('--backend', 'golden'))
    t.equal(runner.description, 'evtrackd_runner.py on golden vectors')
    const cpu = await createTrackerSession(pkg)
    const golden = readGolden(pkg)
    const bytes = (name: string) => golden.get(name)!.data as Uint8Array
    const count = golden.get('template.crop')!.shape[0]!
    const each = bytes('template.crop').length / count
    const states = []
    for (let i = 0; i < count; i++) {
      states.push(await runner.template(bytes('template.crop').subarray(i * each, (i + 1) * each)))
    }
    const crops = bytes('search.crop')
    t.same(await runner.search(crops, states), await cpu.search(crops, states))
    t.same(
      await runner.search(crops, states.slice(0, 1)),
      await cpu.search(crops, states.slice(0, 1)),
    )
    await cpu.close()
    await t.rejects(runner.search(new Uint8Array(crops.length), states), {
      code: 'BACKEND_UNAVAILABLE',
      message: /could not compute: only golden inputs can be answered/,
    })
    await runner.close()
  },
)

t.test('what a back end needs and does not find is said', { skip }, async (t) => {
  const has = (module: string) => spawnSync(PYTHON, ['-c', `import ${module}`]).status === 0
  for (const [module, args] of [
    ['onnxruntime', ['--backend', 'onnxruntime']],
    ['pylynchipsdk', ['--backend', 'lynxi', '--template', 'a', '--search', 'b']],
  ] as const) {
    if (has(module)) continue
    await t.rejects(openRunner(pkg, python(...args)), {
      code: 'BACKEND_UNAVAILABLE',
      message: new RegExp(`cannot start: ModuleNotFoundError: .*'(${module}|numpy)'`),
    })
  }
  await t.rejects(openRunner(pkg, python('--backend', 'abacus')), {
    message: /ended with status 2, saying: .*invalid choice: 'abacus'/,
  })
})

const RUN_BY_HAND = `
import sys
sys.path.insert(0, '${fileURLToPath(new URL('../../../../scripts/runners', import.meta.url))}')
import evtrackd_runner as runner
options = type('Options', (), dict(provider='tensorrt', device=0, fp16=True, int8=False, cache='/c', dla=1))
print(runner.OnnxRuntime.providers(options))
`
t.test('TensorRT gets its options', { skip }, async (t) => {
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', RUN_BY_HAND], { encoding: 'utf8' })
  t.equal(stderr, '')
  t.match(stdout, /'trt_fp16_enable': True/)
  t.match(stdout, /'trt_dla_core': 1/)
  t.match(stdout, /'trt_engine_cache_path': '\/c'/)
  t.match(stdout, /TensorrtExecutionProvider.*CUDAExecutionProvider.*CPUExecutionProvider/)
})
