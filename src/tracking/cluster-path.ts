/** Points kept: two thirds of a second at a hundred windows a second. */
const POINTS = 64
/** Fewer points say nothing of a velocity. */
const MIN_POINTS = 4

/** The places where a cluster's events were, and the straight line through the newest of them. */
export class ClusterPath {
  vx = 0
  vy = 0
  readonly #xs = new Float64Array(POINTS)
  readonly #ys = new Float64Array(POINTS)
  readonly #tUs = new Float64Array(POINTS)
  /** Points ever added since the last clearing. */
  #added = 0
  #fitted = false

  /** The velocity was fitted to points of this path. */
  get isFitted(): boolean {
    return this.#fitted
  }

  clear(): void {
    this.#added = 0
    this.#fitted = false
    this.vx = 0
    this.vy = 0
  }

  /** Time goes forwards: a point that is not newer than the last one starts a new path. The oldest point makes room. */
  // hot
  add(x: number, y: number, tUs: number): void {
    const last = (this.#added + POINTS - 1) % POINTS
    if (this.#added > 0 && tUs <= this.#tUs[last]!) this.clear()
    const at = this.#added % POINTS
    this.#xs[at] = x
    this.#ys[at] = y
    this.#tUs[at] = tUs
    this.#added++
  }

  /**
   * Fits a line to the points of the last `pathUs` by least squares. Returns false, and leaves the velocity (pixels
   * per second) alone, when there are too few.
   */
  // hot
  fit(pathUs: number): boolean {
    const held = Math.min(this.#added, POINTS)
    if (held < MIN_POINTS) return false
    const newest = (this.#added - 1) % POINTS
    const endUs = this.#tUs[newest]!
    let n = 0
    let sumT = 0
    let sumX = 0
    let sumY = 0
    let sumTT = 0
    let sumTX = 0
    let sumTY = 0
    for (let back = 0; back < held; back++) {
      const at = (newest - back + POINTS) % POINTS
      const t = (this.#tUs[at]! - endUs) / 1e6
      if (-t * 1e6 > pathUs) break
      // Relative to the newest point: large coordinates would cost digits.
      const x = this.#xs[at]! - this.#xs[newest]!
      const y = this.#ys[at]! - this.#ys[newest]!
      n++
      sumT += t
      sumX += x
      sumY += y
      sumTT += t * t
      sumTX += t * x
      sumTY += t * y
    }
    const spread = n * sumTT - sumT * sumT
    if (n < MIN_POINTS || spread <= 0) return false
    this.vx = (n * sumTX - sumT * sumX) / spread
    this.vy = (n * sumTY - sumT * sumY) / spread
    this.#fitted = true
    return true
  }
}
