import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'
import { exitStatus } from '../../src/events/errors.js'
import { referenceCommand } from '../../src/inference/runner/reference.js'
import type { StepResult } from '../../src/tracking/track.js'

t.setTimeout(110_000)

const lines: string[] = []
const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })

function configure(runner: object) {
  return parseConfig(
    {
      source: { kind: 'scene', scene: 'clean', seed: 901 },
      inference: { backend: 'runner', runner },
      mqtt: { url: 'embedded', embedded: { port: 0 } },
      stateDir: mkdtempSync(join(tmpdir(), 'evtrackd-backend-')),
    },
    'the test',
  )
}

/** Runners that this process has started. */
function runners(): number[] {
  const [, file] = referenceCommand()
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return Number(parent) === process.pid && command.includes(file!)
      } catch {
        return false
      }
    })
}

/** Runs a daemon, and gives what waits for a window of which something is true. */
async function run(runner: object) {
  let check: (step: StepResult) => void = () => {}
  const daemon: Daemon = await startDaemon(configure(runner), {
    log,
    hooks: { onStep: (step) => check(step) },
  })
  await daemon.ready
  const until = (is: (step: StepResult) => boolean) =>
    new Promise<StepResult>((resolve) => {
      check = (step) => {
        if (is(step)) resolve(step)
      }
    })
  return { daemon, until }
}

t.test('a runner that is killed costs no target, and is back by itself', async (t) => {
  const { daemon, until } = await run({ graph: 'int8', deadlineMs: 10_000 })
  t.teardown(() => daemon.stop())
  const { facts } = daemon
  await until(() => facts.backend?.inUse === 'runner')
  const { tracks } = await until((step) => step.tracks.length > 0 && step.inferences > 0)
  const ids = tracks.map(({ id }) => id)
  const [pid] = runners()
  process.kill(pid!, 'SIGKILL')
  const ended: string[] = []
  const after = await until((step) => {
    ended.push(...step.events.filter(({ kind }) => kind === 'end').map(({ after }) => after.id))
    return facts.backend?.failures === 1 && facts.backend.inUse === 'cpu' && step.inferences > 0
  })
  t.same(
    ids.filter((id) => !after.tracks.some((track) => track.id === id) && !ended.includes(id)),
    [],
    'every target is there',
  )
  await until(() => facts.backend?.inUse === 'runner')
  t.not(runners()[0], pid)
  t.match(facts.health().backend, {
    wanted: 'runner',
    in_use: 'runner',
    fallback: false,
    failures: 1,
    reason: /ended with SIGKILL/,
  })
  await daemon.stop()
  t.same(runners(), [], 'none is left')
  const text = lines.join('')
  t.match(text, /backend evtrackd reference runner on onnxruntime cpu, int8/)
  t.match(text, /backend failed, the CPU goes on/)
})

t.test('a runner that cannot be started is a state, said once', async (t) => {
  lines.length = 0
  const { daemon, until } = await run({ command: ['/nowhere/runner'] })
  t.teardown(() => daemon.stop())
  await until((step) => step.tracks.length > 0 && step.inferences > 0)
  await until(() => (daemon.facts.backend?.attempts ?? 0) > 1)
  t.match(daemon.facts.health().backend, { in_use: 'cpu', fallback: true, failures: 0 })
  const said = lines.filter((line) => line.includes('cannot be used, the CPU computes instead'))
  t.equal(said.length, 1, lines.join(''))
  t.match(said[0], /ENOENT/)
})

t.test('a folder for ONNX Runtime that does not fit ends the daemon for good', async (t) => {
  const ortDir = mkdtempSync(join(tmpdir(), 'evtrackd-no-ort-'))
  const config = configure({})
  const daemon = await startDaemon(
    { ...config, inference: { ...config.inference, ortDir } },
    { log },
  )
  await t.rejects(daemon.done, {
    code: 'CONFIG_INVALID',
    message: /inference.ort_dir .* is refused: onnxruntime_binding.node is missing/,
  })
  t.equal(exitStatus('CONFIG_INVALID'), 78, 'a restart cannot help')
})
