import { type ErrorCode, EvtrackError } from '../events/errors.js'
import { type Box, clampToSensor, type Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import type { Broker, IncomingMessage } from './broker.js'
import { TokenBucket } from './rate-limit.js'
import {
  type ConfigureRequest,
  calibrateCancelSchema,
  calibrateStartSchema,
  configureSchema,
  plainRequestSchema,
  type RequestCode,
  type ResponsePayload,
  recordStartSchema,
  targetStartSchema,
  targetStopSchema,
} from './request-schema.js'
import {
  type Command,
  commandOf,
  defaultResponseTopic,
  mayRespondTo,
  type Topics,
} from './topics.js'

/** What a command came to. A handler may also reject: with an EvtrackError its code is passed on. */
export type CommandResult =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | {
      readonly ok: false
      readonly code: RequestCode | ErrorCode
      readonly message: string
      readonly next?: string
    }

export interface CommandHandlers {
  /** `box` is inside the sensor and has an area. Gives back {id}. */
  'target/start'(request: { box: Box; label?: string }): Promise<CommandResult>
  /** Gives back {id}; TARGET_UNKNOWN when there is no such track. */
  'target/stop'(request: { id: string }): Promise<CommandResult>
  /** Keys are those of the configuration file and not judged yet. Gives back {applied, restart}. */
  'camera/configure'(request: ConfigureRequest): Promise<CommandResult>
  /** Options are not judged yet. Gives back {id, kind, ask, seconds, topic} when it has begun. */
  'calibrate/start'(request: {
    kind: string
    seconds?: number
    dryRun?: boolean
    options?: Readonly<Record<string, unknown>>
  }): Promise<CommandResult>
  /** Gives back {kind} when the camera is as before; CALIBRATION_NONE. */
  'calibrate/cancel'(request: { id?: string }): Promise<CommandResult>
  /** Gives back {name}; RECORDING_ACTIVE, DISK_FULL. */
  'record/start'(request: { seconds?: number }): Promise<CommandResult>
  /** Gives back {name, seconds, bytes, events, stopped}; RECORDING_NONE. */
  'record/stop'(): Promise<CommandResult>
  /** Gives back a PNG in base64 and what it shows. */
  snapshot(): Promise<CommandResult>
  /** Resolves when it is decided: what happens then comes after the answer. */
  restart(): Promise<CommandResult>
}

type Parsed<T> = { success: true; data: T } | { success: false; error: Complaints }

const MAX_REQUEST_BYTES = 16_384
const REQUESTS_PER_SECOND = 20
const MAX_RUNNING = 16
const TIMEOUT_MS = 10_000

type Failure = Extract<CommandResult, { ok: false }>

/**
 * Requests from clients: bounded, parsed, handed to a handler, answered exactly once. Nothing a request contains
 * reaches a handler before the whole of it was found valid.
 */
export class RequestDesk {
  readonly #topics: Topics
  readonly #handlers: CommandHandlers
  readonly #sensor: Size
  readonly #broker: Broker
  readonly #clock: Clock
  readonly #bucket: TokenBucket
  readonly #stop = new AbortController()
  #running = 0
  readonly counts = { answered: 0, dropped: 0, lost: 0 }

  constructor(options: {
    topics: Topics
    handlers: CommandHandlers
    sensor: Size
    broker: Broker
    clock: Clock
  }) {
    this.#topics = options.topics
    this.#handlers = options.handlers
    this.#sensor = options.sensor
    this.#broker = options.broker
    this.#clock = options.clock
    const perSecond = REQUESTS_PER_SECOND
    this.#bucket = new TokenBucket({ perSecond, burst: perSecond, clock: options.clock })
  }

  receive(message: IncomingMessage): void {
    const command = commandOf(this.#topics, message.topic)
    if (command === undefined) return
    // Drop policy: beyond 20 a second or 16 at once the newest go unanswered, counted; answering each request of a
    // flood would be a flood of our own.
    if (this.#stop.signal.aborted || this.#running >= MAX_RUNNING || !this.#bucket.take()) {
      this.counts.dropped += 1
      return
    }
    this.#running += 1
    void this.#serve(command, message).finally(() => {
      this.#running -= 1
    })
  }

  close(): void {
    this.#stop.abort(new Error('closing'))
  }

  async #serve(command: Command, message: IncomingMessage): Promise<void> {
    const wanted = message.responseTopic
    const wantedOk = wanted === undefined || mayRespondTo(this.#topics, wanted)
    const body = parse(message)
    const transaction = body.ok ? transactionOf(body.value) : undefined
    let outcome: CommandResult
    if (!wantedOk)
      outcome = invalid('The Response Topic is not a topic this device may publish to.')
    else if (message.retain) {
      outcome = invalid(
        'The request was retained, so it may be old; send it without the retain flag.',
      )
    } else if (!body.ok) outcome = body
    else outcome = await this.#run(command, body.value)
    const topic =
      wanted !== undefined && wantedOk ? wanted : defaultResponseTopic(this.#topics, command)
    const { correlationData } = message
    const send = (answer: CommandResult) =>
      this.#broker.publish({
        topic,
        payload: JSON.stringify(responseOf(answer, command, transaction)),
        qos: 1,
        ...(correlationData !== undefined && { correlationData }),
      })
    let sent = await send(outcome)
    if (sent === 'refused' && outcome.ok) sent = await send(TOO_LARGE)
    this.counts[sent === 'sent' ? 'answered' : 'lost'] += 1
  }

  async #run(command: Command, body: unknown): Promise<CommandResult> {
    const done = new AbortController()
    const timeout = this.#clock
      .sleep(TIMEOUT_MS, AbortSignal.any([done.signal, this.#stop.signal]))
      .then(
        (): CommandResult => ({
          ok: false,
          code: 'REQUEST_TIMEOUT',
          message: `The command did not finish within ${TIMEOUT_MS / 1000} s.`,
        }),
        (): CommandResult => ({ ok: false, code: 'NOT_READY', message: 'The daemon is stopping.' }),
      )
    try {
      return await Promise.race([this.#dispatch(command, body), timeout])
    } catch (error) {
      if (error instanceof EvtrackError) {
        return { ok: false, code: error.code, message: error.message, next: error.next }
      }
      return { ok: false, code: 'INTERNAL', message: 'The command failed inside the daemon.' }
    } finally {
      done.abort()
    }
  }

  #dispatch(command: Command, body: unknown): Promise<CommandResult> {
    const handlers = this.#handlers
    switch (command) {
      case 'target/start':
        return checked(targetStartSchema.safeParse(body), ({ box, label }) =>
          this.#start(box, label),
        )
      case 'target/stop':
        return checked(targetStopSchema.safeParse(body), ({ id }) => handlers[command]({ id }))
      case 'camera/configure':
        return checked(configureSchema.safeParse(body), ({ transaction: _, ...request }) =>
          handlers[command](request),
        )
      case 'calibrate/start':
        return checked(calibrateStartSchema.safeParse(body), (request) => {
          const { kind, seconds, dry_run: dryRun, options } = request
          return handlers[command]({
            kind,
            ...(seconds !== undefined && { seconds }),
            ...(dryRun !== undefined && { dryRun }),
            ...(options !== undefined && { options }),
          })
        })
      case 'calibrate/cancel':
        return checked(calibrateCancelSchema.safeParse(body), ({ id }) =>
          handlers[command](id === undefined ? {} : { id }),
        )
      case 'record/start':
        return checked(recordStartSchema.safeParse(body), ({ seconds }) =>
          handlers[command](seconds === undefined ? {} : { seconds }),
        )
      case 'record/stop':
      case 'snapshot':
      case 'restart':
        return checked(plainRequestSchema.safeParse(body), () => handlers[command]())
    }
  }

  #start(sides: readonly [number, number, number, number], label?: string): Promise<CommandResult> {
    const [x, y, w, h] = sides
    const box = clampToSensor({ x, y, w, h }, this.#sensor)
    if (box.w === 0 || box.h === 0) {
      const { width, height } = this.#sensor
      const size = `${width} by ${height} pixels`
      return Promise.resolve(invalid(`box: lies outside the sensor, which is ${size}`))
    }
    return this.#handlers['target/start']({ box, ...(label !== undefined && { label }) })
  }
}

/** A picture may be larger than what the broker takes. */
const TOO_LARGE: Failure = {
  ok: false,
  code: 'RESPONSE_TOO_LARGE',
  message: 'The broker refused the answer.',
  next: 'Raise the largest packet size at the broker.',
}

function responseOf(
  outcome: CommandResult,
  command: Command,
  transaction: string | number | undefined,
): ResponsePayload {
  const echoed = { command, ...(transaction !== undefined && { transaction }) }
  if (outcome.ok) return { ok: true, ...echoed, result: outcome.result }
  const { code, message, next } = outcome
  return { ok: false, ...echoed, code, message, ...(next !== undefined && { next }) }
}

/** Runs the handler only with a body that is valid as a whole. */
async function checked<T>(
  parsed: Parsed<T>,
  handle: (request: T) => Promise<CommandResult>,
): Promise<CommandResult> {
  return parsed.success ? handle(parsed.data) : invalid(complaint(parsed.error))
}

function invalid(message: string): Failure {
  return { ok: false, code: 'REQUEST_INVALID', message }
}

function parse(message: IncomingMessage): { ok: true; value: unknown } | Failure {
  if (message.payload.length > MAX_REQUEST_BYTES) {
    const limit = `${MAX_REQUEST_BYTES} bytes`
    return { ok: false, code: 'REQUEST_TOO_LARGE', message: `A request has at most ${limit}.` }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(message.payload)
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return invalid('The request is not JSON in UTF-8.')
  }
}

/** Found before the request is judged, so that a 3.1.1 client can match an error to what it sent. */
function transactionOf(body: unknown): string | number | undefined {
  if (typeof body !== 'object' || body === null || !('transaction' in body)) return undefined
  const { transaction } = body
  // JSON has numbers too large for a Number; they could not be echoed.
  if (typeof transaction === 'number') return Number.isFinite(transaction) ? transaction : undefined
  return typeof transaction === 'string' && transaction.length <= 256 ? transaction : undefined
}

interface Complaints {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[]
}

/** The first thing wrong, as "key: what was expected". Keys are the client's own text, so their length is bounded. */
function complaint(error: Complaints): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'The request is not valid.'
  const at = issue.path.map(String).join('.')
  return `${at === '' ? '' : `${at}: `}${issue.message}`.slice(0, 300)
}
