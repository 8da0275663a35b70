import type { EventBatch } from '../../events/batch.js'
import { WRAP_US } from '../words.js'
import type { DvsFilters } from './dvs-filters.js'

/**
 * One wrap period of events as words. The low 15 bits of time repeat with the period, so the words of a repeating
 * stimulus never change: the camera copies slices, whatever the rate.
 */
export interface WordLoop {
  readonly words: Uint16Array
  /** Index of the first word of each microsecond 0..32768. */
  readonly wordAt: Uint32Array
  /** Events that pass the filters before each microsecond. */
  readonly eventsBefore: Uint32Array
  /** Row words before each microsecond. */
  readonly rowsBefore: Uint32Array
}

export interface WordLoopOptions {
  readonly period: EventBatch
  readonly filters: DvsFilters
  readonly variant: 'A' | 'B'
}

/** Encodes a period. Every microsecond with events starts with its timestamp word (but 0, which the wrap implies). */
export function encodeWordLoop({ period, filters, variant }: WordLoopOptions): WordLoop {
  const swap = variant === 'B'
  // A timestamp for each microsecond, a row and a column for each event at most.
  const words = new Uint16Array(WRAP_US + 2 * period.length)
  let n = 0
  const wordAt = new Uint32Array(WRAP_US + 1)
  const eventsBefore = new Uint32Array(WRAP_US + 1)
  const rowsBefore = new Uint32Array(WRAP_US + 1)
  // The temporal filters look back: the first round fills their memory, the second one is the steady state.
  if (filters.active) {
    for (let i = 0; i < period.length; i++) {
      filters.pass(period.x[i]!, period.y[i]!, period.dtUs[i]!, period.on[i]!)
    }
  }
  let rows = 0
  let events = 0
  let i = 0
  for (let us = 0; us < WRAP_US; us++) {
    wordAt[us] = n
    eventsBefore[us] = events
    rowsBefore[us] = rows
    let row = -1
    for (; i < period.length && period.dtUs[i]! <= us; i++) {
      const x = period.x[i]!
      const y = period.y[i]!
      let on = period.on[i]!
      if (filters.active) {
        if (!filters.pass(x, y, WRAP_US + us, on)) continue
        on = filters.on
      }
      const rawRow = swap ? x : y
      if (row < 0 && us > 0) words[n++] = 0x8000 | us
      if (row !== rawRow) {
        words[n++] = 0x1000 | rawRow
        rows++
        row = rawRow
      }
      words[n++] = 0x2000 | (on << 12) | (swap ? y : x)
      events++
    }
  }
  wordAt[WRAP_US] = n
  eventsBefore[WRAP_US] = events
  rowsBefore[WRAP_US] = rows
  return { words: words.slice(0, n), wordAt, eventsBefore, rowsBefore }
}
