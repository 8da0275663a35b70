import { type Box, center } from '../events/geometry.js'
import type { Moments } from './cluster-moments.js'
import { ClusterPath } from './cluster-path.js'
import type { ClusterConfig } from './cluster-schema.js'

/** Windows in which a new cluster learns how its events lie in its box. */
const LEARNING_WINDOWS = 8
/** Events less spread than this, as a standard deviation in pixels, tell no size. */
const MIN_SPREAD_PX = 0.7
/** Farthest that the centre of the events lies from the box's, over its size. */
const OFFSET_SHARE = 0.25
/** Shape (square root of the ratio of the sides' changes) is bounded: edges come and go with the direction of motion. */
const SHAPE_RANGE = 1.6
/** A box drawn around smeared events shrinks to no less than this share. */
const SMEAR_SHARE = 0.5
/** Share of a window in what is usual; a cluster that stops must not soon be used to it. */
const USUAL_RISE = 0.05
const USUAL_FALL = 0.01

/** How fast it moved, and over how long a window its events were gathered. */
interface Sighting {
  readonly vx: number
  readonly vy: number
  readonly windowUs: number
  readonly dtUs: number
}

/**
 * What is remembered of one cluster: its mass, its path, and how its box relates to its events. An event camera sees
 * edges, so a box is wider than the spread of its events by a factor that differs from thing to thing: it is learnt in
 * the first windows, and then the box follows changes of the spread. Events of a window lag half a window behind
 * its end, and motion smears them; both are taken off.
 */
export class ClusterBody {
  readonly path = new ClusterPath()
  /** Pixels with events beyond those of the surroundings: decaying in time, and usually. */
  mass = 0
  usualMass = 0
  /** Size, pixels. */
  w: number
  h: number
  readonly #config: ClusterConfig
  readonly #baseW: number
  readonly #baseH: number
  /** The box is somebody's who knows; otherwise it was drawn around the events of a window. */
  readonly #given: boolean
  /** From the centre of the events to that of the box, as it was in the first window. */
  readonly #firstX: number
  readonly #firstY: number
  #offsetX: number
  #offsetY: number
  #windows = 0
  #spreadX = 0
  #spreadY = 0
  #scale = 1
  #shape = 1

  constructor(
    box: Box,
    events: Moments,
    options: { given: boolean; config: ClusterConfig; sighting: Omit<Sighting, 'dtUs'> },
  ) {
    const { given, config, sighting } = options
    const at = center(box)
    const smear = given ? 0 : sighting.windowUs / 1e6
    this.#config = config
    this.#given = given
    this.#baseW = Math.max(SMEAR_SHARE * box.w, box.w - Math.abs(sighting.vx) * smear)
    this.#baseH = Math.max(SMEAR_SHARE * box.h, box.h - Math.abs(sighting.vy) * smear)
    this.w = this.#baseW
    this.h = this.#baseH
    this.#firstX = bound(at.x - events.cx, OFFSET_SHARE * box.w)
    this.#firstY = bound(at.y - events.cy, OFFSET_SHARE * box.h)
    this.#offsetX = this.#firstX
    this.#offsetY = this.#firstY
  }

  get offsetX(): number {
    return this.#offsetX
  }

  get offsetY(): number {
    return this.#offsetY
  }

  /**
   * While the velocity of a given box is still being learnt, its first offset is that of the end of the window: the
   * lag is in it.
   */
  align({ vx, vy, windowUs }: Omit<Sighting, 'dtUs'>): void {
    if (!this.#given || this.#windows >= LEARNING_WINDOWS) return
    const lag = windowUs / 2e6
    this.#offsetX = this.#firstX - vx * lag
    this.#offsetY = this.#firstY - vy * lag
  }

  /** Takes this window's mass into account; without events it decays. */
  weigh(seen: number, dtUs: number): void {
    const gain = this.mass === 0 ? 1 : rate(dtUs, this.#config.massMs)
    this.mass += gain * (seen - this.mass)
  }

  /** Takes over what a window in which it was clearly seen says of its size. */
  learn(events: Moments, sighting: Sighting): void {
    const change = events.mass - this.usualMass
    const gain = this.usualMass === 0 ? 1 : change > 0 ? USUAL_RISE : USUAL_FALL
    this.usualMass += gain * change
    const spreadX = still(events.sdX, sighting.vx, sighting.windowUs)
    const spreadY = still(events.sdY, sighting.vy, sighting.windowUs)
    if (this.#windows < LEARNING_WINDOWS) {
      this.#windows++
      this.#spreadX += (spreadX - this.#spreadX) / this.#windows
      this.#spreadY += (spreadY - this.#spreadY) / this.#windows
      return
    }
    const x = spreadX / this.#spreadX
    const y = spreadY / this.#spreadY
    const { sizeMs, aspectMs } = this.#config
    this.#scale += rate(sighting.dtUs, sizeMs) * (Math.sqrt(x * y) - this.#scale)
    this.#shape += rate(sighting.dtUs, aspectMs) * (Math.sqrt(x / y) - this.#shape)
    this.#shape = Math.max(1 / SHAPE_RANGE, Math.min(SHAPE_RANGE, this.#shape))
    this.w = this.#baseW * this.#scale * this.#shape
    this.h = (this.#baseH * this.#scale) / this.#shape
  }

  /** Bounds both sides to `range` times what they were at first, up or down, and from below. */
  limit({ range, minPx }: { range: number; minPx: number }): void {
    this.#scale = Math.max(1 / range, Math.min(range, this.#scale))
    this.w = Math.max(minPx, Math.min(this.w, this.#baseW * range))
    this.h = Math.max(minPx, Math.min(this.h, this.#baseH * range))
  }
}

/** Spread without the smear of a motion: that of a uniform stretch of way. */
function still(sd: number, speed: number, windowUs: number): number {
  const way = (speed * windowUs) / 1e6
  return Math.max(MIN_SPREAD_PX, Math.sqrt(Math.max(0, sd * sd - (way * way) / 12)))
}

function rate(dtUs: number, timeMs: number): number {
  return 1 - Math.exp(-dtUs / (timeMs * 1000))
}

function bound(value: number, limit: number): number {
  return Math.max(-limit, Math.min(limit, value))
}
