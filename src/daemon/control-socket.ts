import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { SessionProgress } from '../calibration/session.js'
import { EvtrackError } from '../events/errors.js'
import type { CalibrateReport } from './calibrate-request.js'
import type { CalibrationNews } from './calibration-news.js'
import { type ControlRequest, controlRequestSchema } from './control-schema.js'
import type { Daemon } from './daemon-types.js'
import { toWire } from './threads.js'
import { listenOnUnixSocket, type UnixSocket } from './unix-socket.js'
import type { Watchers } from './watchers.js'

export const CONTROL_SOCKET = 'control.sock'
/** Zones and surveyed points of a request; a kilobyte each would be many. */
const MAX_REQUEST_BYTES = 65_536
/** Whoever connects says what it wants within this time. */
const REQUEST_MS = 5000

/** What the service lets the control socket do. */
export interface Controlled {
  readonly daemons: readonly Daemon[]
  reload(): Promise<void>
  readonly calibrations: Pick<Watchers<[CalibrationNews]>, 'add'>
}

/** A line of an answer. */
export type ControlAnswer =
  | { readonly type: 'accepted'; readonly id: string; readonly ask: string; readonly title: string }
  | { readonly type: 'progress'; readonly progress: Omit<SessionProgress, 'depiction'> }
  | { readonly type: 'report'; readonly report: WireReport }
  | { readonly type: 'done' }
  | {
      readonly type: 'error'
      readonly code: string
      readonly message: string
      readonly next: string
      /** The person stopped it. */
      readonly interrupted: boolean
    }

/** A report without what lies in files. */
export interface WireReport extends Omit<CalibrateReport, 'outcome' | 'stored'> {
  /** As it is kept; absent when it is not. */
  readonly id?: string
  readonly outcome: Pick<CalibrateReport['outcome'], 'rows' | 'data' | 'settings'>
}

/**
 * A Unix socket over which programs on the device ask the daemon for what takes a while: one request, a line of JSON,
 * and lines of JSON until it is answered. Whoever hangs up meanwhile cancels what was asked for. For owner and group.
 *
 * Rejects with the system's error, and with EADDRINUSE when another daemon answers there.
 */
export function openControlSocket(dir: string, service: Controlled): Promise<UnixSocket> {
  return listenOnUnixSocket(join(dir, CONTROL_SOCKET), (socket) => {
    void converse(socket, service)
  })
}

async function converse(socket: Socket, service: Controlled): Promise<void> {
  const hangUp = new AbortController()
  for (const event of ['end', 'close']) socket.once(event, () => hangUp.abort())
  const answer = (line: ControlAnswer) => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(line)}\n`)
  }
  try {
    const request = await readRequest(socket)
    if (request.command === 'reread') {
      await service.reload()
      answer({ type: 'done' })
    } else await calibrate(request, { service, socket, answer, signal: hangUp.signal })
  } catch (error) {
    answer(errorAnswer(error))
  }
  socket.end()
}

interface Conversation {
  readonly service: Controlled
  readonly socket: Socket
  readonly answer: (line: ControlAnswer) => void
  /** Aborted when the other side hangs up. */
  readonly signal: AbortSignal
}

async function calibrate(
  request: Extract<ControlRequest, { command: 'calibrate' }>,
  { service, socket, answer, signal }: Conversation,
): Promise<void> {
  const { kind, serial, seconds, dryRun, options } = request
  const daemon = daemonFor(service.daemons, serial)
  let id: string | undefined
  const unwatch = service.calibrations.add((news) => {
    if (news.id !== id || news.progress === undefined) return
    const { depiction: _, ...progress } = news.progress
    // Drop policy: progress that a slow reader has not taken is left out.
    if (!socket.writableNeedDrain) answer({ type: 'progress', progress })
  })
  try {
    const accepted = await daemon.calibration.start({
      kind,
      origin: 'socket',
      dryRun,
      options,
      ...(seconds !== undefined && { seconds }),
    })
    id = accepted.id
    const cancel = () => void daemon.calibration.cancel(accepted.id)
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
    const { ask, title } = accepted
    answer({ type: 'accepted', id, ask, title })
    const end = await accepted.over
    signal.removeEventListener('abort', cancel)
    if (end.report !== undefined) answer({ type: 'report', report: wireReport(end.report) })
    else answer(errorAnswer(end.error))
  } finally {
    unwatch()
  }
}

/** The camera of that serial number, or the only one. Throws CAMERA_NOT_FOUND. */
function daemonFor(daemons: readonly Daemon[], serial: string | undefined): Daemon {
  const serials = daemons.map(
    ({ facts, config }) => facts.sourceState.serial ?? config.camera.serial,
  )
  const at = serial === undefined ? 0 : serials.indexOf(serial)
  const daemon = daemons[at]
  if (daemon !== undefined && (serial !== undefined || daemons.length === 1)) return daemon
  const known = serials.filter((each) => each !== undefined).join(', ')
  throw new EvtrackError(
    'CAMERA_NOT_FOUND',
    serial === undefined
      ? `The running evtrackd has ${daemons.length} cameras.`
      : `The running evtrackd has no camera ${serial}.`,
    {
      next:
        known === ''
          ? 'Wait until it has found its camera; `evtrackd status` says how it is.'
          : `Give --serial, one of ${known}; for a camera that it does not use, --direct.`,
    },
  )
}

function wireReport({ outcome, stored, ...rest }: CalibrateReport): WireReport {
  const { rows, data, settings } = outcome
  return {
    ...rest,
    ...(stored !== undefined && { id: stored.id }),
    outcome: { rows, data, ...(settings !== undefined && { settings }) },
  }
}

function errorAnswer(error: unknown): Extract<ControlAnswer, { type: 'error' }> {
  const {
    code = 'CALIBRATION_FAILED',
    message,
    next = 'Look at the log of evtrackd.',
  } = toWire(error)
  const interrupted = error instanceof EvtrackError && error.data['reason'] === 'interrupted'
  return { type: 'error', code, message, next, interrupted }
}

/** The first line. Rejects with CONFIG_INVALID for one that is late, too long or no request. */
function readRequest(socket: Socket): Promise<ControlRequest> {
  return new Promise((resolve, reject) => {
    let text = ''
    const late = setTimeout(() => reject(badRequest('none came')), REQUEST_MS)
    const settle = (act: () => void) => {
      clearTimeout(late)
      socket.off('data', onData)
      // What follows the request is not read, but the end of the connection must be seen.
      socket.resume()
      act()
    }
    const onData = (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (text.length > MAX_REQUEST_BYTES) settle(() => reject(badRequest('it is too long')))
      else if (end >= 0) {
        settle(() => {
          try {
            resolve(parseRequest(text.slice(0, end)))
          } catch (error) {
            reject(error)
          }
        })
      }
    }
    socket.setEncoding('utf8')
    socket.on('data', onData)
    socket.once('close', () => settle(() => reject(badRequest('the other side hung up'))))
  })
}

function parseRequest(line: string): ControlRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw badRequest('it is no JSON')
  }
  const parsed = controlRequestSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw badRequest(`${issue?.path.join('.')}: ${issue?.message}`.slice(0, 300))
}

function badRequest(why: string): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `The request cannot be taken: ${why}.`, {
    next: 'Use an evtrackd of the same version as the one that runs.',
  })
}
