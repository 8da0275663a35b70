import { verifyGolden } from '../golden.js'
import type { ModelPackage } from '../model-package.js'
import { type LogitSession, sessionOver } from '../session.js'
import { RunnerGraph, type RunnerLink } from './graph.js'
import { MemoryFile } from './memory-file.js'
import { plausibleFor } from './plausible.js'
import { RunnerProcess } from './process.js'
import { type Answer, helloOf, layoutOf, PARTS, PROTOCOL, type Ready } from './protocol.js'

export interface RunnerOptions {
  readonly command: readonly [string, ...string[]]
  readonly graph: 'int8' | 'fp32'
  readonly threads: number
  readonly maxBatch: number
  /** For one run, once the golden vectors have matched. */
  readonly deadlineMs: number
  /** For the handshake and for each golden run: a chip's compiler may take minutes. */
  readonly startTimeoutMs: number
  /** Pause after which one that was not asked anything is asked how it is; 5000. */
  readonly healthEveryMs?: number
  /** Ends it, also while it starts. */
  readonly signal?: AbortSignal
}

export interface RunnerSession extends LogitSession {
  /** Name and device, as the runner says. */
  readonly description: string
  readonly pid: number
  /** Resolves with the first failure, also while nobody searches; never when it was closed. */
  readonly gone: Promise<Error>
  /** Milliseconds that the newest run took, as the runner says. */
  readonly computeMs: number
}

const HEALTH_EVERY_MS = 5000
const HEALTH_DEADLINE_MS = 2000
const STOP_GRACE_MS = 1000

/**
 * Starts a runner and has it compute the golden vectors. The session rejects for good with BACKEND_UNAVAILABLE after the
 * first crash, missed deadline or impossible answer; the process is killed then.
 * @throws EvtrackError BACKEND_UNAVAILABLE; MODEL_INVALID where a golden tensor differs. Nothing is left running.
 */
export async function openRunner(
  pkg: ModelPackage,
  options: RunnerOptions,
): Promise<RunnerSession> {
  const { command, graph, startTimeoutMs } = options
  const layout = layoutOf(pkg, options.maxBatch)
  const memory = new MemoryFile(layout.bytes)
  const process = new RunnerProcess(command, memory)
  const stopped = () => void process.refuse('it is not wanted any more')
  options.signal?.addEventListener('abort', stopped)
  const close = async () => {
    options.signal?.removeEventListener('abort', stopped)
    await process.close(STOP_GRACE_MS)
    memory.close()
  }
  try {
    const hello = helloOf(pkg, { ...options, layout })
    const ready = checkReady(await process.ask(hello, startTimeoutMs), hello)
    if (typeof ready === 'string') throw process.refuse(ready)
    const link: RunnerLink = {
      process,
      memory,
      layout,
      maxBatch: ready.max_batch,
      deadlineMs: startTimeoutMs,
      previous: Promise.resolve(),
      ids: 0,
      computeMs: Number.NaN,
    }
    const [template, search] = PARTS.map(
      (part) => new RunnerGraph(link, part, plausibleFor(pkg, part, graph)),
    ) as [RunnerGraph, RunnerGraph]
    const session = sessionOver(pkg, { template, search })
    await verifyGolden(session, pkg, graph)
    link.deadlineMs = options.deadlineMs
    const health = watchHealth(link, options.healthEveryMs ?? HEALTH_EVERY_MS)
    return {
      spec: session.spec,
      description: `${ready.runner} on ${ready.device}`,
      pid: process.pid!,
      gone: process.gone,
      get computeMs() {
        return link.computeMs
      },
      template: (crop) => session.template(crop),
      search: (crops, templates) => session.search(crops, templates),
      searchLogits: (crops, templates) => session.searchLogits(crops, templates),
      close: async () => {
        clearInterval(health)
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The handshake's answer, or what is wrong with it. */
function checkReady(answer: Answer, hello: ReturnType<typeof helloOf>): Ready | string {
  if (answer?.type === 'failed') return `it cannot start: ${answer.message}`
  if (answer?.type !== 'ready') return `it answered ${JSON.stringify(answer)} to hello`
  if (answer.protocol !== PROTOCOL) {
    return `it speaks protocol ${answer.protocol}, this evtrackd speaks ${PROTOCOL}`
  }
  for (const part of PARTS) {
    const { file, sha256 } = hello.files[part]
    const read = answer.sha256?.[part]
    if (read !== sha256) return `it read ${file} with sha256 ${read}, expected ${sha256}`
  }
  const { max_batch: batch } = answer
  if (!Number.isInteger(batch) || batch < 1 || batch > hello.max_batch) {
    return `it takes batches of ${batch}, expected 1 to ${hello.max_batch}`
  }
  return answer
}

/** One that hangs while nobody searches is noticed all the same, and can be back before somebody does. */
function watchHealth(link: RunnerLink, everyMs: number): NodeJS.Timeout {
  let before = link.ids
  const timer = setInterval(() => {
    const quiet = link.ids === before
    const id = ++link.ids
    before = id
    if (!quiet) return
    const ask = async () => {
      const answer = await link.process.ask({ type: 'health', id }, HEALTH_DEADLINE_MS)
      if (answer?.type === 'health' && answer.id === id) return
      throw link.process.refuse(`it answered ${JSON.stringify(answer)} to health ${id}`)
    }
    link.previous = link.previous.then(ask).catch(() => {})
  }, everyMs)
  return timer.unref()
}
