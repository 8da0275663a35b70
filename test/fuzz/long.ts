import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { corpusPath, fuzz, readCorpus } from './harness.js'
import { TARGETS } from './targets.js'

/**
 * The long mode behind scripts/fuzz. Each target runs in a process of its own: one that hangs or dies takes nothing
 * else with it, and the input it had is in a file.
 */

const HELP = `scripts/fuzz [TARGET…] [--seconds N] [--runs N] [--seed N] [--keep N] [--input FILE]

Feeds mutated inputs to every way into the daemon, or to the named ones:
  ${Object.keys(TARGETS).join(', ')}

  --seconds N   for each target (60)
  --runs N      inputs for each target, at most
  --seed N      the same seed and number of runs give the same inputs (the time of day)
  --keep N      put up to N small inputs that reached something new into test/fuzz/corpus
  --input FILE  run this one input and say what comes of it
`

/** Processor time for one input after which its process is ended. Of the processor, since it may be shared. */
const HANG_MS = 20_000
const LOOK_MS = 5000
const HEAP_MIB = 768
const KEPT_BYTES = 4096

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 2 ** 31) },
    keep: { type: 'string', default: '0' },
    input: { type: 'string' },
    child: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS)
const stranger = names.find((name) => TARGETS[name] === undefined)

if (values.help) process.stdout.write(HELP)
else if (stranger !== undefined) {
  process.stderr.write(`There is no target ${stranger}.\n\n${HELP}`)
  process.exitCode = 2
} else if (values.child !== undefined) await runHere(names[0]!, values.child)
else {
  process.stdout.write(`seed ${values.seed}\n`)
  for (const name of names) await runApart(name)
}

/** In the child: fuzzes, and leaves each input in a file before it is run. */
async function runHere(name: string, inputFile: string): Promise<void> {
  const target = await TARGETS[name]!()
  const started = performance.now()
  const single = values.input === undefined ? undefined : readFileSync(values.input)
  const corpus = single === undefined ? [...readCorpus(name).values()] : [single]
  const result = await fuzz(single === undefined ? target : { ...target, seeds: [] }, {
    seed: Number(values.seed),
    runs: single === undefined ? Number(values.runs ?? Number.MAX_SAFE_INTEGER) : 1,
    deadlineMs: started + Number(values.seconds) * 1000,
    corpus,
    before: (input) => writeFileSync(inputFile, input),
  })
  await target.close?.()
  const seconds = (performance.now() - started) / 1000
  process.stdout.write(
    `${name}: ${result.runs} inputs in ${seconds.toFixed(0)} s, ${result.novel.length} new outcomes, ` +
      `slowest ${result.slowestMs.toFixed(0)} ms, ${Math.round(result.peakRssBytes / 2 ** 20)} MiB, ` +
      `${result.findings.length} findings\n`,
  )
  for (const { kind, message, input } of result.findings) {
    process.stdout.write(`  ${kind}: ${message}\n  in ${save(name, input)}\n`)
  }
  if (result.findings.length > 0) process.exitCode = 1
  for (const input of result.novel.filter((i) => i.length <= KEPT_BYTES).slice(0, keep())) {
    const path = corpusPath(name, input)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, input)
  }
}

function keep(): number {
  return Number(values.keep)
}

function save(name: string, input: Uint8Array): string {
  const path = join(
    tmpdir(),
    'evtrackd-findings',
    corpusPath(name, input).split('/').slice(-2).join('-'),
  )
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, input)
  return path
}

/** In the parent: watches the file in which the child leaves its inputs. */
async function runApart(name: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-watch-'))
  const inputFile = join(dir, 'input')
  writeFileSync(inputFile, '')
  const rest = Object.entries({ ...values, help: undefined, child: inputFile }).flatMap(
    ([key, value]) => (typeof value === 'string' ? [`--${key}`, value] : []),
  )
  const args = [`--max-old-space-size=${HEAP_MIB}`, fileURLToPath(import.meta.url), name, ...rest]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  let seen = ''
  let sinceMs = 0
  let hangs = false
  const watchdog = setInterval(() => {
    const now = readFileSync(inputFile, 'latin1')
    const cpuMs = processorMs(child.pid)
    if (now !== seen) sinceMs = cpuMs
    seen = now
    hangs = cpuMs - sinceMs > HANG_MS
    if (hangs) child.kill('SIGKILL')
  }, LOOK_MS)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (...ended) => resolve(ended))
  })
  clearInterval(watchdog)
  if (signal !== null || (code !== 0 && code !== 1)) {
    const what = hangs
      ? `took longer than ${HANG_MS / 1000} s of processor time`
      : `ended with ${signal ?? code}`
    process.stdout.write(`${name}: ${what}\n  in ${save(name, readFileSync(inputFile))}\n`)
  }
  if (code !== 0) process.exitCode = 1
  rmSync(dir, { recursive: true, force: true })
}

/** What a process has computed so far, in user and system mode; the kernel counts in hundredths of a second. */
function processorMs(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return 10 * (Number(fields[11]) + Number(fields[12]))
}
