import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { systemClock } from '../../src/events/time.js'
import type { AnswerHead } from '../../src/view/answer.js'
import { type ViewConfig, viewSchema } from '../../src/view/schema.js'
import type { ViewCamera } from '../../src/view/screen.js'
import { ViewServer } from '../../src/view/server.js'
import { movingWindow, SIZE, STATE } from './windows.js'

/** Real HTTP to a live page. */

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

export function ask(port: number, path: string, asked: Asked = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = asked
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent: false }
    const sent = request(options, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

export function post(port: number, path: string, value: unknown): Promise<Reply> {
  return ask(port, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof value === 'string' ? value : JSON.stringify(value),
  })
}

/** The JSON of an answer to /next, and the packed pixels after it. */
export function answerOf({ body }: Reply): { head: AnswerHead; pixels: Buffer } {
  const end = 4 + body.readUInt32LE()
  return {
    head: JSON.parse(body.subarray(4, end).toString('utf8')) as AnswerHead,
    pixels: body.subarray(end),
  }
}

/** What a server says to bytes that no client library sends; resolves when it has closed the connection. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
    socket.write(bytes)
  })
}

export interface Stage {
  readonly server: ViewServer
  readonly port: number
  /** Windows handed out so far. */
  readonly pulls: () => number
  readonly commands: { readonly name: string; readonly request: unknown }[]
}

/** A server on a free port with one camera whose square moves on with each window that is asked for. */
export async function stage(
  options: {
    readonly config?: Partial<ViewConfig>
    readonly page?: string
    readonly camera?: Partial<ViewCamera>
    readonly more?: readonly ViewCamera[]
    readonly idleMs?: number
  } = {},
): Promise<Stage> {
  let seq = 0
  const commands: Stage['commands'] = []
  const camera: ViewCamera = {
    name: 'north',
    sensor: SIZE,
    window: async () => movingWindow(seq++),
    state: () => STATE,
    commands: {
      'target/start': async (request) => {
        commands.push({ name: 'target/start', request })
        return { ok: true, result: { id: 'boot-7' } }
      },
      'target/stop': async (request) => {
        commands.push({ name: 'target/stop', request })
        return { ok: true, result: { id: request.id } }
      },
    },
    ...options.camera,
  }
  const cameras = [camera, ...(options.more ?? [])]
  const server = new ViewServer({
    config: { ...viewSchema.parse({ enabled: true, port: 0 }), ...options.config },
    page: options.page ?? '<!doctype html><style>b{}</style><script>1</script>',
    cameras: () => cameras,
    clock: systemClock,
    ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
  })
  const { port } = await server.listen()
  return { server, port, pulls: () => seq, commands }
}
