import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Clock } from '../events/time.js'
import { TokenBucket } from '../publish/rate-limit.js'
import { encodeAnswer, windowHead } from './answer.js'
import { runCommand, statusOf, VIEW_COMMANDS, type ViewCommand } from './commands.js'
import { knownHosts, refuse } from './guard.js'
import { type ServedPage, servePage } from './page.js'
import { PanelBoard } from './panels.js'
import { readBody, sendBytes, sendFailure, sendJson } from './replies.js'
import type { ViewConfig } from './schema.js'
import { Screen, type ViewCamera } from './screen.js'
import { type Refused, Viewers } from './viewers.js'

export interface ViewParts {
  readonly config: ViewConfig
  /** The self-contained page, HTML. */
  readonly page: string
  /** Those that run now; one that goes on is the same object each time. */
  readonly cameras: () => readonly ViewCamera[]
  readonly clock: Clock
  /** A connection on which nothing moves for this long is closed, milliseconds; 15 000 where not given. */
  readonly idleMs?: number
}

const MAX_BODY_BYTES = 4096
const MAX_HEADER_BYTES = 8192
const REQUEST_TIMEOUT_MS = 5000
const IDLE_MS = 15_000
const COMMANDS_PER_SECOND = 20
/** A browser opens up to six connections to one page; beyond the sum the newest are closed at once, counted. */
const CONNECTIONS_PER_VIEWER = 8

type Query = URLSearchParams

/**
 * Serves the live page over HTTP. The page asks for one window after the other, each when it has taken in the last: what
 * it is too slow for is never sent, and what nobody asks for is never copied.
 */
export class ViewServer {
  readonly panels = new PanelBoard()
  readonly counts = { requestsRefused: 0, connectionsRefused: 0, commands: 0, commandsDropped: 0 }
  readonly #parts: ViewParts
  readonly #page: ServedPage
  readonly #hosts: ReadonlySet<string>
  readonly #screens = new WeakMap<ViewCamera, Screen>()
  readonly #viewers: Viewers
  readonly #bucket: TokenBucket
  readonly #server: Server
  #closed: Promise<void> | undefined

  constructor(parts: ViewParts) {
    const { config, clock } = parts
    const { framesPerSecond, maxViewers } = config
    this.#parts = parts
    this.#page = servePage(parts.page)
    this.#hosts = knownHosts(config)
    this.#viewers = new Viewers({ max: maxViewers, framesPerSecond, clock })
    const perSecond = COMMANDS_PER_SECOND
    this.#bucket = new TokenBucket({ perSecond, burst: perSecond, clock })
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1000,
        noDelay: true,
      },
      (request, response) => {
        this.#serve(request, response).catch(() => response.destroy())
      },
    )
    this.#server.maxConnections = CONNECTIONS_PER_VIEWER * (maxViewers + 1)
    this.#server.on('drop', () => {
      this.counts.connectionsRefused++
    })
    this.#server.setTimeout(parts.idleMs ?? IDLE_MS, (socket) => socket.destroy())
  }

  /** Resolves with the address it listens on; rejects with the system's error when it cannot. */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#parts.config
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const address = this.#server.address()
    return { host, port: typeof address === 'object' && address !== null ? address.port : port }
  }

  /** Pages that look now. */
  get viewers(): number {
    return this.#viewers.size
  }

  counters(): Record<string, number> {
    return {
      ...this.counts,
      windowsDropped: this.#viewers.counts.dropped,
      viewersRefused: this.#viewers.counts.refused,
      panelsDisplaced: this.panels.displaced,
    }
  }

  /** Ends all connections. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
    return this.#closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', search = ''] = (request.url ?? '').split('?', 2)
    const query = new URLSearchParams(search)
    const command = VIEW_COMMANDS.find((known) => path === `/${known}`)
    const isCommand = command !== undefined && request.method === 'POST'
    const kind = isCommand ? 'command' : path === '/' ? 'page' : 'data'
    const refusal = refuse(request.headers, { hosts: this.#hosts, kind })
    if (refusal !== undefined) {
      this.counts.requestsRefused++
      sendFailure(response, refusal.status, refusal)
      return
    }
    const method = command === undefined ? 'GET' : 'POST'
    const panel = /^\/panel\/([a-z0-9-]+)$/.exec(path)?.[1]
    if (path !== '/' && path !== '/next' && command === undefined && panel === undefined) {
      sendFailure(response, 404, { message: 'There is nothing here.' })
    } else if (request.method !== method) {
      response.setHeader('allow', method)
      sendFailure(response, 405, { message: `Use ${method}.` })
    } else if (command !== undefined) {
      await this.#command(command, query, { request, response })
    } else if (panel !== undefined) this.#picture(panel, response)
    else if (path === '/next') await this.#next(query, response)
    else sendBytes(response, this.#page.body, this.#page.headers)
  }

  /** The next window, how things stand and what panels show, for one page. */
  async #next(query: Query, response: ServerResponse): Promise<void> {
    const camera = this.#camera(query)
    if (camera === undefined) {
      sendFailure(response, ...NO_CAMERA)
      return
    }
    const id = query.get('viewer') ?? ''
    const viewer = this.#viewers.ask(id)
    if (typeof viewer === 'string') {
      sendFailure(response, ...REFUSED[viewer])
      return
    }
    response.once('close', () => this.#viewers.answered(id))
    const screen = this.#screen(camera)
    const window = await screen.next()
    if (response.destroyed || this.#closed !== undefined) return
    const { state, version } = screen.state()
    const told = viewer.stateVersion === version
    const panelsVersion = this.panels.version
    const answer = encodeAnswer(
      {
        ...(window && { window: windowHead(window, this.#parts.clock.nowUs()) }),
        ...(!told && state && { state, cameras: this.#parts.cameras().map(({ name }) => name) }),
        ...(viewer.panelsVersion !== panelsVersion && { panels: this.panels.summaries() }),
        dropped: viewer.dropped,
      },
      window?.pixels,
    )
    viewer.stateVersion = version
    viewer.panelsVersion = panelsVersion
    sendBytes(response, answer, { 'content-type': 'application/octet-stream' })
  }

  /** The one that a request names, or the first. */
  #camera(query: Query): ViewCamera | undefined {
    const name = query.get('camera')
    const cameras = this.#parts.cameras()
    return name === null ? cameras[0] : cameras.find((camera) => camera.name === name)
  }

  #screen(camera: ViewCamera): Screen {
    let screen = this.#screens.get(camera)
    if (screen === undefined) {
      const { config, clock } = this.#parts
      screen = new Screen(camera, { framesPerSecond: config.framesPerSecond, clock })
      this.#screens.set(camera, screen)
    }
    return screen
  }

  #picture(name: string, response: ServerResponse): void {
    const picture = this.panels.picture(name)
    if (picture === undefined) {
      sendFailure(response, 404, { message: 'This panel has no picture.' })
    } else {
      const isText = typeof picture === 'string'
      const type = isText ? 'image/svg+xml' : 'image/png'
      sendBytes(response, isText ? Buffer.from(picture) : picture, { 'content-type': type })
    }
  }

  async #command(
    command: ViewCommand,
    query: Query,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    // Drop policy: commands beyond the rate are refused, counted, and the page is told.
    if (!this.#bucket.take()) {
      this.counts.commandsDropped++
      sendFailure(response, 429, { message: 'Too many commands.', next: 'Wait a second.' })
      return
    }
    const body = await readBody(request, MAX_BODY_BYTES)
    const camera = this.#camera(query)
    if (body === undefined) {
      sendFailure(response, 413, { message: `A command has at most ${MAX_BODY_BYTES} bytes.` })
    } else if (camera === undefined) sendFailure(response, ...NO_CAMERA)
    else {
      const result = await runCommand(command, body, camera)
      this.counts.commands++
      sendJson(response, statusOf(result), result)
    }
  }
}

type Failure = readonly [status: number, failure: { message: string; next?: string }]

const NO_CAMERA: Failure = [404, { message: 'There is no such camera.', next: 'Reload the page.' }]
const REFUSED: Readonly<Record<Refused, Failure>> = {
  unnamed: [400, { message: 'viewer: expected 8 to 32 letters and digits.' }],
  busy: [429, { message: 'This viewer already waits for a window.' }],
  full: [
    503,
    {
      message: 'As many pages as allowed already look.',
      next: 'Close another page, or raise view.max_viewers.',
    },
  ],
}
