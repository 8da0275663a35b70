import type { EventBatch } from '../../events/batch.js'
import type { Size } from '../../events/geometry.js'
import { NeighbourTimes } from '../neighbour-times.js'

/** The sensor is judged in tiles: noise is everywhere, what moves is somewhere. */
const COLUMNS = 8
const ROWS = 6
/** The tile at this share of all, by rate, shows the noise. */
const QUIET = 0.25
/** Its deviation from the mean of equal tiles, in standard deviations. */
const QUIET_SIGMA = 0.674
/** Events of eight neighbours that chance puts into the support time, at most. */
const CHANCE = 0.3
const LONGEST_SUPPORT_US = 20_000
const SHORTEST_SUPPORT_US = 300
/** How often the support time follows the event rate. */
const FOLLOW_US = 20_000

/**
 * Background rate of a pixel while a scene is being watched. An event is taken for noise when none of its eight neighbours
 * fired just before it. Rates come from the share of pixels that had no such event at all, so a few hot pixels count as
 * few pixels, however much they fire; and from the quieter tiles, so an object's stray events do not count.
 */
export class NoiseMeter {
  readonly #size: Size
  readonly #times: NeighbourTimes
  /** [height, width]: 1 for a pixel with a lonely event in this window. */
  readonly #lonely: Uint8Array
  #supportUs = LONGEST_SUPPORT_US
  #followedUs = Number.NaN
  #followed = 0
  /** Sum over the window of support times, weighted by time, and their weight. */
  #supportSum = 0
  #supportUsTotal = 0
  #events = 0
  #strangers = 0

  constructor(size: Size) {
    this.#size = size
    this.#times = new NeighbourTimes(size)
    this.#lonely = new Uint8Array(size.width * size.height)
  }

  /** A new window starts. */
  restart(): void {
    this.#supportSum = 0
    this.#supportUsTotal = 0
    this.#events = 0
    this.#strangers = 0
    this.#lonely.fill(0)
  }

  /** Device time has gone back. */
  reset(): void {
    this.#times.reset()
    this.#followedUs = Number.NaN
  }

  /** The busier the sensor, the closer in time strangers are. */
  #follow(tUs: number): void {
    const { width, height } = this.#size
    const spanUs = tUs - this.#followedUs
    this.#supportSum += this.#supportUs * spanUs
    this.#supportUsTotal += spanUs
    const wanted = (CHANCE * width * height * spanUs) / (8 * Math.max(1, this.#followed))
    this.#supportUs = Math.min(LONGEST_SUPPORT_US, Math.max(SHORTEST_SUPPORT_US, wanted))
    this.#followedUs = tUs
    this.#followed = 0
  }

  // hot
  /** Every event tells its neighbours; those `from`.. count. */
  add(batch: EventBatch, from: number): void {
    const { length, t0Us, dtUs, x, y } = batch
    const { width, height } = this.#size
    if (length === 0) return
    if (Number.isNaN(this.#followedUs)) this.#followedUs = t0Us + dtUs[0]!
    if (t0Us + dtUs[0]! - this.#followedUs >= FOLLOW_US) this.#follow(t0Us + dtUs[0]!)
    this.#followed += length
    const supportUs = this.#supportUs
    const lonely = this.#lonely
    const times = this.#times
    let strangers = 0
    for (let i = 0; i < length; i++) {
      const px = x[i]!
      const py = y[i]!
      if (px >= width || py >= height) continue
      const t = t0Us + dtUs[i]!
      if (i >= from && t - times.newest(px, py) > supportUs) {
        lonely[py * width + px] = 1
        strangers++
      }
      times.fired(px, py, t)
    }
    this.#events += length - from
    this.#strangers += strangers
  }

  /** Part of all events that no neighbour led up to, hot pixels included; 1 when there is nothing. */
  get lonelyShare(): number {
    return this.#events === 0 ? 1 : this.#strangers / this.#events
  }

  /** Events a second of a pixel, over a window of so many seconds. */
  read(seconds: number): number {
    const shares = this.#tileShares()
    const quiet = shares[Math.floor(QUIET * (shares.length - 1))]!
    const pixels = (this.#size.width * this.#size.height) / shares.length
    const spread = QUIET_SIGMA * Math.sqrt(Math.max(quiet, 1 / pixels) / pixels)
    const share = quiet === 0 ? 0 : Math.min(1 - 1 / pixels, quiet + spread)
    const lonelyHz = -Math.log(1 - share) / Math.max(1e-3, seconds)
    // Noise events that had a neighbour by chance were not seen.
    const weight = this.#supportUsTotal
    const supportUs = weight > 0 ? this.#supportSum / weight : this.#supportUs
    const reach = (8 * supportUs) / 1e6
    let hz = lonelyHz
    for (let i = 0; i < 8; i++) hz = lonelyHz * Math.exp(Math.min(1, hz * reach))
    return hz
  }

  /** Share of pixels with a lonely event, of each tile, in rising order. */
  #tileShares(): Float64Array {
    const { width, height } = this.#size
    const counts = new Float64Array(COLUMNS * ROWS)
    const areas = new Float64Array(COLUMNS * ROWS)
    for (let y = 0; y < height; y++) {
      const row = Math.floor((y * ROWS) / height) * COLUMNS
      for (let x = 0; x < width; x++) {
        const tile = row + Math.floor((x * COLUMNS) / width)
        counts[tile]! += this.#lonely[y * width + x]!
        areas[tile]!++
      }
    }
    for (let i = 0; i < counts.length; i++) counts[i]! /= Math.max(1, areas[i]!)
    return counts.sort()
  }
}
