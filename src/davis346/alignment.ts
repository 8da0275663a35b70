import type { StreamLayout } from './layout.js'
import { CODE, SPECIAL } from './words.js'

/**
 * The camera moves 16-bit words, so a transfer of odd length means one of two things: the transport cut inside a word
 * (the partner comes first in the next transfer), or a byte was lost (the next transfer starts with a whole word).
 * Carrying the byte is right in the first case and would shift the whole stream for ever in the second; dropping it is
 * right only in the second. The next transfer tells: read with the wrong alignment it is full of words that no camera
 * sends.
 */

const SAMPLE_WORDS = 512
/** Fewer implausible words than this prove nothing: a faulty but aligned stream may hold some. */
const MIN_EVIDENCE = 3

/**
 * True when the byte carried from the last transfer has lost its partner and must be dropped.
 * `carried` is that byte, `bytes` the transfer after it.
 */
export function partnerIsLost(carried: number, bytes: Uint8Array, layout: StreamLayout): boolean {
  const joined = implausible(carried, bytes, layout)
  if (joined < MIN_EVIDENCE) return false
  return joined > 4 * implausible(-1, bytes, layout) + 1
}

function implausible(carried: number, bytes: Uint8Array, layout: StreamLayout): number {
  const { columns, rows } = layout.dvs
  let count = 0
  let last = 0
  let low = carried
  let i = 0
  for (let n = 0; n < SAMPLE_WORDS; n++) {
    if (low < 0) low = bytes[i++] ?? -1
    if (i >= bytes.length) break
    const word = low | (bytes[i++]! << 8)
    low = -1
    const data = word & 0xfff
    if (word & 0x8000) {
      const t = word & 0x7fff
      if (t < last) count++
      last = t
      continue
    }
    switch (word >> 12) {
      case CODE.special:
        if (data === 0 || data > SPECIAL.generatorRising) count++
        else if (data === SPECIAL.timestampReset) last = 0
        break
      case CODE.row:
        if (data >= rows) count++
        break
      case CODE.columnOff:
      case CODE.columnOn:
        if (data >= columns) count++
        break
      case CODE.sample:
        if (data > 0x3ff) count++
        break
      case CODE.misc8:
        if (data >> 8 > 3) count++
        break
      case CODE.misc10:
        if (data >> 10 > 0) count++
        break
      default:
        // Many wraps in one word come only after a long stall.
        if (data !== 1) count++
        last = 0
    }
  }
  return count
}
