import type { Size } from '../events/geometry.js'
import { type Frame, PLANES, type WindowHeader } from './frame.js'

/** Where the aggregator puts windows. `claim` and `commit` come in pairs, or `claim` returns undefined. */
export interface FrameSink {
  /** Memory for the planes of one frame, 3 * width * height bytes; undefined if there is none and the window is lost. */
  claim(): Uint8Array | undefined
  /** The claimed memory is filled. */
  commit(header: WindowHeader): void
}

/** One frame, handed to `onFrame` whenever a window closes and overwritten by the next: for work on the same thread. */
export function frameCallback(size: Size, onFrame: (frame: Frame) => void): FrameSink {
  const { width, height } = size
  const planes = new Uint8Array(PLANES.length * width * height)
  return {
    claim: () => planes,
    commit: (header) => onFrame({ header, width, height, planes }),
  }
}
