import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame } from '../pipeline/frame.js'
import { framePng, type PictureBox, type Rgb, TRUE_COLOR } from '../pipeline/picture.js'
import type { Sequence } from '../sources/sequence/sequence.js'
import type { Track } from '../tracking/track.js'

/** Of contestants in their order. */
export const CONTESTANT_COLORS: readonly Rgb[] = [
  [80, 255, 120],
  [255, 200, 60],
  [255, 90, 160],
  [90, 200, 255],
  [200, 140, 255],
  [160, 160, 160],
]

/** Where pictures are taken, shares of the labels. */
const AT = [0, 0.2, 0.4, 0.6, 0.8, 1] as const

/** Writes `DIR/SEQUENCE-1.png` … of windows spread over a sequence, with true boxes (white) and everybody's tracks. */
export class SequencePictures {
  readonly #dir: string
  readonly #sequence: Sequence
  readonly #due: number[]
  #count = 0

  constructor(dir: string, sequence: Sequence) {
    this.#dir = dir
    this.#sequence = sequence
    this.#due = AT.map((share) => Math.round(share * (sequence.labels.length - 1)))
    mkdirSync(dir, { recursive: true })
  }

  frame(frame: Frame, tracks: readonly (readonly Track[])[]): void {
    const { labels, name } = this.#sequence
    const label = labels[this.#due[this.#count] ?? -1]
    const { tEndUs, events } = frame.header
    if (label === undefined || tEndUs < label.tUs) return
    this.#count++
    const boxes: PictureBox[] = tracks.flatMap((own, i) =>
      own.map((track) => ({
        box: track.box,
        color: CONTESTANT_COLORS[i % CONTESTANT_COLORS.length]!,
        label: track.state,
      })),
    )
    if (label.box !== undefined) boxes.push({ box: label.box, color: TRUE_COLOR })
    const seconds = ((tEndUs - labels[0].tUs) / 1e6).toFixed(2)
    const truth = label.box === undefined ? 'target not judged' : 'white: true'
    const caption = `${name}  t=${seconds} s  ${events} events  ${truth}`
    writeFileSync(
      join(this.#dir, `${name}-${this.#count}.png`),
      framePng(frame, boxes, { scale: 2, caption }),
    )
  }
}
