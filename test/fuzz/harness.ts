import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, type ErrorCode, EvtrackError } from '../../src/events/errors.js'
import { createRng, deriveSeed, type Rng } from '../../src/sources/scene/rng.js'

/** A way into the daemon that takes bytes from outside. */
export interface FuzzTarget {
  readonly name: string
  /** Good inputs, from which the others are made. */
  readonly seeds: readonly Uint8Array[]
  mutate(rng: Rng, input: Uint8Array, pool: readonly Uint8Array[]): Uint8Array
  /**
   * Feeds one input and judges what comes of it. Gives back a word for what happened (a refusal, counters that moved):
   * an input that brings a new one is kept and mutated further. Whatever is thrown is a finding.
   */
  run(input: Uint8Array): Promise<string> | string
  close?(): Promise<void>
}

export interface Finding {
  readonly target: string
  readonly kind: 'threw' | 'slow' | 'memory'
  readonly message: string
  readonly input: Uint8Array
}

export interface FuzzResult {
  readonly runs: number
  /** Different things that happened. */
  readonly outcomes: number
  /** Inputs that brought something new. */
  readonly novel: readonly Uint8Array[]
  readonly findings: readonly Finding[]
  readonly slowestMs: number
  readonly peakRssBytes: number
}

export interface FuzzOptions {
  readonly seed: number
  readonly runs: number
  /** Wall-clock end, as performance.now() counts; none where not given. */
  readonly deadlineMs?: number
  /** Called with each input before it is run: what a watchdog needs to know. */
  readonly before?: (input: Uint8Array) => void
  readonly corpus?: readonly Uint8Array[]
}

/** Processor time that one input may take. Time of the processor, not of the wall: other processes do not count. */
export const CPU_BUDGET_MS = 2000
/** Memory that the process may have after any input. The largest packet allowed is 64 MiB, before and after unpacking. */
export const RSS_BUDGET_BYTES = 1024 ** 3
/** Inputs mutated further. Drop policy: beyond it a random one makes room. */
const MAX_POOL = 512

/** dist/test/fuzz → test/fuzz/corpus. */
const CORPUS = fileURLToPath(new URL('../../../test/fuzz/corpus/', import.meta.url))

/** The kept inputs of a target by file name: findings of the past, and inputs that reach far. */
export function readCorpus(target: string): ReadonlyMap<string, Uint8Array> {
  const dir = join(CORPUS, target)
  if (!existsSync(dir)) return new Map()
  return new Map(
    readdirSync(dir)
      .sort()
      .map((name) => [name, readFileSync(join(dir, name))]),
  )
}

export function corpusPath(target: string, input: Uint8Array): string {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 12)
  return join(CORPUS, target, name)
}

/** Runs the seeds, the corpus, and then mutations of what brought something new. The same seed gives the same inputs. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const first = [...target.seeds, ...(options.corpus ?? [])]
  const pool = [...first]
  const seen = new Set<string>()
  const reported = new Set<string>()
  const novel: Uint8Array[] = []
  const findings: Finding[] = []
  let slowestMs = 0
  let peakRssBytes = 0
  let runs = 0
  const find = (kind: Finding['kind'], message: string, input: Uint8Array) => {
    const name = `${kind}: ${withoutNumbers(message)}`
    if (reported.has(name)) return
    reported.add(name)
    findings.push({ target: target.name, kind, message, input })
  }
  while (runs < options.runs && performance.now() < (options.deadlineMs ?? Infinity)) {
    const rng = createRng(deriveSeed(options.seed, `${target.name} ${runs}`))
    const input = first[runs] ?? target.mutate(rng, rng.pick(pool), pool)
    runs++
    options.before?.(input)
    const started = process.cpuUsage()
    try {
      const outcome = await target.run(input)
      if (!seen.has(outcome)) {
        seen.add(outcome)
        if (runs > first.length) {
          novel.push(input)
          if (pool.length < MAX_POOL) pool.push(input)
          else pool[rng.int(MAX_POOL)] = input
        }
      }
    } catch (error) {
      find('threw', describe(error), input)
    }
    const { user, system } = process.cpuUsage(started)
    const tookMs = (user + system) / 1000
    slowestMs = Math.max(slowestMs, tookMs)
    if (tookMs > CPU_BUDGET_MS) {
      find('slow', `took ${Math.round(tookMs)} ms of processor time`, input)
    }
    const rss = process.memoryUsage.rss()
    peakRssBytes = Math.max(peakRssBytes, rss)
    if (rss > RSS_BUDGET_BYTES) find('memory', `${rss} bytes are resident`, input)
  }
  return { runs, outcomes: seen.size, novel, findings, slowestMs, peakRssBytes }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const at = error.stack?.split('\n').find((line) => line.trim().startsWith('at ')) ?? ''
  return `${error.name}: ${error.message.slice(0, 500)} ${at.trim()}`
}

export function withoutNumbers(text: string): string {
  return text.replace(/-?\d+(\.\d+)?(e[+-]?\d+)?/g, '#').slice(0, 200)
}

/** What an oracle says of a broken promise. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what)
}

/** A refusal that users can act on: a code of these, one sentence of bounded length, a next step. Rethrows all else. */
export function refusal(error: unknown, codes: readonly ErrorCode[] = ERROR_CODES): string {
  if (!(error instanceof EvtrackError) || !codes.includes(error.code)) throw error
  promise(error.next.length > 0, 'an error without a next step')
  promise(error.message.length <= 4096, `an error of ${error.message.length} characters`)
  return `${error.code} ${withoutNumbers(error.message.replace(/\/\S+/g, '/'))}`
}

/** Every number in a value that leaves the daemon can be written as JSON. */
export function finite(value: unknown, where: string): void {
  if (typeof value === 'number') promise(Number.isFinite(value), `${where} is ${value}`)
  else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) finite(item, `${where}.${key}`)
  }
}
