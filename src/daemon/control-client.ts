import { createConnection } from 'node:net'
import { ERROR_CODES, type ErrorCode, EvtrackError } from '../events/errors.js'
import { interrupted } from './calibrate-refusals.js'
import type { CalibrateReport, CalibrateRequest } from './calibrate-request.js'
import type { ControlRequest } from './control-schema.js'
import type { ControlAnswer, WireReport } from './control-socket.js'
import { noDaemon } from './unix-socket.js'

/** A report holds some thousand numbers; more than this did not come from evtrackd. */
const MAX_LINE = 16_777_216

/** What comes back from the daemon: a report whose pictures and exports lie in the daemon's state directory. */
export type DaemonReport = Omit<CalibrateReport, 'stored'> & {
  readonly stored?: { readonly id: string }
}

/**
 * Calibrates the camera of the daemon that listens on `path`. Aborting the signal cancels it, and waits until the camera
 * has its settings back. Rejects with DAEMON_UNREACHABLE when nobody answers there, else as calibrate() does.
 */
export async function calibrateByDaemon(
  path: string,
  request: CalibrateRequest & { readonly serial?: string },
): Promise<DaemonReport> {
  const { kind, serial, seconds, dryRun, options = {}, signal, onAsk, onProgress } = request
  let report: DaemonReport | undefined
  await ask(path, {
    signal,
    request: {
      command: 'calibrate',
      kind,
      dryRun,
      options: { ...options },
      ...(serial !== undefined && { serial }),
      ...(seconds !== undefined && { seconds }),
    },
    onAnswer: (answer) => {
      if (answer.type === 'accepted') onAsk?.(answer.ask)
      else if (answer.type === 'progress') onProgress?.(answer.progress)
      else if (answer.type === 'report') report = reportOf(answer.report)
    },
  })
  if (report === undefined) throw noDaemon(path, new Error('it hung up without an answer'))
  return report
}

/** Lets the daemon that listens on `path` read its configuration and its active calibrations anew. */
export function rereadByDaemon(path: string): Promise<void> {
  return ask(path, { request: { command: 'reread' }, onAnswer: () => {} })
}

function ask(
  path: string,
  of: {
    readonly request: ControlRequest
    readonly signal?: AbortSignal
    readonly onAnswer: (answer: ControlAnswer) => void
  },
): Promise<void> {
  const { request, signal, onAnswer } = of
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    // The daemon takes a closed side as a cancellation, and answers when the camera is as before.
    const onAbort = () => socket.end()
    signal?.addEventListener('abort', onAbort, { once: true })
    let failure: EvtrackError | undefined
    socket.once('connect', () => {
      if (signal?.aborted) socket.destroy(interrupted())
      else socket.write(`${JSON.stringify(request)}\n`)
    })
    socket.once('error', (error) =>
      reject(error instanceof EvtrackError ? error : noDaemon(path, error)),
    )
    socket.once('close', () => signal?.removeEventListener('abort', onAbort))
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n')
      text = lines.pop()!
      if (text.length > MAX_LINE) socket.destroy(new Error('the answer is too long'))
      for (const line of lines) {
        const answer = answerOf(line)
        if (answer === undefined) socket.destroy(new Error('the answer is no JSON'))
        else if (answer.type === 'error') failure = errorOf(answer)
        else onAnswer(answer)
      }
    })
    socket.once('end', () => (failure === undefined ? resolve() : reject(failure)))
  })
}

function answerOf(line: string): ControlAnswer | undefined {
  try {
    return JSON.parse(line) as ControlAnswer
  } catch {
    return undefined
  }
}

function reportOf({ id, outcome, ...rest }: WireReport): DaemonReport {
  return {
    ...rest,
    outcome: { ...outcome, pictures: [], exports: [] },
    ...(id !== undefined && { stored: { id } }),
  }
}

function errorOf(answer: Extract<ControlAnswer, { type: 'error' }>): EvtrackError {
  const { code, message, next } = answer
  if (answer.interrupted) return interrupted()
  const known = ERROR_CODES.find((each): each is ErrorCode => each === code)
  return new EvtrackError(known ?? 'CALIBRATION_FAILED', message, { next })
}
