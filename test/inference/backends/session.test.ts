import { fileURLToPath } from 'node:url'
import t from 'tap'
import { EvtrackError } from '../../../src/events/errors.js'
import { type Clock, systemClock } from '../../../src/events/time.js'
import type { BackendReport, Candidate } from '../../../src/inference/backends/backend.js'
import { candidatesFor } from '../../../src/inference/backends/candidates.js'
import { inferenceSchema } from '../../../src/inference/backends/schema.js'
import { BackendSession } from '../../../src/inference/backends/session.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { createTrackerSession, type LogitSession } from '../../../src/inference/session.js'
import { noiseCrops, PACKAGE_DIR } from '../packages.js'

const FAULTY = fileURLToPath(new URL('../runner/faulty-runner.js', import.meta.url))
const pkg = await loadModelPackage(PACKAGE_DIR)
const { planes, templateSize, searchSize } = pkg.spec
const crops = noiseCrops(9, 3 * planes.length * searchSize ** 2)
const expected = await createTrackerSession(pkg)
t.teardown(() => expected.close())
const states = await Promise.all(
  [1, 2, 3].map((i) => expected.template(noiseCrops(i, planes.length * templateSize ** 2))),
)
const right = await expected.search(crops, states)

/** Pauses end when the test says so. */
function steppedClock() {
  const pauses: { ms: number; end: () => void }[] = []
  let asked: () => void = () => {}
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        pauses.push({ ms, end: resolve })
        asked()
      }),
  }
  /** The next pause that is asked for, now or later. */
  const pause = async () => {
    while (pauses.length === 0) await new Promise<void>((resolve) => (asked = resolve))
    return pauses.shift()!
  }
  return { clock, pause }
}

/** The real network in this process, with what a test wants broken in it. */
function candidate(
  over: {
    readonly name?: Candidate['name']
    readonly ms?: number
    readonly search?: () => LogitSession['search'] | undefined
    readonly prepare?: () => Error | undefined
    readonly take?: Error
    readonly gone?: Promise<Error>
  } = {},
) {
  const seen = { prepared: 0, dropped: 0, closed: 0, searches: 0 }
  const it: Candidate = {
    name: over.name ?? 'runner',
    async prepare() {
      seen.prepared++
      const error = over.prepare?.()
      if (error !== undefined) throw error
      const session = await createTrackerSession(pkg, { skipGolden: true })
      const watched: LogitSession = {
        spec: session.spec,
        template: (crop) => session.template(crop),
        search: (...given) => {
          seen.searches++
          return (over.search?.() ?? session.search.bind(session))(...given)
        },
        searchLogits: (...given) => session.searchLogits(...given),
        close: async () => {
          seen.closed++
          await session.close()
        },
      }
      return {
        searchMs: over.ms ?? 1,
        take: async () => {
          if (over.take !== undefined) throw over.take
          const { gone } = over
          return { session: watched, description: `test ${it.name}`, ...(gone && { gone }) }
        },
        drop: async () => {
          seen.dropped++
          await session.close()
        },
      }
    },
  }
  return { it, seen }
}

async function open(
  candidates: readonly Candidate[],
  over: Partial<ConstructorParameters<typeof BackendSession>[0]> = {},
) {
  const reports: BackendReport[] = []
  const { clock, pause } = steppedClock()
  const session = new BackendSession({
    pkg,
    cpu: await createTrackerSession(pkg, { skipGolden: true }),
    cpuDescription: 'onnxruntime cpu int8',
    wanted: 'runner',
    candidates,
    checkShare: 0.01,
    onReport: (report) => reports.push(report),
    clock,
    ...over,
  })
  return { session, reports, pause }
}

const gone = () =>
  Promise.reject(new EvtrackError('BACKEND_UNAVAILABLE', 'The chip is gone.', { next: '' }))

t.test('the CPU computes at once, the backend from when it has shown what it can', async (t) => {
  let show: () => void = () => {}
  const shown = new Promise<void>((resolve) => (show = resolve))
  const { it, seen } = candidate()
  const slow: Candidate = { name: 'runner', prepare: (s) => shown.then(() => it.prepare(s)) }
  const { session, reports } = await open([slow])
  t.same(await session.search(crops, states), right)
  t.match(session.report, { inUse: 'cpu', description: 'onnxruntime cpu int8' })
  t.equal(session.report.attempts, 0, 'one that goes on is not counted, so that its end is news')
  show()
  await session.settled
  t.match(reports, [{ inUse: 'runner', description: 'test runner', fallback: false, failures: 0 }])
  t.equal(session.report.attempts, 1)
  t.same(await session.search(crops, states), right)
  t.equal(seen.searches, 1)
  await session.close()
  t.equal(seen.closed, 1)
})

t.test('a search that fails is answered by the CPU; pauses double until it is back', async (t) => {
  let broken = false
  let away: Error | undefined
  const { it, seen } = candidate({
    search: () => (broken ? gone : undefined),
    prepare: () => away,
  })
  const { session, reports, pause } = await open([it])
  await session.settled
  broken = true
  t.same(await session.search(crops, states), right, 'the very search that failed')
  t.match(reports.at(-1), {
    inUse: 'cpu',
    fallback: true,
    failures: 1,
    reason: 'The chip is gone.',
    retryMs: 1000,
  })
  broken = false
  away = new EvtrackError('BACKEND_UNAVAILABLE', 'There is no chip.', { next: '' })
  const pauses: number[] = []
  for (let i = 0; i < 8; i++) {
    const { ms, end } = await pause()
    pauses.push(ms)
    if (i === 7) away = undefined
    end()
  }
  t.same(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  while (session.report.inUse === 'cpu') await new Promise(setImmediate)
  t.match(session.report, { inUse: 'runner', fallback: false, attempts: 9, failures: 1 })
  t.match(reports.at(-2), { reason: 'There is no chip.', retryMs: 60_000 })
  t.same(await session.search(crops, states), right)
  t.equal(seen.closed, 1, 'the one that failed')
  await session.close()
  t.equal(seen.closed, 2)
})

t.test('one that was asked for by name is waited for from the start', async (t) => {
  let away: Error | undefined = new Error('no driver')
  const { it } = candidate({ prepare: () => away })
  const { session, reports, pause } = await open([it])
  await session.settled
  t.match(reports, [{ inUse: 'cpu', fallback: true, reason: 'no driver', failures: 0 }])
  t.match(session.report.trials, [{ name: 'runner', outcome: 'failed', reason: 'no driver' }])
  const { end } = await pause()
  away = undefined
  end()
  while (session.report.inUse === 'cpu') await new Promise(setImmediate)
  await session.close()
})

t.test('auto takes the fastest of those that pass, if it is faster than the CPU', async (t) => {
  const bad = candidate({ name: 'tensorrt', prepare: () => new Error('no library') })
  const slower = candidate({ name: 'cuda', ms: 0.0002 })
  const fastest = candidate({ name: 'webgpu', ms: 0.0001 })
  const { session } = await open([bad.it, slower.it, fastest.it], { wanted: 'auto' })
  await session.settled
  t.match(session.report, { inUse: 'webgpu', fallback: false })
  t.same(
    session.report.trials.map(({ name, outcome }) => `${name} ${outcome}`),
    ['tensorrt failed', 'webgpu chosen', 'cuda slower', 'cpu slower'],
  )
  t.equal(slower.seen.dropped, 1)
  await session.close()

  const snail = candidate({ name: 'webgpu', ms: 1e6 })
  const other = await open([snail.it], { wanted: 'auto' })
  await other.session.settled
  t.match(other.session.report, { inUse: 'cpu', fallback: false, retryMs: null })
  t.match(other.session.report.trials, [
    { name: 'webgpu', outcome: 'slower' },
    { name: 'cpu', outcome: 'chosen' },
  ])
  t.equal(snail.seen.dropped, 1)
  await other.session.close()
})

t.test('one that passes its trial and then cannot be opened makes room for the next', async (t) => {
  const first = candidate({ name: 'cuda', ms: 0.0001, take: new Error('out of memory') })
  const second = candidate({ name: 'webgpu', ms: 0.0002 })
  const { session } = await open([first.it, second.it], { wanted: 'auto' })
  await session.settled
  t.equal(session.report.inUse, 'webgpu')
  t.match(session.report.trials[0], { name: 'cuda', outcome: 'failed', reason: 'out of memory' })
  await session.close()
})

t.test('under auto, what was chosen and failed is tried again, and nothing else', async (t) => {
  let broken = false
  const chosen = candidate({ name: 'cuda', ms: 0.0001, search: () => (broken ? gone : undefined) })
  const other = candidate({ name: 'webgpu', ms: 0.0002 })
  const { session, pause } = await open([chosen.it, other.it], { wanted: 'auto' })
  await session.settled
  broken = true
  await session.search(crops, states)
  broken = false
  t.match(session.report, { fallback: true, inUse: 'cpu' })
  const { end } = await pause()
  end()
  while (session.report.inUse === 'cpu') await new Promise(setImmediate)
  t.equal(session.report.inUse, 'cuda')
  t.equal(other.seen.prepared, 1)
  await session.close()
})

t.test('numbers that are none, and numbers that are wrong', async (t) => {
  let spoil: (maps: Awaited<ReturnType<LogitSession['search']>>) => void = () => {}
  const { it } = candidate({
    search: () => async (given, templates) => {
      const maps = await expected.search(given, templates)
      spoil(maps)
      return maps
    },
  })
  const { session, pause } = await open([it], { checkShare: 1 })
  await session.settled
  t.same(await session.search(crops, states), right)
  t.equal(await session.check(), true, 'compared with the CPU')
  t.match(session.report, { checks: 1, wrong: 0, inUse: 'runner' })
  t.equal(await session.check(), false, 'nothing was searched since')

  spoil = ({ size }) => (size[3] = Number.NaN)
  t.same(await session.search(crops, states), right, 'not one window sees it')
  t.match(session.report, { inUse: 'cpu', failures: 1, reason: /no number/ })
  spoil = ({ offset }) => (offset[offset.length - 1]! += 2 ** -20)
  ;(await pause()).end()
  while (session.report.inUse === 'cpu') await new Promise(setImmediate)
  // Of three targets each has its turn; the last one is wrong.
  for (let i = 0; i < 3; i++) {
    await session.search(crops, states)
    await session.check()
  }
  t.match(session.report, { inUse: 'cpu', failures: 2, wrong: 1, reason: /differs from the CPU/ })
  await session.close()
})

t.test('checks can be left out, and what a caller does wrong is his', async (t) => {
  const { it } = candidate()
  const { session } = await open([it], { checkShare: 0 })
  await session.settled
  await session.search(crops, states)
  t.equal(await session.check(), false)
  await t.rejects(session.search(new Uint8Array(3), states), RangeError)
  t.match(session.report, { inUse: 'runner', failures: 0 })
  await session.close()
})

t.test('one that is gone while nobody searches is replaced before somebody does', async (t) => {
  let end: (error: Error) => void = () => {}
  const { it, seen } = candidate({ gone: new Promise((resolve) => (end = resolve)) })
  const { session, reports } = await open([it])
  await session.settled
  end(new Error('it was switched off'))
  while (session.report.inUse !== 'cpu') await new Promise(setImmediate)
  t.match(reports.at(-1), { failures: 1, reason: 'it was switched off', retryMs: 1000 })
  t.same(await session.search(crops, states), right)
  t.equal(seen.searches, 0)
  await session.close()
  t.equal(session.report.failures, 1)
})

t.test('closed while it tries: nothing is taken into use and nothing stays open', async (t) => {
  const { it, seen } = candidate()
  const { session, reports } = await open([it])
  await session.close()
  t.equal(seen.prepared, seen.closed + seen.dropped)
  t.same(reports, [])
})

t.test('a real runner that dies, hangs or lies in the middle of the work', async (t) => {
  const reference = inferenceSchema.parse({
    backend: 'runner',
    runner: { graph: 'int8', deadlineMs: 10_000, startTimeoutMs: 60_000 },
  })
  for (const fault of ['crash', 'hang', 'nan', 'wrong'] as const) {
    // One search is golden, five measure, four are right.
    const command = [process.execPath, FAULTY, fault, '10']
    const deadlineMs = fault === 'hang' ? 300 : 10_000
    const config = { ...reference, runner: { ...reference.runner, command, deadlineMs } }
    const candidates = candidatesFor({ pkg, config, threads: 1 })
    const { session } = await open(candidates, { checkShare: 1 })
    await session.settled
    t.equal(session.report.inUse, 'runner', session.report.reason ?? fault)
    let wrong = 0
    for (let window = 0; window < 8; window++) {
      const maps = await session.search(crops, states.slice(0, 1))
      if (!maps.score.every((score, i) => score === right.score[i])) wrong++
      await session.check()
    }
    t.match(session.report, { inUse: 'cpu', failures: 1 }, fault)
    t.equal(wrong, fault === 'wrong' ? 1 : 0, `${fault}: windows with a wrong answer`)
    await session.close()
  }
})
