import { type Canvas, newCanvas } from '../pipeline/picture.js'

const TILES = 12
/** Kept at most, for each that is asked for: the more, the more even are their distances. */
const KEPT_FACTOR = 4
const COLUMNS = 3
const GAP_PX = 6

/**
 * Keeps things evenly spread over a stream whose length nobody knows: every one at first, and whenever there are too
 * many every second of them, from then on taking half as many.
 */
export class EvenSample<T> {
  readonly #most: number
  #kept: T[] = []
  #stride = 1
  #offered = 0

  constructor(most: number) {
    this.#most = most
  }

  /** `make` is called only when it is kept. */
  offer(make: () => T): void {
    if (this.#offered++ % this.#stride !== 0) return
    this.#kept.push(make())
    if (this.#kept.length < KEPT_FACTOR * this.#most) return
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }

  /** At most `most`, from the first to the last kept, in order. */
  take(): T[] {
    const count = Math.min(this.#most, this.#kept.length)
    if (count < 2) return this.#kept.slice(0, count)
    const step = (this.#kept.length - 1) / (count - 1)
    return Array.from({ length: count }, (_, i) => this.#kept[Math.round(i * step)]!)
  }
}

/** As many pictures as a contact sheet has. */
export function sheetSample<T>(): EvenSample<T> {
  return new EvenSample<T>(TILES)
}

/** Pictures of one size in rows of three, in reading order. */
export function contactSheet(tiles: readonly Canvas[]): Canvas {
  const [first] = tiles
  if (first === undefined) throw new RangeError('a contact sheet needs a picture')
  const columns = Math.min(COLUMNS, tiles.length)
  const rows = Math.ceil(tiles.length / columns)
  const [stepX, stepY] = [first.width + GAP_PX, first.height + GAP_PX]
  const sheet = newCanvas(columns * stepX + GAP_PX, rows * stepY + GAP_PX, [40, 42, 48])
  tiles.forEach((tile, i) => {
    const left = GAP_PX + (i % columns) * stepX
    const top = GAP_PX + Math.floor(i / columns) * stepY
    for (let y = 0; y < tile.height; y++) {
      const row = tile.data.subarray(4 * y * tile.width, 4 * (y + 1) * tile.width)
      sheet.data.set(row, 4 * ((top + y) * sheet.width + left))
    }
  })
  return sheet
}
