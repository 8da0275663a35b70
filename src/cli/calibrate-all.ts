import { createInterface } from 'node:readline'
import { KIND_NAMES, type KindName } from '../calibration/kind.js'
import { loadKind } from '../calibration/kinds.js'
import { EvtrackError } from '../events/errors.js'
import { measure, report } from './calibrate.js'
import { print, reportError } from './output.js'

/** The way of a new camera: later kinds build upon earlier ones. `ground` and `zones` need places that only you know. */
const ORDER: readonly KindName[] = [
  'hot-pixels',
  'exposure',
  'focus',
  'lens',
  'biases',
  'noise',
  'imu',
  'time',
]

interface AllOptions {
  readonly config?: string
  readonly serial?: string
  readonly source?: string
  readonly scene?: string
  readonly seed?: string
  readonly skip?: string
  readonly out: string
  readonly yes?: boolean
}

/** Exit statuses of one kind: PASS, WARN, FAIL; whatever is beyond ends the walk. */
const FAILED = 2
/** As a shell says it of a program that Ctrl-C has ended. */
const INTERRUPTED = 130
const VERDICTS = ['PASS', 'WARN', 'FAIL'] as const

/** `evtrackd calibrate all`: one kind after the other, waiting for the user before each, then the report. */
export async function measureAll(options: AllOptions): Promise<void> {
  const { skip, out, yes, ...common } = options
  let kinds: readonly KindName[]
  try {
    kinds = withoutSkipped(skip)
  } catch (error) {
    if (!(error instanceof EvtrackError)) throw error
    reportError(error)
    process.exitCode = 78
    return
  }
  // Nobody can be asked where there is no terminal, and an emulated camera is held by an emulated user.
  const asks = yes !== true && common.source !== 'emulator' && process.stdin.isTTY === true
  const done = new Map<KindName, number>()
  for (const [i, kind] of kinds.entries()) {
    print(`\n${i + 1} of ${kinds.length}: ${kind}`)
    const { status, on } = await one(kind, common, asks)
    // Interrupted, or a configuration that no other kind would like better.
    if (status !== undefined && status > FAILED) {
      process.exitCode = status
      return
    }
    if (status !== undefined) done.set(kind, status)
    if (!on) break
  }
  if (done.size === 0) return
  print(`\n${[...done].map(([kind, status]) => `${VERDICTS[status]}  ${kind}`).join('\n')}\n`)
  try {
    await report({ ...common, out })
  } catch (error) {
    if (!(error instanceof EvtrackError)) throw error
    reportError(error)
  }
  process.exitCode = Math.max(...done.values())
}

function withoutSkipped(skip: string | undefined): readonly KindName[] {
  const skipped = skip?.split(',').map((name) => name.trim()) ?? []
  const unknown = skipped.find((name) => !ORDER.some((kind) => kind === name))
  if (unknown === undefined) return ORDER.filter((kind) => !skipped.includes(kind))
  throw new EvtrackError('CONFIG_INVALID', `--skip ${unknown} is no calibration of the walk.`, {
    next: KIND_NAMES.some((kind) => kind === unknown)
      ? `${unknown} is not part of it: run \`evtrackd calibrate ${unknown} --input FILE.json\`.`
      : `Choose of ${ORDER.join(', ')}, separated by commas.`,
  })
}

type Common = Omit<AllOptions, 'skip' | 'out' | 'yes'>

/** How a kind ended, undefined when it was left out, and whether the walk goes on. */
interface Step {
  readonly status?: number
  readonly on: boolean
}

/** One kind, again as often as the user wants after a failure. */
async function one(kind: KindName, common: Common, asks: boolean): Promise<Step> {
  let step: Step = { on: true }
  if (asks) print((await loadKind(kind)).ask)
  for (let what: 'start' | 'again' = 'start'; ; what = 'again') {
    if (asks) {
      const answer = await ask(what)
      if (answer === 'interrupt') return { status: INTERRUPTED, on: false }
      if (answer !== 'go') return { ...step, on: answer === 'skip' }
    }
    process.exitCode = 0
    await measure(kind, common)
    step = { status: Number(process.exitCode), on: true }
    if (!asks || step.status !== FAILED) return step
  }
}

type Answer = 'go' | 'skip' | 'quit' | 'interrupt'

function ask(what: 'start' | 'again'): Promise<Answer> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  return new Promise<Answer>((resolve) => {
    terminal.on('SIGINT', () => resolve('interrupt'))
    // The end of the input, where nothing more can be answered.
    terminal.on('close', () => resolve('quit'))
    terminal.question(`Enter: ${what}, s: skip, q: end here and report > `, (answer) => {
      const first = answer.trim().toLowerCase()[0]
      resolve(first === 's' ? 'skip' : first === 'q' ? 'quit' : 'go')
    })
  }).finally(() => terminal.close())
}
