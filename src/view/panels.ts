/**
 * Panels are named places on the page where something that takes a while shows how it goes: a title, some lines, a bar
 * and a picture. Opening a panel and showing on it costs next to nothing while nobody looks: a picture is made only when
 * a page asks for it.
 */
export interface PanelContent {
  readonly title: string
  /** Plain text, the most important first. */
  readonly lines?: readonly string[]
  /** 0..1 */
  readonly progress?: number
  readonly verdict?: 'pass' | 'warn' | 'fail'
  /** Makes the picture: SVG as text, PNG as bytes. Called at most once, and later than show(): it holds what it draws. */
  readonly picture?: () => string | Buffer
}

export interface Panel {
  /** Replaces what the panel showed. */
  show(content: PanelContent): void
  /** Takes the panel from the page. Idempotent. */
  close(): void
}

/** What a page is told of a panel. */
export interface PanelSummary extends Omit<PanelContent, 'picture'> {
  readonly name: string
  /** Rises with each show(). */
  readonly version: number
  readonly picture: boolean
}

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/
export const MAX_PANELS = 8
const MAX_LINES = 24
const MAX_LINE_LENGTH = 200

interface Shown {
  readonly panel: Panel
  readonly content: PanelContent
  readonly version: number
  made?: string | Buffer
}

/** Drop policy: of more than MAX_PANELS the one opened first goes; of one panel only the newest content is kept. */
export class PanelBoard {
  readonly #shown = new Map<string, Shown>()
  #version = 0
  displaced = 0

  /** Rises with every change of any panel. */
  get version(): number {
    return this.#version
  }

  /** A panel of this name; an older one of the same name gives way. Throws RangeError for a name it cannot have. */
  open(name: string, title: string): Panel {
    if (!NAME.test(name)) throw new RangeError(`${name} is no name for a panel`)
    this.#shown.delete(name)
    for (const oldest of this.#shown.keys()) {
      if (this.#shown.size < MAX_PANELS) break
      this.#shown.delete(oldest)
      this.displaced++
    }
    const panel: Panel = {
      show: (content) => {
        // Another panel may have taken the name meanwhile.
        if (this.#shown.get(name)?.panel === panel) this.#put(name, panel, content)
      },
      close: () => {
        if (this.#shown.get(name)?.panel !== panel) return
        this.#shown.delete(name)
        this.#version++
      },
    }
    this.#put(name, panel, { title })
    return panel
  }

  summaries(): PanelSummary[] {
    return [...this.#shown].map(([name, { content, version }]) => {
      const { picture, lines, ...rest } = content
      return {
        name,
        version,
        ...rest,
        ...(lines === undefined
          ? {}
          : { lines: lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE_LENGTH)) }),
        picture: picture !== undefined,
      }
    })
  }

  /** The newest picture of a panel, made now if it was not; undefined when there is none. */
  picture(name: string): string | Buffer | undefined {
    const shown = this.#shown.get(name)
    if (shown?.content.picture === undefined) return undefined
    shown.made ??= shown.content.picture()
    return shown.made
  }

  #put(name: string, panel: Panel, content: PanelContent): void {
    this.#version++
    this.#shown.set(name, { panel, content, version: this.#version })
  }
}
