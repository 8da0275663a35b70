/** Those who want to be told of something, in the order in which they came. */
export class Watchers<Told extends readonly unknown[]> {
  readonly #listeners = new Set<(...told: Told) => void>()

  /** The listener is told until what this returns is called. */
  add(listener: (...told: Told) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(...told: Told): void {
    for (const listener of this.#listeners) listener(...told)
  }
}
