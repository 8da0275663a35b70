const WIDTH = 24

/** A bar that rewrites its line on a terminal; elsewhere only what is said appears. */
export class ProgressBar {
  readonly #out: NodeJS.WriteStream
  readonly #live: boolean
  #shown = false
  #said = ''

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
    this.#live = out.isTTY === true
  }

  /** A line that stays; said twice in a row it stands there once. */
  say(text: string): void {
    if (text === this.#said) return
    this.#said = text
    this.#clear()
    this.#out.write(`${text}\n`)
  }

  show(share: number, text: string): void {
    if (!this.#live) return
    const filled = Math.round(WIDTH * Math.min(1, Math.max(0, share)))
    const percent = `${Math.round(100 * share)}`.padStart(3)
    const bar = `[${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${percent} %  ${text}`
    this.#out.write(`\r\u001b[K${bar.slice(0, (this.#out.columns ?? 100) - 1)}`)
    this.#shown = true
  }

  /** May be called again. */
  end(): void {
    if (this.#shown) this.#out.write('\n')
    this.#shown = false
  }

  #clear(): void {
    if (this.#shown) this.#out.write('\r\u001b[K')
    this.#shown = false
  }
}
