import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Box } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'
import type { Sequence } from '../sources/sequence/sequence.js'

/** Grey of a pixel without events; each ON event is brighter by what an event is worth in a frame, each OFF darker. */
const MIDDLE_GREY = 128

/**
 * Writes what other trackers need to be compared on the same windows: `DIR/NAME/frames.bin`, one 8-bit grey image of
 * 128 + ON − OFF per label (the newest window that ended at or before it), row-major, one after another; and
 * `frames.json` with their times and boxes. Image 0 is the one that `init` belongs to.
 */
export class FrameExport {
  readonly #dir: string
  readonly #sequence: Sequence
  readonly #file: number
  #grey: Uint8Array | undefined
  #size = { width: 0, height: 0 }
  #next = 0

  constructor(dir: string, sequence: Sequence) {
    this.#dir = join(dir, sequence.name)
    this.#sequence = sequence
    mkdirSync(this.#dir, { recursive: true })
    this.#file = openSync(join(this.#dir, 'frames.bin'), 'w')
  }

  frame({ header, width, height, planes }: Frame): void {
    this.#size = { width, height }
    this.#writeUntil(header.tEndUs)
    const pixels = width * height
    const grey = (this.#grey ??= new Uint8Array(pixels))
    for (let i = 0; i < pixels; i++) {
      const value = MIDDLE_GREY + planes[2 * pixels + i]! - planes[pixels + i]!
      grey[i] = value < 0 ? 0 : value > 255 ? 255 : value
    }
  }

  end(): void {
    this.#writeUntil(Infinity)
    closeSync(this.#file)
    const { name, group, labels } = this.#sequence
    const description = {
      ...this.#size,
      count: labels.length,
      tUs: labels.map(({ tUs }) => tUs),
      init: row(labels[0].box),
      truth: labels.map(({ box }) => (box === undefined ? null : row(box))),
      name,
      group,
    }
    writeFileSync(join(this.#dir, 'frames.json'), `${JSON.stringify(description)}\n`)
  }

  /** Labels before `endUs` are answered by the window before. */
  #writeUntil(endUs: number): void {
    const { labels } = this.#sequence
    for (; this.#next < labels.length && labels[this.#next]!.tUs < endUs; this.#next++) {
      // Before the first window there is nothing to see.
      const blank = () => new Uint8Array(this.#size.width * this.#size.height).fill(MIDDLE_GREY)
      writeSync(this.#file, this.#grey ?? blank())
    }
  }
}

const row = ({ x, y, w, h }: Box) => [x, y, w, h]
