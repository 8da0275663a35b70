import type { Size } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import type { ViewState } from './answer.js'
import type { ViewCommands } from './commands.js'
import { type PackedWindow, type TrackedWindow, WindowFeed } from './feed.js'

/** What the page can look at, and what it may command there. */
export interface ViewCamera {
  /** How the page names it; unique among those of one server. */
  readonly name: string
  readonly sensor: Size
  /** A copy of the next window; rejects when none comes. Called only while somebody looks. */
  readonly window: () => Promise<TrackedWindow>
  readonly state: () => ViewState
  readonly commands: ViewCommands
}

/** How long a page waits for a window before it is told at least how things stand. */
const WAIT_MS = 1000
const STATE_EVERY_US = 500_000

/** One camera as all pages that look at it share it. */
export class Screen {
  readonly feed: WindowFeed
  readonly #camera: ViewCamera
  readonly #clock: Clock
  #state: ViewState | undefined
  #version = 0
  #stateUs = Number.NEGATIVE_INFINITY

  constructor(
    camera: ViewCamera,
    { framesPerSecond, clock }: { framesPerSecond: number; clock: Clock },
  ) {
    this.#camera = camera
    this.#clock = clock
    this.feed = new WindowFeed({ pull: camera.window, framesPerSecond, clock })
  }

  /** The next window; undefined when none comes within a second. */
  async next(): Promise<PackedWindow | undefined> {
    const done = new AbortController()
    const late = this.#clock.sleep(WAIT_MS, done.signal).catch(() => undefined)
    const window = await Promise.race([this.feed.next(), late])
    done.abort()
    return window ?? undefined
  }

  /** How things stand, asked for at most twice a second. `version` rises with every new answer, from 1. */
  state(): { readonly state: ViewState | undefined; readonly version: number } {
    const now = this.#clock.nowUs()
    if (now - this.#stateUs >= STATE_EVERY_US) {
      this.#stateUs = now
      this.#state = this.#camera.state()
      this.#version++
    }
    return { state: this.#state, version: this.#version }
  }
}
