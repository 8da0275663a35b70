import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { openRunner, type RunnerOptions } from '../../../src/inference/runner/open.js'
import { referenceCommand } from '../../../src/inference/runner/reference.js'
import { createTrackerSession } from '../../../src/inference/session.js'
import type { TrackerSession } from '../../../src/inference/tracker-session.js'
import { copyPackage, noiseCrops, PACKAGE_DIR } from '../packages.js'
import type { Fault } from './faulty-runner.js'

const FAULTY = fileURLToPath(new URL('./faulty-runner.js', import.meta.url))
const pkg = await loadModelPackage(PACKAGE_DIR)
const { planes, templateSize, searchSize } = pkg.spec
const crops = noiseCrops(5, 8 * planes.length * searchSize ** 2)
const cpu = await createTrackerSession(pkg)
t.teardown(() => cpu.close())
const states = await Promise.all(
  Array.from({ length: 8 }, (_, i) =>
    cpu.template(noiseCrops(i + 1, planes.length * templateSize ** 2)),
  ),
)

/** Nothing here is meant to be late but what hangs: a loaded machine may stop a process for a while. */
const PATIENT = {
  graph: 'int8',
  threads: 1,
  maxBatch: 8,
  deadlineMs: 20_000,
  startTimeoutMs: 60_000,
} as const
const reference: RunnerOptions = { ...PATIENT, command: referenceCommand() }

function faulty(fault: Fault, after = 0): RunnerOptions {
  return { ...PATIENT, command: [process.execPath, FAULTY, fault, String(after)] }
}

function search(session: TrackerSession, batch: number) {
  return session.search(crops, states.slice(0, batch))
}

/** Whether a process is there and not just waiting to be collected. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function memoryFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(join('/proc/self/fd', fd))
      return target.includes('evtrackd-') ? [target] : []
    } catch {
      return []
    }
  })
}

t.test('a runner gives what the CPU gives in this process, bit by bit', async (t) => {
  const runner = await openRunner(pkg, reference)
  t.equal(runner.description, 'evtrackd reference runner on onnxruntime cpu')
  for (const batch of [1, 8, 3, 0]) t.same(await search(runner, batch), await search(cpu, batch))
  const crop = noiseCrops(77, planes.length * templateSize ** 2)
  const [own, other] = [await cpu.template(crop), await runner.template(crop)]
  t.same(other, own, 'template states may be handed from one to the other')
  t.ok(runner.computeMs > 0)
  const { pid } = runner
  await runner.close()
  await runner.close()
  t.notOk(isAlive(pid))
  t.same(memoryFiles(), [])
  await t.rejects(search(runner, 1), { code: 'BACKEND_UNAVAILABLE', message: /was closed/ })
})

t.test('what is asked at once is answered in turn, larger batches in parts', async (t) => {
  const runner = await openRunner(pkg, faulty('small-batch', 1e9))
  const [eight, one, state] = await Promise.all([
    search(runner, 8),
    search(runner, 1),
    runner.template(crops.subarray(0, planes.length * templateSize ** 2)),
  ])
  t.same(eight, await search(cpu, 8))
  t.same(one, await search(cpu, 1))
  t.same(state, await cpu.template(crops.subarray(0, planes.length * templateSize ** 2)))
  await runner.close()
})

t.test('one that is killed, stopped or dead is noticed, and nothing is left of it', async (t) => {
  for (const [signal, message] of [
    ['SIGKILL', /ended with SIGKILL/],
    ['SIGSTOP', /did not answer within 300 ms/],
  ] as const) {
    const runner = await openRunner(pkg, { ...reference, deadlineMs: 300 })
    await search(runner, 1).catch(() => {})
    process.kill(runner.pid, signal)
    await t.rejects(search(runner, 2), { code: 'BACKEND_UNAVAILABLE', message }, signal)
    await t.rejects(search(runner, 1), { code: 'BACKEND_UNAVAILABLE' }, 'and stays so')
    await runner.close()
    t.notOk(isAlive(runner.pid), `${signal}: it is gone`)
  }
  t.same(memoryFiles(), [])
})

const GOLDEN_SEARCHES = 1
t.test('every kind of wrong answer is found in the run that it answers', async (t) => {
  const faults: readonly (readonly [Fault, RegExp])[] = [
    ['crash', /ended with status 3, saying: the driver is gone/],
    ['nan', /score_logit holds a number that this network cannot give/],
    ['off-grid', /score_logit holds a number that this network cannot give/],
    ['unwritten', /score_logit holds a number that this network cannot give/],
    ['id', /it answered .* to run \d+/],
    ['garbage', /no JSON: Segmentation fault/],
    ['endless-line', /a line is too long/],
    ['failed', /could not compute: out of memory/],
  ]
  for (const [fault, message] of faults) {
    const runner = await openRunner(pkg, faulty(fault, GOLDEN_SEARCHES + 1))
    t.same(await search(runner, 1), await search(cpu, 1), fault)
    await t.rejects(search(runner, 1), { code: 'BACKEND_UNAVAILABLE', message }, fault)
    await runner.close()
    t.notOk(isAlive(runner.pid))
  }
})

t.test('a second answer to one question is found before the next is put', async (t) => {
  const runner = await openRunner(pkg, faulty('twice', GOLDEN_SEARCHES))
  // The first is right, so it may be used; whether the second was read by then decides which call fails.
  await t.rejects(
    (async () => {
      for (let i = 0; i < 3; i++) await search(runner, 1)
    })(),
    { code: 'BACKEND_UNAVAILABLE', message: /without being asked|it answered .* to run/ },
  )
  await runner.close()
})

t.test('one that hangs is killed at its deadline', async (t) => {
  const runner = await openRunner(pkg, { ...faulty('hang', GOLDEN_SEARCHES), deadlineMs: 300 })
  await t.rejects(search(runner, 1), { message: /did not answer within 300 ms/ })
  await runner.close()
  t.notOk(isAlive(runner.pid))
})

t.test('an answer that came while this thread was busy is not late', async (t) => {
  const runner = await openRunner(pkg, { ...reference, deadlineMs: 2000 })
  const answer = search(runner, 1)
  // The request goes out in the next turns; then this thread is busy until long after the deadline.
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
  t.same(await answer, await search(cpu, 1))
  await runner.close()
})

t.test('refused at the start, with the reason, and nothing stays open', async (t) => {
  const refusals: readonly (readonly [RunnerOptions, object])[] = [
    [faulty('protocol'), { message: /speaks protocol 9, this evtrackd speaks 1/ }],
    [faulty('hash'), { message: /read search-int8.onnx with sha256 f00d, expected [0-9a-f]{64}/ }],
    [faulty('batch'), { message: /batches of 0, expected 1 to 8/ }],
    [faulty('refuse'), { message: /cannot start: there is no chip/ }],
    [faulty('wrong', 0), { code: 'MODEL_INVALID', message: /search.score_logit differs/ }],
    [{ ...PATIENT, command: ['/nowhere/runner'] }, { message: /cannot be started: .*ENOENT/ }],
    [{ ...PATIENT, command: ['/bin/true'] }, { message: /ended with status 0/ }],
    [
      { ...PATIENT, startTimeoutMs: 200, command: ['/bin/sleep', '1000'] },
      { message: /did not answer within 200 ms/ },
    ],
    [{ ...PATIENT, command: ['/bin/cat'] }, { message: /it answered .* to hello/ }],
  ]
  for (const [options, expected] of refusals) {
    await t.rejects(openRunner(pkg, options), { code: 'BACKEND_UNAVAILABLE', ...expected })
  }
  t.same(memoryFiles(), [])
})

t.test('a package that has changed on disk since it was read is refused', async (t) => {
  const dir = copyPackage()
  const loaded = await loadModelPackage(dir)
  const { writeFileSync } = await import('node:fs')
  const file = join(dir, 'search-int8.onnx')
  writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(2)]))
  await t.rejects(openRunner(loaded, reference), { code: 'BACKEND_UNAVAILABLE' })
})

t.test('one that is stopped or dies while nobody searches is noticed', async (t) => {
  for (const [signal, message] of [
    ['SIGKILL', /ended with SIGKILL/],
    ['SIGSTOP', /did not answer within 2000 ms/],
  ] as const) {
    const runner = await openRunner(pkg, { ...reference, healthEveryMs: 20 })
    const rounds = runner.gone.then((error) => error.message)
    // Asked how it is, it answers: it is there after many rounds.
    await search(runner, 1)
    process.kill(runner.pid, signal)
    t.match(await rounds, message, signal)
    await runner.close()
  }
  const closed = await openRunner(pkg, reference)
  let told = false
  void closed.gone.then(() => (told = true))
  await closed.close()
  t.notOk(told, 'one that was closed has not failed')
})

t.test('no longer wanted while it starts', async (t) => {
  const abort = new AbortController()
  const opening = openRunner(pkg, {
    ...PATIENT,
    command: ['/bin/sleep', '1000'],
    signal: abort.signal,
  })
  setImmediate(() => abort.abort())
  await t.rejects(opening, { message: /not wanted any more/ })
})

t.test('a runner ends when evtrackd is gone, however that happened', async (t) => {
  const script = `
    import { loadModelPackage } from '${new URL('../../../src/inference/model-package.js', import.meta.url)}'
    import { openRunner } from '${new URL('../../../src/inference/runner/open.js', import.meta.url)}'
    const pkg = await loadModelPackage(${JSON.stringify(PACKAGE_DIR)})
    const runner = await openRunner(pkg, ${JSON.stringify(reference)})
    console.log(runner.pid)
    process.kill(process.pid, 'SIGKILL')
  `
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  t.equal(signal, 'SIGKILL')
  const pid = Number(stdout.trim())
  t.ok(pid > 0)
  for (let i = 0; i < 1000 && isAlive(pid); i++) await new Promise((done) => setTimeout(done, 10))
  t.notOk(isAlive(pid))
})

t.test('the reference runner says what is wrong with how it was started', async (t) => {
  const [program, file] = referenceCommand()
  const { status, stderr } = spawnSync(program, [file!, '--provider', 'abacus'], {
    encoding: 'utf8',
  })
  t.equal(status, 1)
  t.match(stderr, /no provider abacus; choose from cpu, webgpu, cuda, tensorrt/)
})
