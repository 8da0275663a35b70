import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { statusText } from '../../../src/cli/status.js'
import { openControlSocket } from '../../../src/daemon/control-socket.js'
import { openStatusSocket, readStatus } from '../../../src/daemon/status-socket.js'
import { ERROR_CODES, type ErrorCode } from '../../../src/events/errors.js'
import { DAVIS346_SIZE } from '../../../src/events/geometry.js'
import { viewSchema } from '../../../src/view/schema.js'
import { ViewServer } from '../../../src/view/server.js'
import { REPORT } from '../../daemon/a-report.js'
import { movingWindow, STATE } from '../../view/windows.js'
import { type FuzzTarget, finite, promise, refusal, withoutNumbers } from '../harness.js'
import { type Json, mutateBytes, mutateJson, toText } from '../mutate.js'

/** The status socket from both ends: bytes sent to the daemon, and answers given to `evtrackd status`. */
export async function createStatusTarget(): Promise<FuzzTarget> {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const opened = await openStatusSocket(dir, () => REPORT)
  let answer: Uint8Array = Buffer.alloc(0)
  const liar = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.end(answer)
  })
  const liarPath = join(dir, 'liar.sock')
  await new Promise<void>((resolve) => liar.listen(liarPath, resolve))
  return {
    name: 'socket',
    seeds: [Buffer.from(JSON.stringify(REPORT))],
    mutate(rng, input, pool) {
      try {
        const value = JSON.parse(Buffer.from(input).toString()) as Json
        if (rng.chance(0.8)) return Buffer.from(toText(mutateJson(rng, value)))
      } catch {
        // Not JSON: as bytes.
      }
      return mutateBytes(rng, input, { pool })
    },
    async run(input) {
      const told = await talk(() => connect(opened.path), input)
      promise(told === `${JSON.stringify(REPORT)}\n`, `the socket says ${told.slice(0, 100)}`)
      answer = input
      try {
        statusText(await readStatus(liarPath))
        return 'shown'
      } catch (error) {
        return refusal(error, ['DAEMON_UNREACHABLE'])
      }
    },
    close: async () => {
      await opened.close()
      await new Promise<void>((resolve) => liar.close(() => resolve()))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The control socket: a line that is a request, or is not. */
export async function createControlTarget(): Promise<FuzzTarget> {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const opened = await openControlSocket(dir, {
    daemons: [],
    reload: async () => {},
    calibrations: { add: () => () => {} },
  })
  const seeds = [
    { command: 'reread' },
    { command: 'calibrate', kind: 'hot-pixels', dryRun: true, options: { share: 0.1 } },
    {
      command: 'calibrate',
      kind: 'lens',
      serial: '00000489',
      seconds: 5,
      dryRun: false,
      options: {},
    },
  ].map((request) => Buffer.from(JSON.stringify(request)))
  return {
    name: 'control',
    seeds,
    mutate(rng, input, pool) {
      try {
        const value = JSON.parse(Buffer.from(input).toString()) as Json
        if (rng.chance(0.8)) return Buffer.from(toText(mutateJson(rng, value)))
      } catch {
        // Not JSON: as bytes.
      }
      return mutateBytes(rng, input, { pool })
    },
    async run(input) {
      const told = await talk(() => connect(opened.path), Buffer.concat([input, Buffer.from('\n')]))
      promise(told.length < 4096, `an answer of ${told.length} bytes`)
      const answer = JSON.parse(told) as { type: string; code?: ErrorCode; next?: string }
      const isKnown = answer.type === 'done' || ERROR_CODES.includes(answer.code!)
      promise(isKnown, `the socket says ${told.slice(0, 100)}`)
      const good = await talk(() => connect(opened.path), Buffer.from('{"command":"reread"}\n'))
      promise(good === '{"type":"done"}\n', `a good request gets ${good.slice(0, 100)}`)
      return withoutNumbers(told)
    },
    close: async () => {
      await opened.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What a server says to these bytes until it hangs up; the client has said all it will when they are sent. */
function talk(open: () => Socket, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = open()
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      said += text
    })
    socket.on('error', () => {})
    socket.once('close', () => resolve(said))
    socket.end(bytes)
  })
}

/** The live page's server: whatever bytes a connection brings. */
export async function createViewTarget(): Promise<FuzzTarget> {
  let us = 0
  let seq = 0
  const clock = {
    // Commands come slowly enough for the limit of their rate, and viewers are soon forgotten.
    nowUs: () => (us += 30_000_000),
    wallUs: () => us,
    sleep: () => Promise.resolve(),
  }
  const server = new ViewServer({
    config: viewSchema.parse({ enabled: true, port: 0, maxViewers: 16 }),
    page: '<!doctype html><style>b{}</style><script>1</script>',
    cameras: () => [
      {
        name: 'north',
        sensor: DAVIS346_SIZE,
        window: async () => movingWindow(seq++),
        state: () => STATE,
        commands: {
          'target/start': async ({ box, label }) => {
            const { x, y, w, h } = box
            finite(box, 'box')
            promise(x >= 0 && y >= 0 && w > 0 && h > 0, 'a box without area')
            promise(x + w <= 346 && y + h <= 260, 'a box off the sensor')
            promise(label === undefined || label.length <= 64, 'a long label')
            return { ok: true, result: { id: 'boot-7' } }
          },
          'target/stop': async ({ id }) => {
            promise(id.length > 0 && id.length <= 128, 'a long id')
            return { ok: true, result: { id } }
          },
        },
      },
    ],
    clock,
    idleMs: 1000,
  })
  const { port } = await server.listen()
  const seeds = REQUESTS.map((text) => Buffer.from(text, 'latin1'))
  return {
    name: 'view',
    seeds,
    mutate: (rng, input, pool) =>
      mutateBytes(rng, input, { pool, tokens: TOKENS, maxBytes: 32_768 }),
    async run(input) {
      const said = await talk(() => connect(port, '127.0.0.1'), input)
      promise(said === '' || /^HTTP\/1\.1 [1245]\d\d /.test(said), `it says ${said.slice(0, 80)}`)
      promise(!/INTERNAL/.test(said), `an error inside: ${said.slice(-300)}`)
      const good = await talk(() => connect(port, '127.0.0.1'), seeds[0]!)
      promise(/^HTTP\/1\.1 200 /.test(good), `a good request gets ${good.slice(0, 80)}`)
      const lines = said.match(/HTTP\/1\.1 \d\d\d|"message":"[^"]*"/g) ?? []
      return lines.slice(0, 4).map(withoutStatus).join()
    },
    close: () => server.close(),
  }
}

function withoutStatus(line: string): string {
  return line.startsWith('HTTP') ? line : withoutNumbers(line)
}

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  'GET /next?viewer=viewer01 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
  'GET /next?viewer=viewer02&camera=north HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /panel/guard HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n\r\n',
  post('/target/start', '{"box":[10,20,30,40],"label":"lorry"}'),
  post('/target/stop', '{"id":"boot-7"}'),
  'POST /target/stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{"id":"boot-7"}\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /next?viewer=viewer03 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
]

const TOKENS = [
  '\r\n',
  '\r\n\r\n',
  'Host: localhost\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'Expect: 100-continue\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Content-Length: 0\r\n',
  'HTTP/1.0',
  'HTTP/9.9',
  '%00',
  '..',
  '//',
  '?viewer=',
  '&camera=',
  'CONNECT ',
  'OPTIONS * ',
  '__proto__',
  '1e999',
  '[',
  '{"a":',
].map((text) => Buffer.from(text, 'latin1'))
