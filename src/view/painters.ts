import { writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { encodePng } from '../pipeline/picture.js'
import { type Clip, openClip } from './clip.js'
import { contactSheet, sheetSample } from './contact-sheet.js'
import { paintScenery, type Scenery } from './scenery.js'

/** Takes the windows of a recording in order and makes a file of them. */
export interface Painter {
  window(scenery: Scenery): Promise<void>
  /** Pictures in the file. */
  finish(): Promise<number>
  /** Gives up. Does nothing after finish(). */
  discard(): Promise<void>
}

export interface Look {
  readonly scale: number
  readonly framesPerSecond: number
  /** Seconds of the recording in a second of the clip. */
  readonly speed: number
}

/** A longer jump of device time is cut out. */
const LONGEST_GAP_US = 1_000_000

/** The painter for a file of this name. Throws CONFIG_INVALID when it is neither .mp4 nor .png. */
export function painterFor(out: string, look: Look): Painter {
  const kind = extname(out).toLowerCase()
  if (kind === '.mp4') return new ClipPainter(out, look)
  if (kind === '.png') return new SheetPainter(out, look)
  throw new EvtrackError('CONFIG_INVALID', `--out ${out} is neither a video nor a picture.`, {
    next: 'Give it a name that ends in .mp4 for a video or in .png for a sheet of pictures.',
  })
}

/** A video at a steady rate of device time; a picture stays as long as no newer window has ended. */
class ClipPainter implements Painter {
  readonly #out: string
  readonly #look: Look
  /** Device time between two pictures. */
  readonly #periodUs: number
  #clip: Clip | undefined
  /** Where the recording begins, for the caption. */
  #originUs = Number.NaN
  /** Where it would have begun had nothing been cut. */
  #startUs = Number.NaN
  #pictures = 0

  constructor(out: string, look: Look) {
    this.#out = out
    this.#look = look
    this.#periodUs = (1e6 * look.speed) / look.framesPerSecond
  }

  async window(scenery: Scenery): Promise<void> {
    const { framesPerSecond, scale } = this.#look
    const { tEndUs } = scenery.frame.header
    if (Number.isNaN(this.#originUs)) this.#originUs = this.#startUs = tEndUs
    const lateUs = tEndUs - this.#dueUs()
    // Time that restarts goes on where the clip is, and nobody waits through a long gap.
    const back = lateUs < -(this.#periodUs + LONGEST_GAP_US)
    if (back || lateUs > LONGEST_GAP_US) this.#startUs += lateUs
    if (tEndUs < this.#dueUs()) return
    const picture = paintScenery(scenery, { scale, startUs: this.#originUs })
    this.#clip ??= await openClip(this.#out, { size: picture, framesPerSecond })
    while (tEndUs >= this.#dueUs()) {
      await this.#clip.write(picture)
      this.#pictures++
    }
  }

  async finish(): Promise<number> {
    await this.#clip?.finish()
    return this.#pictures
  }

  async discard(): Promise<void> {
    await this.#clip?.discard()
  }

  /** Device time of the next picture. */
  #dueUs(): number {
    return this.#startUs + this.#pictures * this.#periodUs
  }
}

/** One picture with windows spread over the recording. */
class SheetPainter implements Painter {
  readonly #out: string
  readonly #look: Look
  readonly #sample = sheetSample<Scenery>()
  #startUs = Number.NaN

  constructor(out: string, look: Look) {
    this.#out = out
    this.#look = look
  }

  async window({ frame, tracks, trails }: Scenery): Promise<void> {
    if (Number.isNaN(this.#startUs)) this.#startUs = frame.header.tEndUs
    // The frame is borrowed.
    this.#sample.offer(() => ({
      frame: { ...frame, planes: frame.planes.slice() },
      tracks,
      trails,
    }))
  }

  async finish(): Promise<number> {
    const look = { scale: this.#look.scale, startUs: this.#startUs }
    const tiles = this.#sample.take().map((scenery) => paintScenery(scenery, look))
    try {
      await writeFile(this.#out, encodePng(contactSheet(tiles)))
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new EvtrackError('CONFIG_INVALID', `${this.#out} cannot be written: ${reason}.`, {
        next: 'Give --out a path in a folder that exists, is writable and has room.',
        cause,
      })
    }
    return tiles.length
  }

  async discard(): Promise<void> {}
}
