import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A real browser without a window, driven over the pipe of Chromium's DevTools protocol. */

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** The command of a browser on this machine; undefined when there is none. */
export const CHROMIUM = NAMES.find(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
)

const CLOSE_TIMEOUT_MS = 10_000

interface Reply {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

export class Browser {
  readonly #child: ChildProcess
  readonly #profile = mkdtempSync(join(tmpdir(), 'evtrackd-chromium-'))
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  #nextId = 1
  #rest = ''

  constructor() {
    if (CHROMIUM === undefined) throw new Error('no browser')
    this.#child = spawn(
      CHROMIUM,
      [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-extensions',
        '--no-first-run',
        '--remote-debugging-pipe',
        `--user-data-dir=${this.#profile}`,
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
    )
    const replies = this.#child.stdio[4] as Readable
    replies.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
  }

  /** Opens a page of this size in screen pixels. */
  async open(url: string, size: { width: number; height: number }): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const page = new Page(this, String(sessionId))
    await page.send('Emulation.setDeviceMetricsOverride', {
      ...size,
      deviceScaleFactor: 1,
      mobile: false,
    })
    await page.send('Runtime.enable')
    await page.send('Page.navigate', { url })
    return page
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.#nextId++
    const message = { id, method, params, ...(sessionId !== undefined && { sessionId }) }
    const commands = this.#child.stdio[3] as Writable
    commands.write(`${JSON.stringify(message)}\0`)
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {})
        else reject(new Error(`${method}: ${error.message}`))
      })
    })
  }

  async close(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    // Asked, it takes its other processes along, which write to the profile.
    void this.send('Browser.close').catch(() => {})
    const killed = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_TIMEOUT_MS)
    await exited
    clearTimeout(killed)
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20 })
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split('\0')
    this.#rest = messages.pop() ?? ''
    for (const each of messages) {
      const reply = JSON.parse(each) as Reply
      if (reply.id === undefined) continue
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    }
  }
}

export class Page {
  readonly #browser: Browser
  readonly #session: string

  constructor(browser: Browser, session: string) {
    this.#browser = browser
    this.#session = session
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#browser.send(method, params, this.#session)
  }

  /** The value of an expression in the page; a promise is awaited. Throws what it throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: object } }
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  }

  /** Waits until an expression in the page is true, looking at each picture the browser makes. */
  async until(expression: string): Promise<void> {
    const looked = `new Promise((resolve) => {
      const look = () => { try { if (${expression}) return resolve(true) } catch {} ; setTimeout(look, 30) }
      look()
    })`
    for (;;) {
      try {
        await this.evaluate(looked)
        return
      } catch (error) {
        // The page that was asked has been left for the next.
        if (!/context|navigat/i.test(String(error))) throw error
      }
    }
  }

  /** PNG of what is seen. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(String(data), 'base64')
  }

  async mouse(type: 'mousePressed' | 'mouseReleased' | 'mouseMoved', at: Point): Promise<void> {
    const button = type === 'mouseMoved' ? {} : { button: 'left', clickCount: 1 }
    await this.send('Input.dispatchMouseEvent', { type, ...at, ...button })
  }

  async drag(from: Point, to: Point): Promise<void> {
    await this.mouse('mouseMoved', from)
    await this.mouse('mousePressed', from)
    const half = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 }
    for (const at of [half, to]) {
      await this.send('Input.dispatchMouseEvent', {
        type: 'mouseMoved',
        ...at,
        button: 'left',
        buttons: 1,
      })
    }
    await this.mouse('mouseReleased', to)
  }

  async click(at: Point): Promise<void> {
    await this.mouse('mouseMoved', at)
    await this.mouse('mousePressed', at)
    await this.mouse('mouseReleased', at)
  }

  async key(key: string, modifiers = 0): Promise<void> {
    const text = key === 'Enter' ? { text: '\r' } : key.length === 1 ? { text: key } : {}
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, modifiers, ...text })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, modifiers })
  }
}

export interface Point {
  readonly x: number
  readonly y: number
}
